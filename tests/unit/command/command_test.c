/* See command_test.h; used by the tests of `countersign zone` and `countersign subject`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/command.h"
#include "command_test.h"

static char folder[64], config[96];
static struct said said;

void command_test_config(const char *blocks)
{
    FILE *out = fopen(config, "w");

    assert_non_null(out);
    fprintf(out,
            "state = \"%s/state\"; runtime = \"%s/run\"; log_level = \"error\";\n"
            "store = { main = { plugin = \"%s\"; busy_timeout = \"200ms\"; }; };\n%s\n",
            folder, folder, getenv("STORE_SQLITE"), blocks);
    assert_int_equal(fclose(out), 0);
}

void command_test_open(void)
{
    snprintf(folder, sizeof folder, "/tmp/countersign-command-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(config, sizeof config, "%s/countersign.conf", folder);
    command_test_config("dns = { builtin = { plugin = \"dns-builtin\"; }; pdns = { plugin = \"dns-pdns\"; }; };\n"
                        "ca = { le = { plugin = \"ca-acme\"; }; local = { plugin = \"ca-local\"; }; };");
}

void command_test_close(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* exit(), not _exit(): a sanitizer then looks for what was not freed. */
static void run_in_child(const char *words, int out)
{
    static char program[] = "countersign", option[] = "-c";
    char *line = strdup(words), *rest = line, *argv[32] = { program, option, config };
    int argc = 3, code;

    dup2(out, 1);
    dup2(out, 2);
    close(out);
    while (argc < 31 && (argv[argc] = strsep(&rest, "|")))
        argc++;
    argv[argc] = NULL;
    code = command_run(argc, argv);
    free(line);
    exit(code);
}

const struct said *command_test_run(const char *words)
{
    int pipes[2], status;
    size_t len = 0;
    ssize_t n;
    pid_t child;

    fflush(NULL);
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        close(pipes[0]);
        run_in_child(words, pipes[1]);
    }
    close(pipes[1]);
    while ((n = read(pipes[0], said.text + len, sizeof said.text - 1 - len)) > 0)
        len += (size_t)n;
    said.text[len] = '\0';
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    said.code = WEXITSTATUS(status);
    return &said;
}

void expect(const char *words, int code, const char *text)
{
    command_test_run(words);
    assert_string_equal(said.text, text);
    assert_int_equal(said.code, code);
}

void expect_part(const char *words, int code, const char *part)
{
    command_test_run(words);
    if (!strstr(said.text, part))
        fail_msg("`%s` says \"%s\", not \"%s\"", words, said.text, part);
    assert_int_equal(said.code, code);
}

/* dns-exec: how programs are called, what reaches them, and what becomes of those that fail, hang or talk too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <countersign/dns.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../fakes/host.h"
#include "environment.h"
#include "program.h"

#define OWNER "_acme-challenge.www.trial.example."
#define ZONE  "trial.example."
#define VALUE "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define OTHER "gfj9Xq0Rg85nM0cbZ4mQy6gTXyQ0xI6Gd8pNkLrwfaA"

extern const struct cs_plugin cs_plugin;

static struct {
    const char *program, *secrets;
    struct cs_strings arguments, environment;
    int64_t timeout;
} conf;
static char folder[64], script[96], heard[96];
static void *self;
static struct cs_error err;

/* ---- The scene --------------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static const char *read_file(const char *path)
{
    static char text[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
    return text;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sizeof conf, cs_plugin.settings_size);
    snprintf(folder, sizeof folder, "/tmp/countersign-exec-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(script, sizeof script, "%s/hook", folder);
    snprintf(heard, sizeof heard, "%s/heard", folder);
    memset(&conf, 0, sizeof conf);
    conf.program = script;
    conf.secrets = "";
    conf.timeout = 20000;
    err = (struct cs_error){ 0 };
    self = NULL;
    host_begin(folder);
    return 0;
}

static int tear_down(void **state)
{
    const char *left;

    (void)state;
    if (self)
        cs_plugin.close(self);
    left = host_end();
    unlink(script);
    unlink(heard);
    assert_int_equal(rmdir(folder), 0);
    if (left)
        fail_msg("%s", left);
    return 0;
}

/* The script's standard output goes to the file `heard`. */
static void use_script(const char *body)
{
    char text[4096];

    snprintf(text, sizeof text, "#!/bin/sh\nexec >>%s\n%s\n", heard, body);
    write_file(script, text, 0755);
    assert_int_equal(cs_plugin.open(host_instance(), &conf, &self, &err), 0);
}

static const struct host_result *change(const char *want, const char *gone)
{
    const struct cs_txt_change txt = { .size = sizeof txt,
                                       .zone = ZONE,
                                       .owner = OWNER,
                                       .want = &want,
                                       .n_want = want != NULL,
                                       .gone = &gone,
                                       .n_gone = gone != NULL,
                                       .ttl = 10 };
    struct cs_op *op = host_op(30000, false);

    cs_plugin.dns->set_txt(self, &txt, op);
    while (host_turn())
        ;
    assert_true(host_result(op)->finished);
    return host_result(op);
}

static void expect_error(enum cs_code code, const char *words)
{
    const struct host_result *result = change(VALUE, NULL);

    assert_int_equal(result->err.code, code);
    if (!strstr(result->err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", result->err.text, words);
}

static int64_t real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- How it is called -------------------------------------------------------------------------------------------------- */

static void one_run_for_each_value_with_four_words(void **state)
{
    (void)state;
    use_script("echo \"$#: $*\"");
    assert_int_equal(change(VALUE, OTHER)->err.code, CS_OK);
    assert_string_equal(read_file(heard), "4: add " OWNER " " VALUE " " ZONE "\n4: remove " OWNER " " OTHER " " ZONE "\n");
}

static void arguments_come_first_and_no_shell_reads_them(void **state)
{
    static const char *const words[] = { "$(id)", "two words", "*" };

    (void)state;
    conf.arguments = (struct cs_strings){ words, 3 };
    use_script("printf '%s|' \"$@\"");
    assert_int_equal(change(VALUE, NULL)->err.code, CS_OK);
    assert_string_equal(read_file(heard), "$(id)|two words|*|add|" OWNER "|" VALUE "|" ZONE "|");
}

static void the_change_stands_in_the_environment_too(void **state)
{
    (void)state;
    use_script("echo $COUNTERSIGN_ACTION $COUNTERSIGN_OWNER $COUNTERSIGN_VALUE $COUNTERSIGN_ZONE $COUNTERSIGN_TTL");
    assert_int_equal(change(VALUE, NULL)->err.code, CS_OK);
    assert_string_equal(read_file(heard), "add " OWNER " " VALUE " " ZONE " 10\n");
}

static void the_environment_is_clean(void **state)
{
    static const char *const more[] = { "REGION=eu=1", "LC_ALL=C" };

    (void)state;
    setenv("SECRET_OF_THE_SERVER", "1", 1);
    conf.environment = (struct cs_strings){ more, 2 };
    conf.secrets = "# of the provider\n\nTOKEN=t0ps3cret\r\n";
    use_script(
        "env | cut -d= -f1 | sort | tr '\\n' ' '; echo; echo $REGION $LC_ALL $TOKEN; [ \"$HOME\" = \"$PWD\" ] && echo home");
    assert_int_equal(change(VALUE, NULL)->err.code, CS_OK);
    assert_string_equal(
        read_file(heard),
        "COUNTERSIGN_ACTION COUNTERSIGN_OWNER COUNTERSIGN_TTL COUNTERSIGN_VALUE COUNTERSIGN_ZONE HOME LC_ALL PATH PWD "
        "REGION TOKEN \neu=1 C t0ps3cret\nhome\n");
}

static void a_later_variable_replaces_an_earlier_one(void **state)
{
    static const char *const more[] = { "A=1", "B=2", "A=3", "TOKEN=public" };
    struct environment environment;
    char text[] = "token is secret1, not public, and secret2";

    (void)state;
    assert_int_equal(environment_make(&environment, "/h", &(struct cs_strings){ more, 4 }, "TOKEN=secret1\nX=secret2", &err),
                     0);
    assert_int_equal(environment.n, 7);
    assert_string_equal(environment.v[3], "B=2");
    assert_string_equal(environment.v[4], "A=3");
    assert_string_equal(environment.v[5], "TOKEN=secret1");
    assert_null(environment.v[7]);
    environment_hide_secrets(&environment, text, false);
    assert_string_equal(text, "token is ***, not public, and ***");
    environment_free(&environment);
}

static void no_descriptor_and_no_blocked_signal_reaches_it(void **state)
{
    const int open_fd = open("/dev/null", O_RDONLY); /* deliberately without O_CLOEXEC */
    sigset_t all, before;

    (void)state;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    /* The shell itself looks: while it starts a child it has other descriptors and blocks signals. 3 is the folder of them. */
    use_script("cd /proc/$$/fd; echo *\n"
               "while read -r name value; do [ \"$name\" != SigBlk: ] || echo $name $value; done </proc/$$/status\n"
               "read -r pid name state parent group session rest </proc/$$/stat; [ $session = $$ ] && echo own session");
    assert_int_equal(change(VALUE, NULL)->err.code, CS_OK);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(open_fd);
    assert_string_equal(read_file(heard), "0 1 10 2 3\nSigBlk: 0000000000000000\nown session\n");
}

/* ---- How it ends ------------------------------------------------------------------------------------------------------- */

static void the_last_line_of_stderr_explains_a_failure(void **state)
{
    (void)state;
    use_script("echo first >&2; echo 'the API said 403' >&2; echo >&2; exit 1");
    expect_error(CS_EUPSTREAM, "hook add " OWNER " ended with 1: the API said 403");
}

static void a_failure_without_a_word_says_so(void **state)
{
    (void)state;
    use_script("exit 3");
    expect_error(CS_EUPSTREAM, "ended with 3; it said nothing on stderr");
}

static void exit_codes_tell_whether_trying_again_helps(void **state)
{
    static const struct {
        const char *body;
        enum cs_code code;
    } cases[] = {
        { "exit 75", CS_EUPSTREAM }, { "exit 78", CS_ECONFIG },  { "exit 64", CS_ECONFIG },
        { "exit 77", CS_EREFUSED },  { "exit 68", CS_EREFUSED }, { "exit 255", CS_EUPSTREAM },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        use_script(cases[i].body);
        expect_error(cases[i].code, "ended with");
        cs_plugin.close(self);
        self = NULL;
    }
}

static void the_second_value_is_not_tried_after_the_first_failed(void **state)
{
    (void)state;
    use_script("echo $1; [ $1 = remove ]");
    assert_int_equal(change(VALUE, OTHER)->err.code, CS_EUPSTREAM);
    assert_string_equal(read_file(heard), "add\n");
}

static void a_secret_that_the_program_says_is_hidden(void **state)
{
    static const struct {
        const char *secrets, *says, *seen;
    } cases[] = {
        { "TOKEN=t0ps3cret\nPIN=9", "echo no t0ps3cret, $TOKEN, error 9", ": no ***, ***, error 9" },
        { "TOKEN=t0ps3cret", "printf '%0196d%s no' 0 $TOKEN", "0***" }, /* where the error cuts */
        { "TOKEN=t0ps3cret", "printf '%04090d%s no' 0 $TOKEN", "00" }, /* where the buffer ends */
        { "TOKEN=t0ps3cret", "printf '%s%02000d' $TOKEN 0", ": ***00" }, /* a long line is known by its beginning */
        { "TOKEN=k\303\266nigsblau", "echo no $TOKEN", ": no ***" },
        { "A=t0ps\nB=t0p\ts3cret\nC=t0ps3cret", "echo no \"$B\" $C", ": no *** ***" },
        { "A=t0ps3cret\nB=3cret-blau", "echo no t0ps3cret-blau", ": no ***" },
        { "A=t0ps3\nB=0ps3cret", "echo t0ps3cret", ": ***" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said;
        char text[200];

        conf.secrets = cases[i].secrets;
        snprintf(text, sizeof text, "{ %s; } >&2; exit 1", cases[i].says);
        use_script(text);
        said = change(VALUE, NULL)->err.text;
        if (!strstr(said, cases[i].seen) || strstr(said, "t0p") || strstr(said, "cret") || strstr(said, "blau"))
            fail_msg("case %zu: \"%s\"", i, said);
        cs_plugin.close(self);
        self = NULL;
    }
}

static void what_it_says_is_made_harmless_and_short(void **state)
{
    const struct host_result *result;

    (void)state;
    use_script("head -c 300000 /dev/zero | tr '\\0' x >&2; printf '\\n\\033[31mred\\303\\244\\t%0500d\\n' 7 >&2; exit 1");
    result = change(VALUE, NULL);
    assert_non_null(strstr(result->err.text, ": [31mred?? 000000"));
    assert_int_equal(strlen(strstr(result->err.text, "[31m")), 200);
}

static void a_signal_is_named(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as in the server */
    use_script("echo going >&2; kill -PIPE $$");
    expect_error(CS_EUPSTREAM, "died of signal 13 (Broken pipe): going");
    signal(SIGPIPE, SIG_DFL);
}

static void what_cannot_be_started_is_a_matter_of_configuration(void **state)
{
    (void)state;
    use_script("exit 0");
    write_file(script, "no program at all", 0755);
    expect_error(CS_ECONFIG, "it is no program");
    unlink(script);
    expect_error(CS_ECONFIG, "No such file");
}

static void a_child_that_stays_behind_holds_nobody(void **state)
{
    const int64_t start_ms = real_ms();
    int pid;

    (void)state;
    use_script("sleep 60 >/dev/null & echo $!");
    assert_int_equal(change(VALUE, NULL)->err.code, CS_OK);
    assert_true(real_ms() - start_ms < 30000);
    assert_int_equal(sscanf(read_file(heard), "%d", &pid), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
}

/* ---- Deadlines --------------------------------------------------------------------------------------------------------- */

static void its_time_over_it_is_told_and_may_clean_up(void **state)
{
    (void)state;
    conf.timeout = 200;
    use_script("trap 'echo cleaned; echo giving up >&2; exit 1' TERM; sleep 60 & wait");
    expect_error(CS_ETIMEDOUT, "took too long and was ended: giving up");
    assert_string_equal(read_file(heard), "cleaned\n");
}

static void who_ignores_that_is_killed_with_its_children(void **state)
{
    char comm[64], path[64];
    int pid;

    (void)state;
    conf.timeout = 100;
    use_script("trap '' TERM; (trap '' TERM; exec sleep 60) & echo $!; while :; do sleep 1; done");
    expect_error(CS_ETIMEDOUT, "took too long");
    assert_int_equal(sscanf(read_file(heard), "%d", &pid), 1);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (const int64_t end_ms = real_ms() + 20000; real_ms() < end_ms;) { /* init has to reap it */
        const char *stat = read_file(path);

        if (!*stat || sscanf(stat, "%*d %63s Z", comm) != 1 || strstr(stat, ") Z"))
            return;
        usleep(1000);
    }
    fail_msg("process %d still runs", pid);
}

static void no_run_begins_when_the_calls_time_is_over(void **state)
{
    const char *want = VALUE;
    const struct cs_txt_change txt = {
        .size = sizeof txt, .zone = ZONE, .owner = OWNER, .want = &want, .n_want = 1, .ttl = 10
    };
    struct cs_op *op;

    (void)state;
    use_script("echo ran");
    op = host_op(PROGRAM_KILL_MS, false);
    cs_plugin.dns->set_txt(self, &txt, op);
    while (host_turn())
        ;
    assert_int_equal(host_result(op)->err.code, CS_ETIMEDOUT);
    assert_string_equal(read_file(heard), "");
}

static void a_stop_leaves_a_run_little_time(void **state)
{
    char *const argv[] = { script, NULL }, *const envp[] = { NULL };
    struct program program = { .argv = argv, .envp = envp, .folder = "/", .timeout_ms = 60000, .stop_ms = 50 };
    struct program_end end;

    (void)state;
    write_file(script, "#!/bin/sh\nexec /bin/sleep 60\n", 0755);
    program.stop_fd = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(program_run(&program, &end, &err), 0);
    close(program.stop_fd);
    assert_true(end.stopped && !end.timed_out);
    assert_true(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGTERM);
}

static void a_stop_lets_a_run_that_is_nearly_done_end(void **state)
{
    (void)state;
    use_script("sleep 0.2; echo done");
    cs_plugin.stop(self);
    assert_int_equal(change(VALUE, NULL)->err.code, CS_OK);
    assert_string_equal(read_file(heard), "done\n");
}

/* ---- Settings ---------------------------------------------------------------------------------------------------------- */

static void refused(const char *words)
{
    const struct cs_strings none = { 0 };

    assert_int_equal(cs_plugin.check(&conf, &none, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_int_equal(cs_plugin.open(host_instance(), &conf, &self, &err), -1);
    assert_null(self);
}

static void programs_that_others_can_change_are_refused(void **state)
{
    (void)state;
    conf.program = "hook";
    refused("must be an absolute path");
    conf.program = "/nowhere/hook";
    refused("No such file");
    conf.program = folder;
    refused("not a program");
    conf.program = script;
    write_file(script, "#!/bin/sh\n", 0600);
    if (geteuid() != 0)
        refused("not a program");
    write_file(script, "#!/bin/sh\n", 0775);
    refused("others can change the program");
    write_file(script, "#!/bin/sh\n", 0757);
    refused("others can change the program");
    write_file(script, "#!/bin/sh\n", 0755);
    chmod(folder, 0777);
    refused("others can replace programs");
    chmod(folder, 0700);
}

static void variables_that_are_none_are_refused_without_their_value(void **state)
{
    static const char *const bad[] = { "1X=hidden", "=hidden", "hidden", "A-B=hidden", "COUNTERSIGN_OWNER=hidden" };

    (void)state;
    write_file(script, "#!/bin/sh\n", 0755);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        conf.environment = (struct cs_strings){ &bad[i], 1 };
        conf.secrets = "";
        refused("`environment`");
        assert_null(strstr(err.text, "hidden"));
        conf.environment = (struct cs_strings){ 0 };
        conf.secrets = bad[i];
        refused("`secrets`");
        assert_null(strstr(err.text, "hidden"));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_run_for_each_value_with_four_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arguments_come_first_and_no_shell_reads_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_change_stands_in_the_environment_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_environment_is_clean, set_up, tear_down),
        cmocka_unit_test(a_later_variable_replaces_an_earlier_one),
        cmocka_unit_test_setup_teardown(no_descriptor_and_no_blocked_signal_reaches_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_line_of_stderr_explains_a_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_without_a_word_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(exit_codes_tell_whether_trying_again_helps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_second_value_is_not_tried_after_the_first_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_secret_that_the_program_says_is_hidden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_says_is_made_harmless_and_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_started_is_a_matter_of_configuration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_that_stays_behind_holds_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_time_over_it_is_told_and_may_clean_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_ignores_that_is_killed_with_its_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_run_begins_when_the_calls_time_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_leaves_a_run_little_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_lets_a_run_that_is_nearly_done_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(programs_that_others_can_change_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(variables_that_are_none_are_refused_without_their_value, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

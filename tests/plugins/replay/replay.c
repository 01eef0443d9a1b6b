/*
 * Replays orders of ca-acme from text files, with a fake core and a moved clock: what the plugin asks is checked as a strict
 * CA does it (judge.c), what it is told stands in the file. tests/replay/README.md lists the statements.
 *
 *     replay FILE…                run each once
 *     replay --folder FOLDER      run all .txt files of a folder
 *     replay --shutdown FILE…     run each again and again, and stop the server before each of its statements in turn
 *     replay --deadline FILE…     the same with the order's deadline
 */
#include "replay.h"

#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "judge.h"

#define FILES_MOST 500
#define PATIENCE_MS (130 * 1000)

struct run run;

void fail(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: %s %s: ", run.at->file, run.at->line, run.at->verb, run.at->rest);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (run.op)
        fprintf(stderr, " (step %s%s%s)", host_step(run.op), host_result(run.op)->finished ? ", ended: " : "",
                host_result(run.op)->err.text);
    fprintf(stderr, "\n%s", host_log());
    exit(1);
}


/* The next word of *at, which moves on; "" at the end. */
const char *word(const char **at)
{
    static char words[4][3000];
    static int turn;
    size_t n = strcspn(*at, " ");
    char *out = words[turn++ % 4];

    snprintf(out, sizeof words[0], "%.*s", (int)n, *at);
    *at += n + strspn(*at + n, " ");
    return out;
}

int64_t time_of(const char *text)
{
    char *unit;
    int64_t n = strtoll(text, &unit, 10);

    if (strcmp(unit, "ms") == 0)
        return n;
    if (strcmp(unit, "s") == 0)
        return n * 1000;
    if (strcmp(unit, "m") == 0)
        return n * 60000;
    fail("\"%s\" is not a time", text);
}

static const char *const code_names[] = {
    [CS_OK] = "CS_OK",           [CS_EINPUT] = "CS_EINPUT",       [CS_EDENIED] = "CS_EDENIED",
    [CS_ENOTFOUND] = "CS_ENOTFOUND", [CS_ECONFLICT] = "CS_ECONFLICT", [CS_ELIMIT] = "CS_ELIMIT",
    [CS_EBUSY] = "CS_EBUSY",     [CS_ETIMEDOUT] = "CS_ETIMEDOUT", [CS_ESHUTDOWN] = "CS_ESHUTDOWN",
    [CS_EUPSTREAM] = "CS_EUPSTREAM", [CS_EREFUSED] = "CS_EREFUSED", [CS_ECONFIG] = "CS_ECONFIG",
    [CS_EINTERNAL] = "CS_EINTERNAL", [CS_ERESTART] = "CS_ERESTART",
    [CS_ECREDENTIAL] = "CS_ECREDENTIAL",
};

enum cs_code code_of(const char *name)
{
    for (size_t i = 0; i < sizeof code_names / sizeof *code_names; i++)
        if (strcmp(code_names[i], name) == 0)
            return (enum cs_code)i;
    fail("\"%s\" is no code", name);
}

void commit_saves(void)
{
    while (!run.hold_saves && host_save())
        host_commit(NULL);
}

/* Let things happen, and time pass, until `there`. */
bool wait_until(bool (*there)(const void *arg), const void *arg)
{
    int64_t waited_ms = 0, idle_ms;

    for (;;) {
        while (!there(arg) && (commit_saves(), host_turn()))
            ;
        if (there(arg))
            return true;
        idle_ms = host_idle_ms();
        if (idle_ms < 0 || waited_ms + idle_ms > PATIENCE_MS)
            return false;
        host_pass(idle_ms);
        waited_ms += idle_ms;
    }
}

long number_of(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (!text[0] || *end)
        fail("\"%s\" is not a number", text);
    return n;
}

const char *code_name(enum cs_code code)
{
    return code_names[code];
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *verb;
    void (*run)(const struct statement *s);
} verbs[] = {
    { "set", do_set },           { "open", do_open },           { "names", do_names },
    { "profile", do_profile },   { "replaces", do_replaces },   { "deadline", do_deadline },
    { "hold", do_hold },         { "challenge-types", do_challenge_types },
    { "sign", do_sign },         { "resume", do_resume },       { "revoke", do_revoke },
    { "renewal-info", do_renewal_info }, { "status", do_status }, { "shutdown", do_shutdown },
    { "restart", do_restart },   { "expect", do_expect },       { "header", do_header },
    { "binding", do_binding },   { "reply", do_reply },         { "problem", do_problem },
    { "huge", do_huge },         { "cut", do_cut },             { "commit", do_commit },
    { "published", do_published }, { "unpublished", do_unpublished },
    { "pass", do_pass },         { "quiet", do_quiet },         { "result", do_result },
    { "retry-after", do_retry_after }, { "alternates", do_alternates }, { "granted", do_granted },
    { "told", do_told },         { "requests", do_requests },   { "log", do_log },
    { "kept", do_kept },
};

/* Its serial number begins with a set bit, so that its DER has a zero byte in front. */
static const char leaf_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbjCCARWgAwIBAgIHAIdlQyGrzTAKBggqhkjOPQQDAjAMMQowCAYDVQQDDAFU\n"
    "MCAXDTI2MTEyMTA5NDcxMVoYDzIxMjYxMDI4MDk0NzExWjAUMRIwEAYDVQQDDAlh\n"
    "LmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQwfBz91NhCfBVtlZvS\n"
    "jvcC/BmLbtzQ+1dMpXEqkvTaOFYUsPfFLpjBnuZv2bD9V3aM+X0Nmn3cxIjpCkDy\n"
    "efG8o1gwVjAfBgNVHSMEGDAWgBTq9MrDirfznIKi/Yvhd2zqjcjjnjAUBgNVHREE\n"
    "DTALgglhLmV4YW1wbGUwHQYDVR0OBBYEFEA+gr4QIrGWe0bUnh0CgRn84Q2GMAoG\n"
    "CCqGSM49BAMCA0cAMEQCIDneVTBupcumOqgPcEBL+RlFdaNOlj8p/+UIlxmZqd7a\n"
    "AiBQtNOei8HgvaDwatFIVICaKxZRWLt+78+mb/y5PXI9ng==\n"
    "-----END CERTIFICATE-----\n";

/* What ${WORD} stands for, so that a scenario shows what is odd about it. */
static const struct {
    const char *word, *text;
} words_known[] = {
    { "URL", BASE_URL },
    { "TOKEN", "0123456789012345678901-_DNS1" },
    { "ORDER", "\"identifiers\": [{\"type\": \"dns\", \"value\": \"a.example\"}], "
               "\"authorizations\": [\"" BASE_URL "/authz/1\"], \"finalize\": \"" BASE_URL "/order/1/finalize\"" },
    { "NAME", "\"identifier\": {\"type\": \"dns\", \"value\": \"a.example\"}" },
    { "DNS01", "\"type\": \"dns-01\", \"url\": \"" BASE_URL "/challenge/1/dns\", \"token\": \"0123456789012345678901-_DNS1\"" },
    { "CSR", "MAggbm90IGEgQ1NSLCBjYS1hY21lIG9ubHkgaGFuZHMgaXQgb24g_wD-" },
    { "LEAF", leaf_pem },
};

static const char *replace(const char *what)
{
    for (size_t i = 0; i < sizeof words_known / sizeof *words_known; i++)
        if (strcmp(words_known[i].word, what) == 0)
            return words_known[i].text;
    if (strncmp(what, "CHAIN:", 6) == 0)
        return judge_chain(what + 6);
    return strncmp(what, "FOREIGN:", 8) == 0 ? judge_foreign_chain(what + 8) : NULL;
}

static void do_statement(const struct statement *s)
{
    run.at = s;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].verb, s->verb) == 0) {
            verbs[i].run(s);
            return;
        }
    fail("no such statement");
}

static void begin(char *folder)
{
    memcpy(folder, "/tmp/replay-XXXXXX", 19);
    if (!mkdtemp(folder))
        abort();
    host_begin(folder);
    judge_begin();
    run = (struct run){ .deadline_ms = 300 * 1000 };
}

static void remove_folder(const char *folder)
{
    struct text key = TEXT_MAX(200);

    text_addf(&key, "%s/account.pem", folder);
    unlink(text_of(&key));
    text_free(&key);
    if (rmdir(folder) < 0)
        fail("something was left in %s", folder);
}

/* The op is over, and nothing of it is left. */
static void end(const char *folder)
{
    const char *left;

    if (run.op && !host_result(run.op)->finished)
        fail("the op is still open");
    while (run.n_chains > 0)
        free(run.chains[--run.n_chains]);
    if (run.self)
        cs_plugin.close(run.self);
    run.op = NULL;
    left = host_end();
    if (left) {
        fprintf(stderr, "%s: left behind: %s\n", run.at->file, left);
        exit(1);
    }
    judge_end();
    host_forget();
    statement_release();
    remove_folder(folder);
}

bool is_shared(const char *url)
{
    return strstr(url, "/directory") || strstr(url, "/new-nonce") || strstr(url, "/new-account");
}

/* Stop at statement number `at` as `why` does it: the op must end at once, with that error. */
static void interrupt(enum cs_cancel why)
{
    const struct host_result *result;

    if (!run.op || host_result(run.op)->finished)
        return;
    host_cancel(run.op, why);
    result = host_result(run.op);
    if (!result->finished)
        fail("it did not end when it was told to");
    if (result->err.code != (why == CS_SHUTDOWN ? CS_ESHUTDOWN : CS_ETIMEDOUT))
        fail("it ended with %s %s", code_name(result->err.code), result->err.text);
    if (host_http() && !is_shared(host_http()->url))
        fail("it still asks %s", host_http()->url);
}

enum how { ONCE, SHUTDOWN_EVERYWHERE, DEADLINE_EVERYWHERE };

static void replay(const char *path, enum how how)
{
    struct scenario scenario = { 0 };
    char folder[32];

    scenario_read(&scenario, path, replace);
    for (size_t last = how == ONCE ? scenario.n : 1; last <= scenario.n; last++) {
        begin(folder);
        for (size_t i = 0; i < last; i++)
            do_statement(&scenario.statements[i]);
        if (how != ONCE)
            interrupt(how == SHUTDOWN_EVERYWHERE ? CS_SHUTDOWN : CS_DEADLINE);
        end(folder);
    }
    scenario_free(&scenario);
}

/* Each in a process of its own; told in the Test Anything Protocol. */
static bool replay_apart(const char *path, enum how how)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        replay(path, how);
        exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths of all .txt files in `folder`, sorted. */
static size_t list_files(const char *folder, char *paths[FILES_MOST])
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t n = 0;

    while (dir && n < FILES_MOST && (entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');
        struct text path = TEXT_MAX(4000);

        if (!dot || strcmp(dot, ".txt") != 0)
            continue;
        text_addf(&path, "%s/%s", folder, entry->d_name);
        paths[n++] = text_take(&path);
    }
    if (dir)
        closedir(dir);
    qsort(paths, n, sizeof *paths, compare);
    return n;
}

static int replay_all(char **paths, size_t n, enum how how)
{
    int failed = n == 0;

    printf("1..%zu\n", n);
    for (size_t i = 0; i < n; i++) {
        bool ok;

        fflush(stdout);
        ok = replay_apart(paths[i], how);
        failed += !ok;
        printf("%s %zu - %s\n", ok ? "ok" : "not ok", i + 1, basename(paths[i]));
    }
    return failed > 0;
}

int main(int argc, char **argv)
{
    enum how how = argc > 1 && strcmp(argv[1], "--shutdown") == 0 ? SHUTDOWN_EVERYWHERE
                   : argc > 1 && strcmp(argv[1], "--deadline") == 0 ? DEADLINE_EVERYWHERE
                                                                    : ONCE;
    int first = how == ONCE ? 1 : 2, rc;
    char *paths[FILES_MOST];
    size_t n;

    if (argc == 3 && strcmp(argv[1], "--folder") == 0) {
        n = list_files(argv[2], paths);
        rc = replay_all(paths, n, ONCE);
        while (n > 0)
            free(paths[--n]);
        return rc;
    }
    if (argc > first + 1)
        return replay_all(argv + first, (size_t)(argc - first), how);
    if (argc == first) {
        fprintf(stderr, "replay [--shutdown|--deadline] FILE… | --folder FOLDER\n");
        return 2;
    }
    replay(argv[first], how);
    return 0;
}

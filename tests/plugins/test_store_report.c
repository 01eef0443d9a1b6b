/* store-sqlite: who may read analytics.db, and its views as reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <grp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fakes/published.h"
#include "../fakes/store_host.h"

/* ---- Tests: the group ---- */

/* Becomes a user who is in that group and in no other, and tries. */
static int try_as_member(gid_t group)
{
    static const uid_t somebody = 64999;
    sqlite3 *sq = NULL;
    int rows;

    if (setgroups(1, &group) < 0 || setresgid(somebody, somebody, somebody) < 0 || setresuid(somebody, somebody, somebody) < 0)
        return 2;
    if (access(p.f.path, R_OK) == 0 || access(p.f.visits, R_OK) == 0 || access(p.f.folder, R_OK) == 0)
        return 3;
    if (sqlite3_open_v2(p.f.analytics, &sq, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return 4;
    rows = sqlite3_exec(sq, "SELECT * FROM requests", NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(sq);
    return rows ? 0 : 5;
}

static int as_member(gid_t group)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(try_as_member(group));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The plugin as it is configured by default, in the state folder STATE/store.main. */
static void open_in_state(const char *state, const char *folder, const char *group)
{
    static const struct {
        const char *name, *value;
    } names[] = { { "file", "state.db" }, { "visits", "visits.db" }, { "analytics", "analytics.db" } };

    assert_true(mkdir(state, 0700) == 0 && mkdir(folder, 0700) == 0);
    p.f.settings = calloc(1, cs_plugin.settings_size);
    for (const struct cs_option *o = cs_plugin.settings; o->type != CS_OPTION_END; o++) {
        const char **value = (const char **)(void *)((char *)p.f.settings + o->offset);

        for (size_t i = 0; i < 3; i++)
            if (!strcmp(o->name, names[i].name))
                *value = names[i].value;
        if (!strcmp(o->name, "analytics_group"))
            *value = group;
    }
    store_host.folder = folder;
    p.f.ops = p.ops = cs_plugin.store;
    snprintf(p.f.folder, sizeof p.f.folder, "%s", folder);
    snprintf(p.f.path, sizeof p.f.path, "%s/state.db", folder);
    snprintf(p.f.visits, sizeof p.f.visits, "%s/visits.db", folder);
    snprintf(p.f.analytics, sizeof p.f.analytics, "%s/analytics.db", folder);
}

/* Any group will do that we are not in; those of Debian's base system are on every machine. */
static void a_member_of_the_group_reads_it_and_nothing_else(void **state)
{
    char top[] = "/tmp/countersign-group-XXXXXX", state_folder[64], folder[80];
    struct group *games = getgrnam("games");
    gid_t group = games && geteuid() == 0 ? games->gr_gid : getegid();
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(top));
    assert_int_equal(chmod(top, 0755), 0);
    snprintf(state_folder, sizeof state_folder, "%s/state", top);
    snprintf(folder, sizeof folder, "%s/store.main", state_folder);
    open_in_state(state_folder, folder, getgrgid(group)->gr_name);
    assert_int_equal(cs_plugin.open(NULL, p.f.settings, &p.f.self, &p.err), 0);
    store_file_migrate(&p.f);
    assert_int_equal(p.ops->connect(p.f.self, CS_VISITS_READER, &p.r, &p.err), 0);
    store_host.lines[0] = '\0';
    publish();
    assert_string_equal(store_host.lines, "");
    assert_int_equal(stat(p.f.analytics, &st), 0);
    assert_int_equal(st.st_gid, group);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0710);
    assert_int_equal(stat(state_folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0710);
    if (geteuid() == 0) {
        assert_int_equal(as_member(group), 0);
        assert_int_equal(as_member(64998), 4);
    }
    assert_int_equal(chmod(top, 0700), 0);
    publish();
    assert_non_null(strstr(store_host.lines, "cannot reach"));
    assert_non_null(strstr(store_host.lines, top));
    p.ops->disconnect(p.f.self, p.r);
    store_file_close(&p.f);
    assert_true(rmdir(state_folder) == 0 && rmdir(top) == 0);
}

static void a_group_that_is_not_there_is_refused_at_once(void **state)
{
    char folder[] = "/tmp/countersign-group-XXXXXX", state_folder[64], store_folder[80];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(state_folder, sizeof state_folder, "%s/state", folder);
    snprintf(store_folder, sizeof store_folder, "%s/store.main", state_folder);
    open_in_state(state_folder, store_folder, "no-such-group");
    assert_int_equal(cs_plugin.open(NULL, p.f.settings, &p.f.self, &p.err), -1);
    assert_int_equal(p.err.code, CS_ECONFIG);
    assert_non_null(strstr(p.err.text, "groupadd no-such-group"));
    p.f.self = NULL;
    store_file_close(&p.f);
    assert_true(rmdir(state_folder) == 0 && rmdir(folder) == 0);
}

/* ---- Tests: reports ---- */

static char report_rows[4096];

static int on_row(void *arg, const struct cs_report_value *values, size_t n)
{
    size_t len = strlen(report_rows);

    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(report_rows + len, sizeof report_rows - len, "%s%s", i ? "|" : "",
                                values[i].text ? values[i].text : "NULL");
    snprintf(report_rows + len, sizeof report_rows - len, "\n");
    return arg && --*(int *)arg == 0;
}

static int report(void *conn, const char *name, const char *argument, const char *value)
{
    struct cs_report_value args[] = { { "since", NULL }, { argument, value } };

    report_rows[0] = '\0';
    return p.ops->report(conn, name, args, argument ? 2 : 0, on_row, NULL, &p.err);
}

#define assert_report(name, argument, value, expected)                                                                         \
    do {                                                                                                                       \
        assert_int_equal(report(a, name, argument, value), 0);                                                                 \
        assert_string_equal(report_rows, expected);                                                                            \
    } while (0)

static void fill_for_reports(void)
{
    struct cs_visit_label spring[] = { { "campaign", "spring" } }, autumn[] = { { "campaign", "autumn=2" } };

    add_visit((struct cs_visit){ .day = DAY, .src = 1, .labels = spring, .n_labels = 1 });
    add_visit((struct cs_visit){ .day = DAY + 1, .src = 1, .labels = autumn, .n_labels = 1 });
    add_visit((struct cs_visit){ .day = DAY + 2, .src = 1, .zone = "shop.example" });
    for (int i = 0; i < 3; i++)
        note_day(DAY + i, 1, 1, CS_DAY_CLOSED);
}

static void a_report_is_a_view_cut_down_to_what_was_asked_for(void **state)
{
    struct cs_report_value both[] = { { "until", "2026-11-22" }, { "label", "campaign" } };
    void *a = NULL;

    (void)state;
    fill_for_reports();
    publish();
    assert_int_equal(p.ops->connect(p.f.self, CS_ANALYTICS_READER, &a, &p.err), 0);
    assert_report("sources", "zone", "shop.example", "2026-11-23|shop.example|||1|1|1\n");
    assert_report("sources", "since", "2026-11-23", "2026-11-23|shop.example|||1|1|1\n");
    assert_report("sources", "label", "campaign=autumn=2", "2026-11-22|lab.example|campaign|autumn=2|1|1|1\n");
    assert_report("sources", "label", "",
                  "2026-11-21|lab.example|||1|1|1\n2026-11-22|lab.example|||1|1|1\n2026-11-23|shop.example|||1|1|1\n");
    assert_report("hours", "until", "2026-11-21", "2026-11-21|lab.example|0|1\n");
    assert_report("weeks", "since", "2026-11-22",
                  "2026-W47|2026-11-16|2|lab.example|||2|1|2\n2026-W47|2026-11-16|2|lab.example|campaign|autumn=2|1|1|1\n"
                  "2026-W47|2026-11-16|2|lab.example|campaign|spring|1|1|1\n2026-W48|2026-11-23|1|shop.example|||1|1|1\n");
    assert_report("weeks", "since", "2026-11-23", "2026-W48|2026-11-23|1|shop.example|||1|1|1\n");
    report_rows[0] = '\0';
    assert_int_equal(p.ops->report(a, "requests", both, 2, on_row, &(int){ 1 }, &p.err), 0);
    assert_string_equal(report_rows, "2026-11-21|lab.example|campaign|spring|issued|1|1|1\n");
    p.ops->disconnect(p.f.self, a);
}

static void each_view_is_a_report(void **state)
{
    sqlite3 *sq = NULL;
    sqlite3_stmt *s = NULL;
    void *a = NULL;
    int n = 0;

    (void)state;
    fill_for_reports();
    publish();
    assert_int_equal(p.ops->connect(p.f.self, CS_ANALYTICS_READER, &a, &p.err), 0);
    assert_int_equal(sqlite3_open_v2(p.f.analytics, &sq, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(sq, "SELECT name FROM sqlite_schema WHERE type = 'view' OR name = 'about'", -1, &s, NULL),
        SQLITE_OK);
    for (; sqlite3_step(s) == SQLITE_ROW; n++)
        if (report(a, (const char *)sqlite3_column_text(s, 0), NULL, NULL) < 0)
            fail_msg("%s", p.err.text);
    assert_int_equal(n, 11);
    sqlite3_finalize(s);
    sqlite3_close(sq);
    p.ops->disconnect(p.f.self, a);
}

static void what_a_report_cannot_tell_it_refuses(void **state)
{
    static const struct {
        const char *name, *argument, *value, *words;
    } wrong[] = { { "nothing", NULL, NULL, "no report" },     { "sqlite_schema", NULL, NULL, "no report" },
                  { "hours", "label", "a", "not made by" },   { "days", "zone", "x", "not made by" },
                  { "about", "since", "2026-11-21", "not" },  { "requests", "since", "yesterday", "must be a day" },
                  { "requests", "until", "20261121", "day" }, { "requests", "src", "1", "know since" } };
    void *a = NULL;

    (void)state;
    publish();
    assert_int_equal(p.ops->connect(p.f.self, CS_ANALYTICS_READER, &a, &p.err), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(report(a, wrong[i].name, wrong[i].argument, wrong[i].value), -1);
        assert_non_null(strstr(p.err.text, wrong[i].words));
        assert_int_equal(p.err.code, i < 2 ? CS_ENOTFOUND : CS_EINPUT);
    }
    assert_int_equal(report(p.r, "requests", NULL, NULL), -1);
    p.ops->disconnect(p.f.self, a);
}

static void a_connection_sees_what_is_published_later(void **state)
{
    void *a = NULL;

    (void)state;
    assert_int_equal(p.ops->connect(p.f.self, CS_ANALYTICS_READER, &a, &p.err), -1);
    assert_int_equal(p.err.code, CS_ENOTFOUND);
    publish();
    assert_int_equal(p.ops->connect(p.f.self, CS_ANALYTICS_READER, &a, &p.err), 0);
    assert_report("days", NULL, NULL, "");
    add_visit((struct cs_visit){ .day = DAY, .src = 1 });
    assert_report("hours", NULL, NULL, "");
    publish();
    assert_report("hours", NULL, NULL, "2026-11-21|lab.example|0|1\n");
    assert_int_equal(p.ops->begin(a, &p.err), 0);
    assert_report("hours", NULL, NULL, "2026-11-21|lab.example|0|1\n");
    add_visit((struct cs_visit){ .day = DAY, .src = 1 });
    publish();
    assert_report("hours", NULL, NULL, "2026-11-21|lab.example|0|1\n"); /* a reader's transaction is a snapshot */
    assert_int_equal(p.ops->commit(a, &p.err), 0);
    assert_report("hours", NULL, NULL, "2026-11-21|lab.example|0|2\n");
    p.ops->disconnect(p.f.self, a);
}

static void a_file_of_another_version_is_not_read(void **state)
{
    void *a = NULL;

    (void)state;
    publish();
    store_file_sql_on(p.f.analytics, "PRAGMA user_version = 2");
    assert_int_equal(p.ops->connect(p.f.self, CS_ANALYTICS_READER, &a, &p.err), -1);
    assert_non_null(strstr(p.err.text, "not published by this version"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_of_the_group_reads_it_and_nothing_else),
        cmocka_unit_test(a_group_that_is_not_there_is_refused_at_once),
        WITH_STORE(a_report_is_a_view_cut_down_to_what_was_asked_for),
        WITH_STORE(each_view_is_a_report),
        WITH_STORE(what_a_report_cannot_tell_it_refuses),
        WITH_STORE(a_connection_sees_what_is_published_later),
        WITH_STORE(a_file_of_another_version_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

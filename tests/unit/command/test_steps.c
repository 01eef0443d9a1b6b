/* core/command/steps.c: `countersign plugin test INSTANCE --zone ZONE --steps -`, with fake-dns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>

#include "../plugin/plugin_test.h"
#include "program.h"

/* A configuration with one fake-dns and these settings of it, and what it has done so far forgotten. */
static const char *conf(const char *more)
{
    char text[4 * PATH_MAX];

    copy_built("FAKES", "fake-dns", "fake-dns");
    mkdir(in_folder("values"), 0700);
    unlink(in_folder("values/calls"));
    snprintf(text, sizeof text,
             "state = \"%s/state\"; plugin_dir = \"%s\"; dns = { fake = { plugin = \"fake-dns\"; folder = \"%s\"; %s }; };\n",
             test_folder, test_folder, in_folder("values"), more);
    return write_text("test.conf", text);
}

static int run_steps(const char *settings, const char *steps, const char *deadline)
{
    program_input = write_text("steps", steps);
    return RUN("-c", conf(settings), "plugin", "test", "fake", "--zone", "lab.example", "--deadline", deadline, "--steps", "-");
}

static const char *file(const char *name)
{
    static char text[32768];

    read_said(name, text);
    return text;
}

static void each_line_is_a_call_and_gets_an_answer(void **state)
{
    (void)state;
    assert_int_equal(run_steps("",
                               "{\"owner\": \"_acme-challenge.www.lab.example.\", \"want\": [\"a\", \"b\"], \"ttl\": 10}\n"
                               "{\"owner\": \"_acme-challenge.WWW.lab.example\", \"gone\": [\"c\"], \"want\": [\"b\"]}\n"
                               "\n"
                               "{\"owner\": \"lab.example\", \"want\": [\"last line without an end\"]}",
                               "30s"),
                     0);
    assert_int_equal(strncmp(said.out, "{\"ok\":true,\"ms\":", 16), 0);
    assert_non_null(strstr(strstr(said.out + 1, "\n{\"ok\":true,\"ms\":") + 1, "\n{\"ok\":true,\"ms\":"));
    assert_string_equal(file("values/calls"), "_acme-challenge.www.lab.example. want=2 gone=0\n"
                                              "_acme-challenge.www.lab.example. want=1 gone=1\n"
                                              "lab.example. want=1 gone=0\n");
    assert_string_equal(file("values/_acme-challenge.www.lab.example."), "b\n");
    assert_string_equal(said.err, "");
}

static void what_the_plugin_says_is_told_with_its_code(void **state)
{
    (void)state;
    assert_int_equal(run_steps("failures = 1;", "{\"owner\": \"a.lab.example.\", \"want\": [\"a\"]}\n"
                                                "{\"owner\": \"a.lab.example.\", \"want\": [\"a\"]}\n", "30s"), 1);
    assert_has(said.out, "{\"ok\":false,\"code\":\"CS_EUPSTREAM\",\"text\":\"fake DNS failure 1\",\"ms\":");
    assert_has(said.out, "\n{\"ok\":true,");
}

static void a_line_that_is_no_step_is_refused_and_the_next_is_run(void **state)
{
    static const struct {
        const char *step, *said;
    } bad[] = {
        { "nonsense", "not a JSON object" },
        { "[]", "not a JSON object: something else" },
        { "{\"want\": []}", "it has no \\\"owner\\\"" },
        { "{\"owner\": 7}", "it has no \\\"owner\\\"" },
        { "{\"owner\": \"a..lab.example\"}", "owner: " },
        { "{\"owner\": \"a.other.example\"}", "a.other.example does not lie in the zone lab.example" },
        { "{\"owner\": \"xlab.example\"}", "xlab.example does not lie in the zone lab.example" },
        { "{\"owner\": \"lab.example\", \"want\": \"a\"}", "\\\"want\\\" is not a list" },
        { "{\"owner\": \"lab.example\", \"gone\": [1]}", "\\\"gone\\\" holds something that is not a string" },
        { "{\"owner\": \"lab.example\", \"gone\": [\"\"]}", "\\\"gone\\\" holds something that is not a string" },
        { "{\"owner\": \"lab.example\", \"ttl\": \"10\"}", "are whole numbers" },
        { "{\"owner\": \"lab.example\", \"ttl\": -1}", "\\\"ttl\\\" is between 0 and 86400 seconds" },
        { "{\"owner\": \"lab.example\", \"values\": []}", "a step has owner, want, gone, ttl, expires_ms" },
        { "{\"owner\": \"lab.example\", \"want\": [], \"want\": []}", "duplicate" },
    };
    char steps[256];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(steps, sizeof steps, "%s\n{\"owner\": \"lab.example.\"}\n", bad[i].step);
        assert_int_equal(run_steps("", steps, "30s"), 1);
        assert_has(said.out, "{\"ok\":false,\"code\":\"CS_EINPUT\",\"text\":\"step 1: ");
        assert_has(said.out, bad[i].said);
        assert_has(said.out, "\n{\"ok\":true,");
        assert_string_equal(file("values/calls"), "lab.example. want=0 gone=0\n");
    }
}

static void a_call_ends_at_its_deadline_and_the_next_waits_for_the_plugin(void **state)
{
    (void)state;
    assert_int_equal(run_steps("delay = \"400ms\";", "{\"owner\": \"lab.example.\", \"want\": [\"a\"]}\n"
                                                     "{\"owner\": \"lab.example.\", \"want\": [\"a\"]}\n", "100ms"), 1);
    assert_has(said.out, "{\"ok\":false,\"code\":\"CS_ETIMEDOUT\",");
    assert_null(strstr(said.out, "CS_EBUSY"));
    assert_string_equal(file("values/calls"), "lab.example. want=1 gone=0\nlab.example. want=1 gone=0\n");
}

static void a_plugin_that_never_finishes_does_not_hold_up_the_command(void **state)
{
    (void)state;
    assert_int_equal(run_steps("delay = \"1h\";", "{\"owner\": \"lab.example.\", \"want\": [\"a\"]}\n"
                                                  "{\"owner\": \"lab.example.\", \"want\": [\"a\"]}\n", "50ms"), 1);
    assert_has(said.out, "\"code\":\"CS_ETIMEDOUT\",\"text\":\"the plugin did not finish the call, not even");
    assert_has(said.out, "\"code\":\"CS_EBUSY\",\"text\":\"the plugin was not asked");
    assert_string_equal(file("values/calls"), "lab.example. want=1 gone=0\n");
}

/* Its block stands under `ca`, and dns.fake is another name of it. */
static void a_plugin_that_waits_and_plays_two_roles_is_driven_in_its_workers(void **state)
{
    char text[4 * PATH_MAX];

    (void)state;
    copy_built("FAKES", "fake-blocking-ca", "fake-blocking-ca");
    snprintf(text, sizeof text,
             "state = \"%s/state\"; plugin_dir = \"%s\";\n"
             "ca = { both = { plugin = \"fake-blocking-ca\"; log = \"%s\"; }; };\n"
             "dns = { fake = \"ca.both\"; };\n",
             test_folder, test_folder, in_folder("log"));
    program_input = write_text("steps", "{\"owner\": \"lab.example\", \"want\": [\"a\"]}\n"
                                        "{\"owner\": \"lab.example\"}\n");
    write_text("test.conf", text);
    assert_int_equal(RUN("-c", in_folder("test.conf"), "plugin", "test", "fake", "--zone", "lab.example", "--steps", "-"), 0);
    assert_has(said.out, "\n{\"ok\":true,");
    assert_string_equal(file("log"), "set lab.example.\ncleared lab.example.\n");
}

static void a_wrong_command_line_is_explained(void **state)
{
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof path, "%s", conf(""));
    assert_int_equal(RUN("-c", path, "plugin", "test", "--help"), 0);
    assert_has(said.out, "countersign plugin test INSTANCE --zone ZONE");
    assert_int_equal(RUN("-c", path, "plugin", "test"), 2);
    assert_has(said.err, "name one dns instance of the configuration");
    assert_int_equal(RUN("-c", path, "plugin", "test", "fake", "--steps", "-"), 2);
    assert_has(said.err, "--zone is missing");
    assert_int_equal(RUN("-c", path, "plugin", "test", "fake", "--zone", "a..b", "--steps", "-"), 2);
    assert_has(said.err, "--zone: ");
    assert_int_equal(RUN("-c", path, "plugin", "test", "fake", "--zone", "lab.example", "--steps", "file"), 2);
    assert_has(said.err, "say --steps -");
    assert_int_equal(RUN("-c", path, "plugin", "test", "fake", "--zone", "lab.example", "--deadline", "soon"), 2);
    assert_has(said.err, "--deadline takes a time such as 500ms or 30s, not `soon`");
    assert_int_equal(RUN("-c", path, "plugin", "test", "fake", "--zone", "lab.example", "--nonsense"), 2);
    assert_has(said.err, "unrecognized option '--nonsense'");
    assert_int_equal(RUN("-c", path, "plugin", "test", "absent", "--zone", "lab.example", "--steps", "-"), 1);
    assert_has(said.err, "the configuration has no dns instance `absent`; it has: fake");
}

static void a_plugin_that_cannot_be_used_is_explained(void **state)
{
    (void)state;
    assert_int_equal(run_steps("nonsense = 1;", "", "30s"), 1);
    assert_has(said.err, "nonsense");
    assert_has(said.err, "known");
    assert_int_equal(run_steps("listen = \"192.0.2.1:1\";", "", "30s"), 1);
    assert_has(said.err, "dns.fake: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_call_and_gets_an_answer),
        cmocka_unit_test(what_the_plugin_says_is_told_with_its_code),
        cmocka_unit_test(a_line_that_is_no_step_is_refused_and_the_next_is_run),
        cmocka_unit_test(a_call_ends_at_its_deadline_and_the_next_waits_for_the_plugin),
        cmocka_unit_test(a_plugin_that_never_finishes_does_not_hold_up_the_command),
        cmocka_unit_test(a_plugin_that_waits_and_plays_two_roles_is_driven_in_its_workers),
        cmocka_unit_test(a_wrong_command_line_is_explained),
        cmocka_unit_test(a_plugin_that_cannot_be_used_is_explained),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

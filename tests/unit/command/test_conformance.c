/*
 * core/command/conformance*.c: `countersign plugin test` with odd-dns, which has one fault at a time: each must be caught by
 * the behaviours that are about it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "../plugin/plugin_test.h"
#include "program.h"

static char server[32], path[PATH_MAX];

/* A port that was free just now, for UDP and TCP. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;

    for (int tries = 0; tries < 50; tries++) {
        int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
        bool both;

        at.sin_port = 0;
        assert_int_equal(bind(udp, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(getsockname(udp, (struct sockaddr *)&at, &len), 0);
        both = bind(tcp, (struct sockaddr *)&at, sizeof at) == 0;
        close(udp);
        close(tcp);
        if (both)
            return ntohs(at.sin_port);
    }
    fail_msg("no port is free for both");
    return 0;
}

/* One odd-dns instance named after its fault, at a port of its own. */
static void configure(const char *fault, const char *more)
{
    char text[3 * PATH_MAX];

    snprintf(server, sizeof server, "127.0.0.1:%u", free_port());
    copy_built("FAKES", "odd-dns", "odd-dns");
    snprintf(text, sizeof text,
             "state = \"%s/state\"; plugin_dir = \"%s\"; log_level = \"warn\";\n"
             "dns = { %s = { plugin = \"odd-dns\"; zones = \"lab.example\"; listen = \"%s\"; %s }; };\n",
             test_folder, test_folder, fault, server, more);
    snprintf(path, sizeof path, "%s", write_text("test.conf", text));
}

static int try(const char *fault, const char *more, const char *only)
{
    const char *deadline = strcmp(fault, "never") == 0 ? "300ms" : "10s";

    configure(fault, more);
    if (!only)
        return RUN("-c", path, "plugin", "test", fault, "--zone", "lab.example", "--server", server, "--deadline", deadline,
                   "--visible", "60ms");
    return RUN("-c", path, "plugin", "test", fault, "--zone", "lab.example", "--server", server, "--deadline", deadline,
               "--visible", "60ms", "--only", only);
}

/* The names of the lines that begin with `verdict`, with a space behind each. */
static const char *names(const char *verdict)
{
    static char out[2][1000];
    static unsigned next;
    char *list = out[next++ % 2];
    size_t len = 0;

    list[0] = '\0';
    for (const char *line = said.out; *line; line = strchr(line, '\n') + 1)
        if (strncmp(line, verdict, 4) == 0 && line[4] == ' ')
            len += (size_t)snprintf(list + len, sizeof out[0] - len, "%.*s ", (int)strcspn(line + 5, " "), line + 5);
    return list;
}

#define ALL "add add-twice two-values exchange foreign-value remove remove-missing 100-owners 100-values big-set long-names " \
            "wildcard overlapping-zones repeat-after-reopen "

static void a_plugin_without_a_fault_shows_every_behaviour(void **state)
{
    (void)state;
    assert_int_equal(try("good", "", NULL), 0);
    assert_string_equal(names("pass"), ALL);
    assert_string_equal(names("FAIL"), "");
    assert_string_equal(said.err, "");
}

static const struct {
    const char *fault, *more, *caught_by, *said;
} faults[] = {
    { "error", "", ALL, "CS_EUPSTREAM: always wrong" },
    { "lies", "", ALL, "value 1 of 1 is served not at all, not once: the server has NXDOMAIN" },
    { "sticks", "",
      "add add-twice two-values exchange foreign-value remove remove-missing 100-owners 100-values big-set long-names "
      "wildcard overlapping-zones ",
      "taken away afterwards: _acme-challenge.add-" },
    { "replaces", "", "foreign-value overlapping-zones ", "value 1 of 2 is served not at all" },
    { "one_zone", "", "overlapping-zones ", "no such zone" },
    { "add_once", "", "add-twice two-values remove-missing long-names wildcard overlapping-zones ", "there already" },
    { "missing", "", "add add-twice two-values exchange remove remove-missing wildcard repeat-after-reopen ", "not there" },
    { "one_call", "", "100-owners ", "one at a time, please" },
    { "one_value", "", "two-values big-set long-names wildcard repeat-after-reopen ", "value 2 of 2 is served not at all" },
    { "adds_only", "", "two-values exchange foreign-value 100-values long-names wildcard overlapping-zones ",
      "value 1 of 1 that should be gone is still served: the server has 2 values" },
    { "few", "max_values = 6;", "big-set ", "CS_ELIMIT" },
    { "short_names", "", "long-names ", "too long" },
    { "amnesia", "", "repeat-after-reopen ", "that should be gone is still served" },
    { "opens_once", "", "repeat-after-reopen ", "opened again: dns.opens_once: once is enough" },
};

static void each_fault_is_caught_by_what_is_about_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const bool restarts = strcmp(faults[i].fault, "amnesia") == 0; /* a server that goes on counts its restarts */

        assert_int_equal(try(faults[i].fault, faults[i].more, restarts ? "repeat-after-reopen" : NULL), 1);
        assert_string_equal(names("FAIL"), faults[i].caught_by);
        assert_has(said.out, faults[i].said);
    }
}

static void a_plugin_that_never_finishes_fails_after_its_deadline(void **state)
{
    (void)state;
    assert_int_equal(try("never", "", NULL), 1);
    assert_string_equal(names("FAIL"), ALL);
    assert_has(said.out, "CS_ETIMEDOUT: the plugin did not finish the call, not even after its deadline of 300 ms");
    assert_has(said.out, "CS_EBUSY: the plugin was not asked");
    assert_has(said.err, "the plugin has not finished its calls and was not closed");
}

static void some_behaviours_can_be_chosen(void **state)
{
    (void)state;
    assert_int_equal(try("good", "", "wildcard,add"), 0);
    assert_string_equal(names("pass"), "add wildcard ");
    assert_int_equal(try("good", "", "wildcard,ad"), 2);
    assert_has(said.err, "there is no behaviour `ad`; there are: add add-twice");
    assert_int_equal(try("good", "", "add,"), 2);
    assert_has(said.err, "there is no behaviour ``");
    assert_string_equal(said.out, "");
}

/* 20 ms a call, and most of 100 of them are still to come. */
static void a_signal_ends_the_run_and_the_behaviour_cleans_up(void **state)
{
    (void)state;
    program_until = "pass add";
    assert_int_equal(try("one_call", "", "add,100-values,wildcard"), 1);
    program_until = NULL;
    assert_string_equal(names("pass"), "add ");
    assert_string_equal(names("FAIL"), "100-values ");
    assert_has(said.out, "interrupted by a signal");
}

static void a_server_that_cannot_be_asked_is_explained(void **state)
{
    char nobody[32];

    (void)state;
    snprintf(nobody, sizeof nobody, "127.0.0.1:%u", free_port());
    configure("good", "");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "lab.example", "--server", nobody), 1);
    assert_has(said.err, "zone lab.example.: asking the DNS server 127.0.0.1:");
    assert_has(said.err, "refused");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "other.example", "--server", server), 1);
    assert_has(said.err, "it answers REFUSED");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "www.lab.example", "--server", server), 1);
    assert_has(said.err, "it has no zone of this name");
    assert_string_equal(said.out, "");
}

static void the_list_tells_what_each_behaviour_shows(void **state)
{
    (void)state;
    assert_int_equal(RUN("plugin", "test", "--list"), 0);
    assert_has(said.out, "add                  a value is served, and nothing else\n");
    assert_has(said.out, "\nrepeat-after-reopen  ");
    assert_int_equal(RUN("plugin", "test", "--list", "good"), 2);
}

static void a_wrong_command_line_is_explained(void **state)
{
    (void)state;
    configure("good", "");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "lab.example"), 2);
    assert_has(said.err, "--server is missing");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "lab.example", "--server", "ns1.lab.example"), 2);
    assert_has(said.err, "--server: ");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "lab.example", "--server", "unix:/tmp/x"), 2);
    assert_has(said.err, "--server takes an address");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "lab.example", "--server", server, "--steps", "-"), 2);
    assert_has(said.err, "leave --server and --only out");
    assert_int_equal(RUN("-c", path, "plugin", "test", "good", "--zone", "lab.example", "--server", server, "--visible", "x"),
                     2);
    assert_has(said.err, "--visible takes a time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_without_a_fault_shows_every_behaviour),
        cmocka_unit_test(each_fault_is_caught_by_what_is_about_it),
        cmocka_unit_test(a_plugin_that_never_finishes_fails_after_its_deadline),
        cmocka_unit_test(some_behaviours_can_be_chosen),
        cmocka_unit_test(a_signal_ends_the_run_and_the_behaviour_cleans_up),
        cmocka_unit_test(a_server_that_cannot_be_asked_is_explained),
        cmocka_unit_test(the_list_tells_what_each_behaviour_shows),
        cmocka_unit_test(a_wrong_command_line_is_explained),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

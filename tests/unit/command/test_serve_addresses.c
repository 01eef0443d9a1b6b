/* command/serve_addresses.c: which addresses can a running server not go over to? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "command/serve_addresses.h"

#define BEFORE                                                                                       \
    "listen = ( { address = \"0.0.0.0\"; port = 8443; }, { address = \"unix:/run/http.sock\"; } );" \
    "admin = { address = \"127.0.0.1\"; port = 9090; };"                                             \
    "dns = { builtin = { plugin = \"x\"; listen = ( \"192.0.2.53\" ); }; };"

struct read {
    struct config *config;
    struct settings settings;
};

static void read_text(struct read *read, const char *text)
{
    char path[] = "/tmp/countersign-addresses-XXXXXX";
    const int fd = mkstemp(path);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    read->config = config_load(path, NULL);
    unlink(path);
    assert_non_null(read->config);
    assert_int_equal(settings_read(read->config, &read->settings), 0);
}

static void forget(struct read *read)
{
    settings_free(&read->settings);
    config_free(read->config);
}

/* Of a server that runs with BEFORE and gets `after`: what is said, behind the file and line. */
static void says(const char *after, const struct inherited_list *inherited, const char *wanted)
{
    struct read now, fresh;
    const char *said;

    read_text(&now, BEFORE);
    read_text(&fresh, after);
    serve_addresses_check(fresh.config, &fresh.settings, &now.settings, inherited);
    said = config_complaints(fresh.config);
    if (!*wanted)
        assert_string_equal(said, "");
    else if (!strstr(said, wanted))
        fail_msg("\"%s\" does not say \"%s\"", said, wanted);
    assert_int_equal(config_complaint_count(fresh.config), *wanted != '\0');
    forget(&now);
    forget(&fresh);
}

static const struct inherited_list none;

static void what_stays_and_what_is_free_may_be_had(void **state)
{
    (void)state;
    says(BEFORE, &none, "");
    says("listen = ( { address = \"127.0.0.1\"; port = 8444; }, { address = \"[::]\"; port = 8443; } );", &none, "");
    /* admin and listener change places */
    says("listen = { address = \"127.0.0.1\"; port = 9090; }; admin = { address = \"0.0.0.0\"; port = 8443; };", &none, "");
    says("dns = { builtin = { plugin = \"y\"; listen = ( \"192.0.2.53\", \"192.0.2.54\" ); }; };", &none, "");
}

static void an_address_that_overlaps_needs_a_restart(void **state)
{
    (void)state;
    says("listen = ( { address = \"127.0.0.1\"; port = 8443; } );", &none,
         ":1: TCP 127.0.0.1:8443 of `listen`: the running server itself has TCP 0.0.0.0:8443 for `listen`: restart to change "
         "it");
    says("admin = { address = \"0.0.0.0\"; port = 9090; };", &none,
         "TCP 0.0.0.0:9090 of `admin`: the running server itself has TCP 127.0.0.1:9090 for `admin`: restart to change it");
}

static void another_group_needs_a_restart(void **state)
{
    (void)state;
    says("listen = { address = \"unix:/run/http.sock\"; };", &none, "");
    says("listen = { address = \"unix:/run/http.sock\"; group = \"root\"; };", &none,
         ":1: `group` of unix:/run/http.sock is another than the running server's: restart to change it");
}

static void what_a_block_has_is_for_that_block(void **state)
{
    (void)state;
    says("ca = { other = { plugin = \"x\"; listen = ( \"192.0.2.53:53\" ); }; };", &none,
         "TCP 192.0.2.53:53 of ca.other: the running server itself has TCP 192.0.2.53:53 for dns.builtin: restart to change "
         "it");
    says("listen = { address = \"192.0.2.53\"; port = 53; };", &none,
         "TCP 192.0.2.53:53 of `listen`: the running server itself has TCP 192.0.2.53:53 for dns.builtin: restart");
}

static struct inherited of(const char *text, int type)
{
    struct inherited one = { .type = type, .unit = "countersign.socket" };

    assert_int_equal(address_parse(text, 53, &one.at, &one.len, NULL), 0);
    return one;
}

static void a_socket_of_the_manager_stays_wanted(void **state)
{
    struct inherited v[3] = { of("0.0.0.0:8443", SOCK_STREAM), of("192.0.2.53", SOCK_DGRAM),
                              of("unix:/run/http.sock", SOCK_STREAM) };
    const struct inherited_list all = { v, 3 }, tcp = { v, 1 }, udp = { v + 1, 1 }, path = { v + 2, 1 };

    (void)state;
    says(BEFORE, &all, "");
    says("listen = ( { address = \"127.0.0.1\"; port = 8445; } );", &tcp,
         ":1: TCP 0.0.0.0:8443 is no `listen` any more, but countersign.socket goes on taking connections there, and nobody "
         "would answer them: take it out of the socket unit, `systemctl daemon-reload`, and restart both");
    says("listen = { address = \"127.0.0.1\"; port = 8445; };", &udp, "UDP 192.0.2.53:53 is no `listen` any more");
    says("listen = { address = \"unix:/run/other.sock\"; };", &path, "unix:/run/http.sock is no `listen` any more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_and_what_is_free_may_be_had),
        cmocka_unit_test(an_address_that_overlaps_needs_a_restart),
        cmocka_unit_test(another_group_needs_a_restart),
        cmocka_unit_test(what_a_block_has_is_for_that_block),
        cmocka_unit_test(a_socket_of_the_manager_stays_wanted),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* core/plugin/instance.c: instances from the configuration to their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "instance_test.h"

#define RECORDER "plugin = \"recorder\"; TRACE "

static void instances_open_start_stop_and_close_in_order(void **state)
{
    (void)state;
    load_instances("ca = { c = { " RECORDER "}; }; dns = { d = { " RECORDER "}; e = { " RECORDER "}; };"
                   "audit = { a = { " RECORDER "}; };");
    assert_string_equal(trace(), "");
    assert_int_equal(instances_open(all, ROLE_AUDIT, &err), 0);
    assert_string_equal(trace(), "a: open\n");
    assert_int_equal(instances_open(all, ROLE_DNS, &err), 0);
    assert_int_equal(instances_open(all, ROLE_CA, &err), 0);
    assert_int_equal(instances_start(all, &err), 0);
    assert_string_equal(trace(), "a: open\nd: open\ne: open\nc: open\na: start\nd: start\ne: start\nc: start\n");
    unlink(in_folder("trace"));
    instances_stop(all);
    assert_string_equal(trace(), "c: stop\ne: stop\nd: stop\n"); /* the sink is needed to the end */
    forget_instances();
    assert_string_equal(trace(), "c: stop\ne: stop\nd: stop\nc: close\ne: close\nd: close\na: stop\na: close\n");
}

static void an_instance_of_two_roles_is_opened_once(void **state)
{
    struct instance *c, *d;

    (void)state;
    open_instances("ca = { c = { " RECORDER "}; }; dns = { d = \"ca.c\"; };");
    assert_string_equal(trace(), "c: open\nc: start\n");
    c = instances_find(all, ROLE_CA, "c");
    d = instances_find(all, ROLE_DNS, "d");
    assert_non_null(c);
    assert_ptr_equal(c, d);
    assert_ptr_equal(instances_at(all, ROLE_DNS, 0), c);
    assert_null(instances_at(all, ROLE_DNS, 1));
    instances_stop(all);
    forget_instances();
    assert_string_equal(trace(), "c: open\nc: start\nc: stop\nc: close\n");
}

static void an_instance_knows_who_it_is(void **state)
{
    struct instance *d;

    (void)state;
    open_instances("dns = { d = { " RECORDER "}; e = { " RECORDER "}; };");
    d = instances_find(all, ROLE_DNS, "d");
    assert_string_equal(cs_instance_name(&d->in), "d");
    assert_string_equal(d->in.role, "dns");
    assert_string_equal(d->in.who, "dns.d");
    assert_ptr_equal(d->in.loop, loop);
    assert_string_equal(cs_state_dir(&d->in, &err), in_folder("dns.d"));
    assert_ptr_equal(instances_at(all, ROLE_DNS, 1), instances_find(all, ROLE_DNS, "e"));
    assert_null(instances_find(all, ROLE_DNS, "f"));
    assert_null(instances_find(all, ROLE_CA, "d"));
    forget_instances();
}

static void every_fault_of_every_block_is_told(void **state)
{
    (void)state;
    copy_built("RECORDERS", "recorder", "recorder");
    copy_plugin("no-fault", "no-fault");
    make_instances("ca = { a = { plugin = \"absent\"; };\n b = { plugin = \"no-fault\"; };\n c = { plugin = \"recorder\"; };\n"
                   "d = { }; };\ndns = { e = { plugin = \"no-fault\"; odd = 1; }; };\naudit = { f = \"dns.e\"; };\n");
    assert_int_equal(instances_load(all, getuid(), getuid(), &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_has(config_complaints(config), ":2: ca.a: ");
    assert_has(config_complaints(config), "/absent.so is not there");
    assert_has(config_complaints(config), ":3: ca.b: ");
    assert_has(config_complaints(config), "does not play the role `ca`");
    assert_has(config_complaints(config), ":4: ca.c: `trace` is missing: the file to write to");
    assert_has(config_complaints(config), ":5: ca.d names no plugin");
    assert_has(config_complaints(config), ":6: unknown key `odd`");
    assert_has(config_complaints(config), ":7: audit.f: ");
    assert_has(config_complaints(config), "does not play the role `audit`");
    assert_int_equal(config_complaint_count(config), 6);
    forget_instances();
}

static void a_plugin_that_will_not_open_or_start_is_named(void **state)
{
    (void)state;
    load_instances("dns = { d = { " RECORDER "}; e = { " RECORDER "mode = \"no-open\"; }; };");
    assert_int_equal(instances_open(all, ROLE_DNS, &err), -1);
    assert_string_equal(err.text, "dns.e: will not open");
    forget_instances();
    assert_string_equal(trace(), "d: open\nd: close\n");
    load_instances("dns = { d = { " RECORDER "mode = \"no-start\"; }; };");
    assert_int_equal(instances_open(all, ROLE_DNS, &err), 0);
    assert_int_equal(instances_start(all, &err), -1);
    assert_string_equal(err.text, "dns.d: will not start");
    forget_instances();
    assert_string_equal(trace(), "d: open\nd: start\nd: close\n");
}

static void listen_of_a_dns_block_is_bound_for_udp_and_tcp(void **state)
{
    struct instance *d;
    int type = 0;
    socklen_t len = sizeof type;

    (void)state;
    load_instances("dns = { d = { " RECORDER "listen = \"127.0.0.1:0\"; }; }; ca = { c = { " RECORDER "}; };");
    assert_int_equal(instances_bind(all, &err), 0);
    d = instances_find(all, ROLE_DNS, "d");
    assert_true(cs_listen(&d->in, 0, SOCK_STREAM) >= 0);
    assert_int_equal(getsockopt(cs_listen(&d->in, 0, SOCK_DGRAM), SOL_SOCKET, SO_TYPE, &type, &len), 0);
    assert_int_equal(type, SOCK_DGRAM);
    assert_int_equal(cs_listen(&d->in, 1, SOCK_DGRAM), -1);
    assert_int_equal(cs_listen(&instances_find(all, ROLE_CA, "c")->in, 0, SOCK_STREAM), -1);
    forget_instances();
}

static void an_address_that_cannot_be_bound_names_the_block(void **state)
{
    (void)state;
    load_instances("dns = { d = { " RECORDER "listen = \"nonsense\"; }; };");
    assert_int_equal(instances_bind(all, &err), -1);
    assert_has(err.text, "dns.d: \"nonsense\"");
    forget_instances();
    load_instances("ca = { c = { " RECORDER "listen = \"127.0.0.1\"; }; };");
    assert_int_equal(instances_bind(all, &err), -1);
    assert_has(err.text, "\"127.0.0.1\": there is no port");
    forget_instances();
}

static void only_blocking_plugins_have_workers(void **state)
{
    (void)state;
    load_instances("dns = { d = { " RECORDER "}; e = { plugin = \"recorder-blocking\"; TRACE }; };");
    assert_null(instances_find(all, ROLE_DNS, "d")->dns_workers);
    assert_non_null(instances_find(all, ROLE_DNS, "e")->dns_workers);
    forget_instances();
}

static void nothing_at_all_can_be_freed(void **state)
{
    (void)state;
    instances_free(NULL);
    make_instances("");
    assert_int_equal(instances_load(all, getuid(), getuid(), &err), 0);
    assert_int_equal(instances_calls(all), 0);
    instances_stop(all);
    forget_instances();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_open_start_stop_and_close_in_order),
        cmocka_unit_test(an_instance_of_two_roles_is_opened_once),
        cmocka_unit_test(an_instance_knows_who_it_is),
        cmocka_unit_test(every_fault_of_every_block_is_told),
        cmocka_unit_test(a_plugin_that_will_not_open_or_start_is_named),
        cmocka_unit_test(listen_of_a_dns_block_is_bound_for_udp_and_tcp),
        cmocka_unit_test(an_address_that_cannot_be_bound_names_the_block),
        cmocka_unit_test(only_blocking_plugins_have_workers),
        cmocka_unit_test(nothing_at_all_can_be_freed),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

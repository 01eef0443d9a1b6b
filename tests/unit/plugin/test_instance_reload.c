/* core/plugin/instance_reload.c: the instances of one file give way to those of the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "instance_test.h"

#define RECORDER "plugin = \"recorder\"; TRACE "

static struct config *next_config;
static struct settings next_settings;
static struct instances *fresh;
static bool used, told;
static int n_going;

static void read_next(const char *blocks)
{
    struct text text = TEXT_MAX(16 << 10);
    const char *from = blocks, *to;

    text_addf(&text, "state = \"%s\"; plugin_dir = \"%s\";\n", test_folder, test_folder);
    for (; (to = strstr(from, "TRACE")) != NULL; from = to + 5) {
        text_add_n(&text, from, (size_t)(to - from));
        text_addf(&text, "trace = \"%s\";", in_folder("trace"));
    }
    text_add(&text, from);
    next_config = config_of(text_of(&text));
    text_free(&text);
    settings_read(next_config, &next_settings);
    fresh = instances_new(loop, NULL, &next_settings, next_config, &err);
    assert_non_null(fresh);
    assert_int_equal(instances_load(fresh, getuid(), getuid(), &err), 0);
    instances_keep(fresh, all);
    used = told = false;
    n_going = 0;
}

static void forget_next(void)
{
    settings_free(&next_settings);
    config_free(next_config);
}

/* As command/serve_reload.c does it. */
static void switch_over(void)
{
    const struct settings before = settings;
    struct config *config_before = config;

    assert_int_equal(instances_begin(fresh, all, &err), 0);
    settings = next_settings;
    config = next_config;
    next_settings = before;
    next_config = config_before;
    instances_switch(all, fresh);
    forget_next();
}

static void says(const char *added, const char *changed, const char *removed)
{
    struct text names[3] = { TEXT_MAX(100), TEXT_MAX(100), TEXT_MAX(100) };
    const char *wanted[3] = { added, changed, removed };

    instances_compare(fresh, all, &names[0], &names[1], &names[2]);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(text_of(&names[i]), wanted[i]);
        text_free(&names[i]);
    }
}

static bool is_used(void *arg, const struct instance *instance)
{
    (void)arg, (void)instance;
    return used;
}

static bool is_told(void *arg, const struct instance *heir)
{
    (void)arg, (void)heir;
    return told;
}

static void is_going(void *arg, const struct instance *instance)
{
    (void)arg, (void)instance;
    n_going++;
}

static bool settle(void)
{
    const struct instances_watch watch = { .is_used = is_used, .is_told = is_told, .is_going = is_going };

    return instances_settle(all, &watch);
}

static void end(void)
{
    instances_stop(all);
    forget_instances();
}

static void a_block_that_says_the_same_stays_as_it_is(void **state)
{
    const char blocks[] = "dns = { d = { " RECORDER "}; }; ca = { c = \"dns.d\"; };";
    struct instance *before;

    (void)state;
    open_instances(blocks);
    before = instances_find(all, ROLE_DNS, "d");
    read_next(blocks);
    says("", "", "");
    switch_over();
    assert_false(settle());
    assert_ptr_equal(instances_find(all, ROLE_DNS, "d"), before);
    assert_ptr_equal(instances_find(all, ROLE_CA, "c"), before);
    assert_ptr_equal(instances_heir(all, before), before);
    assert_string_equal(cs_instance_name(&before->in), "d");
    assert_string_equal(trace(), "d: open\nd: start\n");
    end();
}

static void on_done(void *arg, const struct op_result *result)
{
    bool *done = arg;

    assert_null(result->err);
    *done = true;
}

static void a_changed_block_has_a_new_instance_beside_the_old_one(void **state)
{
    const struct cs_txt_change change = { .size = sizeof change, .zone = "example.org.", .owner = "a.example.org." };
    struct instance *before;
    bool done = false;

    (void)state;
    open_instances("dns = { d = { " RECORDER "mode = \"later\"; }; };");
    before = instances_find(all, ROLE_DNS, "d");
    instance_set_txt(before, &change, "", cs_now_ms() + 60000, on_done, &done);
    read_next("dns = { d = { " RECORDER "mode = \"ok\"; }; e = { " RECORDER "}; };");
    says("dns.e", "dns.d", "");
    switch_over();
    assert_ptr_not_equal(instances_find(all, ROLE_DNS, "d"), before);
    assert_ptr_equal(instances_heir(all, before), instances_find(all, ROLE_DNS, "d"));
    told = true;
    settle();
    assert_int_equal(instances_leaving(all), 1); /* its call is out */
    assert_int_equal(instances_calls(all), 1);
    while (!done)
        loop_run_once(loop, 100);
    assert_false(settle());
    assert_int_equal(instances_leaving(all), 0);
    assert_int_equal(n_going, 1);
    assert_non_null(strstr(trace(), "d: open\nd: start\ne: open\ne: start\n"));
    assert_non_null(strstr(trace(), "d: stop\nd: close\n"));
    end();
}

static void one_that_is_gone_is_closed_when_nobody_uses_it(void **state)
{
    struct instance *before;

    (void)state;
    open_instances("dns = { d = { " RECORDER "}; e = { " RECORDER "}; };");
    before = instances_find(all, ROLE_DNS, "e");
    read_next("dns = { d = { " RECORDER "}; };");
    says("", "", "dns.e");
    switch_over();
    assert_null(instances_find(all, ROLE_DNS, "e"));
    assert_null(instances_heir(all, before));
    used = true;
    assert_false(settle());
    assert_int_equal(instances_leaving(all), 1);
    assert_null(strstr(trace(), "e: close"));
    used = false;
    assert_false(settle());
    assert_non_null(strstr(trace(), "e: stop\ne: close\n"));
    end();
}

static void what_was_dropped_is_closed_and_the_old_ones_go_on(void **state)
{
    struct instance *before;

    (void)state;
    open_instances("dns = { d = { " RECORDER "}; e = { " RECORDER "}; };");
    before = instances_find(all, ROLE_DNS, "d");
    read_next("dns = { d = { " RECORDER "pause = 1; }; e = { " RECORDER "}; f = { " RECORDER "mode = \"no-open\"; }; };");
    assert_int_equal(instances_begin(fresh, all, &err), -1);
    assert_string_equal(err.text, "dns.f: will not open");
    instances_drop(fresh);
    forget_next();
    assert_non_null(strstr(trace(), "d: open\nd: start\nd: stop\nd: close\n"));
    assert_null(strstr(trace(), "e: close"));
    assert_ptr_equal(instances_find(all, ROLE_DNS, "d"), before);
    read_next("dns = { d = { " RECORDER "}; e = { " RECORDER "}; };"); /* nothing of the attempt is left */
    says("", "", "");
    switch_over();
    assert_int_equal(instances_leaving(all), 0);
    end();
}

static void sockets_are_shared_with_the_successor(void **state)
{
    struct sockaddr_storage first = { 0 }, second = { 0 };
    socklen_t len = sizeof first;

    (void)state;
    load_instances("dns = { d = { " RECORDER "listen = \"127.0.0.1:0\"; }; };");
    assert_int_equal(instances_bind(all, &err), 0);
    assert_int_equal(instances_open(all, ROLE_DNS, &err), 0);
    assert_int_equal(instances_start(all, &err), 0);
    assert_int_equal(getsockname(cs_listen(&instances_find(all, ROLE_DNS, "d")->in, 0, SOCK_DGRAM),
                                 (struct sockaddr *)&first, &len), 0);
    read_next("dns = { d = { " RECORDER "listen = \"127.0.0.1:0\"; pause = 1; }; };");
    switch_over();
    told = true;
    settle();
    assert_int_equal(instances_leaving(all), 0);
    len = sizeof second;
    assert_int_equal(getsockname(cs_listen(&instances_find(all, ROLE_DNS, "d")->in, 0, SOCK_DGRAM),
                                 (struct sockaddr *)&second, &len), 0);
    assert_memory_equal(&first, &second, len);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_says_the_same_stays_as_it_is),
        cmocka_unit_test(a_changed_block_has_a_new_instance_beside_the_old_one),
        cmocka_unit_test(one_that_is_gone_is_closed_when_nobody_uses_it),
        cmocka_unit_test(what_was_dropped_is_closed_and_the_old_ones_go_on),
        cmocka_unit_test(sockets_are_shared_with_the_successor),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

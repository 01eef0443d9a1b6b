/* core/plugin/settings.c: the server's own part of countersign.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

#include "plugin/settings.h"

static struct config *config;
static struct settings settings;

static void read_settings(const char *text)
{
    config = config_of(text);
    settings_read(config, &settings);
}

static void forget(void)
{
    settings_free(&settings);
    config_free(config);
}

static void assert_complaint(const char *text, const char *complaint)
{
    config = config_of(text);
    assert_int_equal(settings_read(config, &settings), -1);
    assert_has(config_complaints(config), complaint);
    assert_int_equal(config_complaint_count(config), 1);
    forget();
}

static void an_empty_file_gives_the_defaults(void **state)
{
    (void)state;
    read_settings("");
    assert_string_equal(config_complaints(config), "");
    assert_null(settings.user);
    assert_string_equal(settings.state, "/var/lib/countersign");
    assert_string_equal(settings.runtime, "/run/countersign");
    assert_int_equal(settings.plugin_dir[0], '/');
    assert_int_equal(settings.log_level, CS_LOG_INFO);
    assert_int_equal(settings.sandbox, SANDBOX_ON);
    assert_int_equal(settings.n_listen, 0);
    assert_null(settings.admin.address);
    assert_null(settings.admin.unix_path);
    assert_int_equal(settings.wait_ms, 300000);
    assert_int_equal(settings.job_deadline_ms, 900000);
    assert_int_equal(settings.stop_ms, 30000);
    assert_int_equal(settings.visible_ms, 120000);
    assert_int_equal(settings.max_in_flight, 5000);
    assert_int_equal(settings.max_connections, 10000);
    assert_int_equal(settings.outbox_max, 100000);
    assert_int_equal(settings.outage_queue, 1000);
    assert_int_equal(settings.zone_queue, 5000);
    assert_int_equal(settings.outage_wait_ms, 24 * 3600 * 1000);
    assert_int_equal(settings.n_blocks, 0);
    forget();
}

static void what_the_file_says_is_taken(void **state)
{
    (void)state;
    read_settings("user = \"www\"; state = \"/s\"; runtime = \"/r\"; plugin_dir = \"/p\"; log_level = \"debug\";"
                  "sandbox = \"log\"; wait = 10;"
                  "job_deadline = \"1h\"; stop = 0; visible = \"5s\"; max_in_flight = 7; max_connections = 8; outbox_max = 9;"
                  "outage_queue = 0; zone_queue = 6; outage_wait = \"1m\";"
                  "resolvers = ( \"127.0.0.1\", \"[::1]:53\" ); admin = { address = \"127.0.0.1\"; };");
    assert_string_equal(config_complaints(config), "");
    assert_string_equal(settings.user, "www");
    assert_string_equal(settings.state, "/s");
    assert_string_equal(settings.runtime, "/r");
    assert_string_equal(settings.plugin_dir, "/p");
    assert_int_equal(settings.log_level, CS_LOG_DEBUG);
    assert_int_equal(settings.sandbox, SANDBOX_LOG);
    assert_int_equal(settings.wait_ms, 10000);
    assert_int_equal(settings.job_deadline_ms, 3600000);
    assert_int_equal(settings.stop_ms, 0);
    assert_int_equal(settings.visible_ms, 5000);
    assert_int_equal(settings.max_in_flight, 7);
    assert_int_equal(settings.max_connections, 8);
    assert_int_equal(settings.outbox_max, 9);
    assert_int_equal(settings.outage_queue, 0);
    assert_int_equal(settings.zone_queue, 6);
    assert_int_equal(settings.outage_wait_ms, 60000);
    assert_int_equal(settings.n_resolvers, 2);
    assert_string_equal(settings.resolvers[1], "[::1]:53");
    assert_string_equal(settings.admin.address, "127.0.0.1");
    assert_int_equal(settings.admin.port, 9180);
    forget();
}

static void one_listener_or_a_list(void **state)
{
    (void)state;
    read_settings("listen = { address = \"0.0.0.0\"; };");
    assert_int_equal(settings.n_listen, 1);
    assert_int_equal(settings.listen[0].port, 8443);
    assert_null(settings.listen[0].certificate);
    forget();
    read_settings("listen = ( { address = \"::\"; port = 443; certificate = \"c\"; key = \"k\"; },\n"
                  "{ address = \"unix:/s\"; } );");
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(settings.n_listen, 2);
    assert_int_equal(settings.listen[0].port, 443);
    assert_string_equal(settings.listen[0].certificate, "c");
    assert_string_equal(settings.listen[0].key, "k");
    assert_string_equal(settings.listen[1].unix_path, "/s");
    assert_string_equal(settings.listen[1].address, "unix:/s");
    assert_null(settings.listen[0].unix_path);
    forget();
}

static void a_certificate_of_its_own_is_one_file_in_the_state_folder(void **state)
{
    (void)state;
    read_settings("listen = ( { address = \"::\"; certificate = \"self:c.example.org\"; ca = \"a\"; },\n"
                  "{ address = \"::1\"; } );\n"
                  "admin = { address = \"::1\"; certificate = \"self:d.example.org\"; }; state = \"/s\";\n"
                  "ca = { a = { plugin = \"x\"; }; b = { plugin = \"y\"; }; }; store = { s = { plugin = \"z\"; }; };");
    assert_string_equal(config_complaints(config), "");
    assert_string_equal(settings.listen[0].self_name, "c.example.org");
    assert_string_equal(settings.listen[0].certificate, "/s/self/c.example.org.pem");
    assert_string_equal(settings.listen[0].key, "/s/self/c.example.org.pem");
    assert_string_equal(settings_self_ca(&settings, "c.example.org"), "a");
    assert_null(settings_self_ca(&settings, "d.example.org"));
    assert_null(settings.listen[1].self_name);
    assert_int_equal(settings_check_complete(config, &settings), -1);
    assert_has(config_complaints(config), "there are 2 CAs: say which is asked for a certificate for d.example.org");
    forget();
    read_settings("listen = ( { address = \"::\"; certificate = \"self:C.example.org\"; },\n"
                  "{ address = \"::\"; certificate = \"self:c.example.org\"; key = \"k\"; },\n"
                  "{ address = \"::\"; certificate = \"c\"; key = \"k\"; ca = \"a\"; } );");
    assert_has(config_complaints(config), "is followed by a host name in lower case");
    assert_has(config_complaints(config), "leave `key` out");
    assert_has(config_complaints(config), "belongs to certificate = \"self:NAME\" only");
    assert_int_equal(config_complaint_count(config), 3);
    forget();
}

static void a_proxy_s_client_cert_is_believed_where_that_is_said(void **state)
{
    (void)state;
    read_settings("listen = ( { address = \"::\"; client_ca = \"c\"; }, { address = \"::\"; client_ca = \"c\"; "
                  "client_certificate = \"proxy\"; } );");
    assert_string_equal(config_complaints(config), "");
    assert_false(settings.listen[0].believes_client_cert);
    assert_true(settings.listen[1].believes_client_cert);
    assert_false(settings.listen[1].needs_client_certificate);
    forget();
    read_settings("listen = ( { address = \"::\";\n client_certificate = \"proxy\"; },\n"
                  "{ address = \"::\"; client_ca = \"c\";\n client_certificate = \"required\"; } );");
    assert_has(config_complaints(config), ":2: `client_certificate` needs `client_ca`");
    assert_has(config_complaints(config), ":4: `client_certificate` needs TLS");
    assert_int_equal(config_complaint_count(config), 2);
    forget();
    read_settings("listen = { address = \"::\"; client_ca = \"c\"; proxy_protocol = true;\n"
                  "client_certificate = \"proxy\"; };");
    assert_has(config_complaints(config), ":2: `client_certificate` = \"proxy\" and `proxy_protocol` cannot stand together");
    assert_int_equal(config_complaint_count(config), 1);
    forget();
    read_settings("listen = { address = \"::\"; client_ca = \"c\"; proxy_protocol = true; certificate = \"c\";"
                  "key = \"k\"; };");
    assert_string_equal(config_complaints(config), "");
    forget();
}

static void proxies_are_networks(void **state)
{
    (void)state;
    read_settings("proxies = ( \"10.0.0.0/8\", \"2001:db8::1\", \"unix\" );\n"
                  "listen = ( { address = \"::\"; proxy_protocol = true; }, { address = \"192.0.2.1\"; } );");
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(settings.n_proxies, 3);
    assert_string_equal(settings.proxies[0], "10.0.0.0/8");
    assert_true(settings.listen[0].proxy_protocol);
    assert_false(settings.listen[1].proxy_protocol);
    forget();
    read_settings("proxies = ( \"10.0.0.1/8\", \"proxy.example\" );\n"
                  "admin = { address = \"::1\"; proxy_protocol = true; };");
    assert_non_null(strstr(config_complaints(config), "\"10.0.0.1/8\": the address has bits behind"));
    assert_non_null(strstr(config_complaints(config), "\"proxy.example\" is not a network"));
    assert_non_null(strstr(config_complaints(config), "or \"unix\" for unix sockets"));
    assert_non_null(strstr(config_complaints(config), "`proxy_protocol`"));
    assert_int_equal(config_complaint_count(config), 3);
    forget();
}

static void an_ipv6_address_needs_no_brackets(void **state)
{
    (void)state;
    read_settings("listen = ( { address = \"::\"; }, { address = \"[::1]\"; }, { address = \"2001:db8::1\"; },"
                  "{ address = \"192.0.2.1:53\"; } ); admin = { address = \"::1\"; };");
    assert_string_equal(config_complaints(config), "");
    assert_string_equal(settings.listen[0].address, "[::]");
    assert_string_equal(settings.listen[1].address, "[::1]");
    assert_string_equal(settings.listen[2].address, "[2001:db8::1]");
    assert_string_equal(settings.listen[3].address, "192.0.2.1:53");
    assert_string_equal(settings.admin.address, "[::1]");
    forget();
}

/* etc/countersign.conf as it is installed, and with every setting in it that is commented out. */
static void assert_sample(bool all)
{
    struct text text = TEXT_MAX(64 << 10);
    FILE *f = fopen(getenv("SAMPLE_CONF"), "r");
    char line[512];

    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        text_add(&text, line + (all && line[0] == '#' && line[1] != ' ' && line[1] != '\n' ? 1 : 0));
    fclose(f);
    read_settings(text_of(&text));
    text_free(&text);
    assert_string_equal(config_complaints(config), "");
    assert_int_equal(settings_check_complete(config, &settings), 0);
}

static void the_sample_is_right_and_shows_the_defaults(void **state)
{
    struct settings sample;

    (void)state;
    assert_sample(false);
    assert_int_equal(settings.n_listen, 1);
    assert_int_equal(settings.n_blocks, 3);
    sample = settings;
    config_free(config);
    assert_sample(true);
    assert_int_equal(settings.n_blocks, 4); /* the audit sink */
    assert_int_equal(settings.n_resolvers, 1);
    assert_string_equal(settings.state, "/var/lib/countersign");
    assert_string_equal(settings.runtime, "/run/countersign");
    assert_int_equal(settings.log_level, sample.log_level);
    assert_int_equal(settings.sandbox, sample.sandbox);
    assert_int_equal(settings.wait_ms, sample.wait_ms);
    assert_int_equal(settings.job_deadline_ms, sample.job_deadline_ms);
    assert_int_equal(settings.visible_ms, sample.visible_ms);
    assert_int_equal(settings.stop_ms, sample.stop_ms);
    assert_int_equal(settings.max_in_flight, sample.max_in_flight);
    assert_int_equal(settings.max_connections, sample.max_connections);
    assert_int_equal(settings.outbox_max, sample.outbox_max);
    assert_int_equal(settings.outage_queue, sample.outage_queue);
    assert_int_equal(settings.zone_queue, sample.zone_queue);
    assert_int_equal(settings.outage_wait_ms, sample.outage_wait_ms);
    forget();
    settings_free(&sample);
}

static void a_listener_that_makes_no_sense_is_a_complaint(void **state)
{
    (void)state;
    assert_complaint("listen = { port = 1; };", "`listen` has no `address`");
    assert_complaint("listen = \"0.0.0.0\";", "`listen` must be { address");
    assert_complaint("listen = ( 3 );", "entry 1 of `listen` must be { address");
    assert_complaint("listen = {\n address = \"::\";\n port = 65536; };", ":3: `port` must be from 1 to 65535, not 65536");
    assert_complaint("listen = { address = \"::\"; key = \"k\"; };", "has a `key` but no `certificate`: TLS needs both");
    assert_complaint("listen = { address = \"::\"; certificate = \"k\"; };", "has a `certificate` but no `key`");
    assert_complaint("listen = { address = \"unix:s\"; };", "a unix socket needs an absolute path");
    assert_complaint("listen = { address = \"::\"; group = \"root\"; };", "`group` is that of a unix socket: it needs");
    assert_complaint("listen = { address = \"unix:/s\"; group = \"no-such-group\"; };",
                     "`group` names \"no-such-group\", which there is not: `groupadd` makes it");
    assert_complaint("listen = { address = \"::\";\n prt = 1; };",
                     ":2: unknown key `prt`, did you mean `port`?; known here: address, port, certificate, key");
    assert_complaint("admin = { address = 1; };", "`address` must be a string");
}

static void wrong_values_are_complaints(void **state)
{
    (void)state;
    assert_complaint("sandbox = \"maybe\";", "`sandbox` must be \"on\", \"log\" or \"off\", not \"maybe\"");
    assert_complaint("log_level = \"loud\";", "`log_level` must be \"error\", \"warn\", \"info\" or \"debug\", not \"loud\"");
    assert_complaint("state = \"var\";", "`state` must be an absolute path, not \"var\"");
    assert_complaint("wait = \"2h\";", "`wait` must be from 1s to 1h, not 2h");
    assert_complaint("max_in_flight = 0;", "`max_in_flight` must be from 1 to 1000000, not 0");
    assert_complaint("usr = \"x\";", "unknown key `usr`, did you mean `user`?; known here: user, state,");
}

static void every_fault_is_told_not_only_the_first(void **state)
{
    (void)state;
    config = config_of("usr = 1;\nwait = -1;\nlisten = 5;\nca = { le = 5; };\n");
    assert_int_equal(settings_read(config, &settings), -1);
    assert_int_equal(config_complaint_count(config), 4);
    forget();
}

static void serving_needs_a_listener_a_store_and_a_ca(void **state)
{
    (void)state;
    read_settings("");
    assert_int_equal(settings_check_complete(config, &settings), -1);
    assert_int_equal(config_complaint_count(config), 3);
    assert_has(config_complaints(config), "there is no `listen`");
    assert_has(config_complaints(config), "there is no store");
    assert_has(config_complaints(config), "there is no CA");
    forget();
    read_settings("listen = { address = \"::\"; }; store = { s = { plugin = \"x\"; }; }; ca = { c = { plugin = \"y\"; }; };");
    assert_int_equal(settings_check_complete(config, &settings), 0);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(what_the_file_says_is_taken),
        cmocka_unit_test(one_listener_or_a_list),
        cmocka_unit_test(a_certificate_of_its_own_is_one_file_in_the_state_folder),
        cmocka_unit_test(a_proxy_s_client_cert_is_believed_where_that_is_said),
        cmocka_unit_test(proxies_are_networks),
        cmocka_unit_test(an_ipv6_address_needs_no_brackets),
        cmocka_unit_test(the_sample_is_right_and_shows_the_defaults),
        cmocka_unit_test(a_listener_that_makes_no_sense_is_a_complaint),
        cmocka_unit_test(wrong_values_are_complaints),
        cmocka_unit_test(every_fault_is_told_not_only_the_first),
        cmocka_unit_test(serving_needs_a_listener_a_store_and_a_ca),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

/* audit-syslog's look-up of hosts: addresses at once, names with a deadline, one at a time. The resolver is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lookup.h"

int64_t cs_now_ms(void);

static struct {
    int64_t now_ms;
    int asked, becomes; /* what gai_error() says */
    int cancel;
    struct gaicb *request;
    const char *host;
} resolver;

int64_t cs_now_ms(void)
{
    return resolver.now_ms;
}

int getaddrinfo_a(int mode, struct gaicb *list[], int n, struct sigevent *how)
{
    assert_int_equal(mode, GAI_NOWAIT);
    assert_int_equal(n, 1);
    assert_null(how);
    resolver.asked++;
    resolver.request = list[0];
    resolver.host = list[0]->ar_name;
    return 0;
}

int gai_error(struct gaicb *request)
{
    assert_ptr_equal(request, resolver.request);
    return resolver.becomes;
}

int gai_suspend(const struct gaicb *const list[], int n, const struct timespec *patience)
{
    assert_ptr_equal(list[0], resolver.request);
    assert_int_equal(n, 1);
    resolver.now_ms += patience->tv_sec * 1000 + patience->tv_nsec / 1000000;
    return EAI_AGAIN;
}

int gai_cancel(struct gaicb *request)
{
    assert_ptr_equal(request, resolver.request);
    return resolver.cancel;
}

static int set_up(void **state)
{
    (void)state;
    memset(&resolver, 0, sizeof resolver);
    resolver.now_ms = 1000;
    return 0;
}

static void an_address_needs_no_resolver(void **state)
{
    static const char *const hosts[] = { "192.0.2.1", "2001:db8::1" };
    struct lookup *under_way = NULL;
    struct addrinfo *found = NULL;
    const char *why;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lookup_host(&under_way, hosts[i], "514", SOCK_STREAM, 0, &found, &why), 0);
        assert_int_equal(found->ai_family, i == 0 ? AF_INET : AF_INET6);
        freeaddrinfo(found);
    }
    assert_int_equal(resolver.asked, 0);
    assert_null(under_way);
}

static void a_resolver_that_is_silent_costs_no_more_than_the_deadline(void **state)
{
    struct lookup *under_way = NULL;
    struct addrinfo *found = NULL;
    const char *why;

    (void)state;
    resolver.becomes = EAI_INPROGRESS;
    assert_int_equal(lookup_host(&under_way, "log.example", "514", SOCK_STREAM, 3500, &found, &why), -1);
    assert_int_equal(resolver.now_ms, 3500);
    assert_string_equal(why, "the resolvers of /etc/resolv.conf do not answer");
    assert_string_equal(resolver.host, "log.example");
    assert_int_equal(lookup_host(&under_way, "log.example", "514", SOCK_STREAM, 5000, &found, &why), -1);
    assert_int_equal(resolver.asked, 1); /* it is still the same question */

    resolver.becomes = 0;
    resolver.request->ar_result = calloc(1, sizeof *found);
    assert_int_equal(lookup_host(&under_way, "log.example", "514", SOCK_STREAM, 5000, &found, &why), 0);
    assert_non_null(found);
    free(found);
    assert_null(under_way);
}

static void a_name_that_is_not_there_is_said_and_asked_for_again(void **state)
{
    struct lookup *under_way = NULL;
    struct addrinfo *found = NULL;
    const char *why;

    (void)state;
    resolver.becomes = EAI_NONAME;
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(lookup_host(&under_way, "nowhere.example", "514", SOCK_DGRAM, 5000, &found, &why), -1);
        assert_string_equal(why, gai_strerror(EAI_NONAME));
        assert_int_equal(resolver.asked, i);
        assert_null(under_way);
    }
}

static void one_that_can_be_cancelled_is_freed_and_one_that_cannot_is_left(void **state)
{
    struct lookup *under_way = NULL;
    struct addrinfo *found = NULL;
    const char *why;

    (void)state;
    resolver.becomes = EAI_INPROGRESS;
    lookup_host(&under_way, "log.example", "514", SOCK_STREAM, 1000, &found, &why);
    resolver.cancel = EAI_NOTCANCELED;
    lookup_free(under_way);
    assert_string_equal(resolver.request->ar_name, "log.example");
    resolver.cancel = EAI_CANCELED;
    lookup_free(under_way);
    lookup_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_address_needs_no_resolver, set_up),
        cmocka_unit_test_setup(a_resolver_that_is_silent_costs_no_more_than_the_deadline, set_up),
        cmocka_unit_test_setup(a_name_that_is_not_there_is_said_and_asked_for_again, set_up),
        cmocka_unit_test_setup(one_that_can_be_cancelled_is_freed_and_one_that_cannot_is_left, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

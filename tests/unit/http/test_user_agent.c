/* http/user_agent.c: clients in a few kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/user_agent.h"
#include "request_head.h"

static void clients_are_sorted_by_what_they_call_themselves(void **state)
{
    static const struct {
        const char *agent, *class;
    } cases[] = {
        { "countersign/0.1.0", "countersign" },
        { "countersign-sign/0.1.0", "countersign" },
        { "curl/7.88.1", "curl" },
        { "CURL/8", "curl" },
        { "Wget/1.21.3", "wget" },
        { "Wget2/2.0", "wget" },
        { "python-requests/2.31", "python" },
        { "Python-urllib/3.11", "python" },
        { "Python/3.11 aiohttp/3.8.4", "python" },
        { "Java/17.0.9", "java" },
        { "Java-http-client/17", "java" },
        { "Apache-HttpClient/4.5.14 (Java/17.0.9)", "java" },
        { "okhttp/4.12.0", "java" },
        { "Go-http-client/1.1", "go" },
        { "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1", "powershell" },
        { "Mozilla/5.0 (Linux; Debian; en-US) PowerShell/7.3.0", "powershell" },
        { "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "browser" },
        { "Opera/9.80", "browser" },
        { "my-installer/1.0 (ann@lab.example)", "other" },
        { "mycurl/1", "other" },
        { "x", "other" },
        { "", "none" },
    };
    struct request_head head;
    char field[200];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(field, sizeof field, "User-Agent: %s\r\n", cases[i].agent);
        if (strcmp(user_agent_class(request_head_of(&head, field)), cases[i].class) != 0)
            fail_msg("%s is %s", cases[i].agent, user_agent_class(&head.message));
    }
    assert_string_equal(user_agent_class(request_head_of(&head, "")), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_sorted_by_what_they_call_themselves),
    };

    return cmocka_run_group_tests_name("user_agent", tests, NULL, NULL);
}

/* core/command/doctor_report.c: what people and programs read of a finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "command/doctor_report.h"

static char *text;
static size_t len;
static struct doctor_report report;

static int begin(void **state)
{
    (void)state;
    report = (struct doctor_report){ .to = open_memstream(&text, &len) };
    return report.to ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    fclose(report.to);
    free(text);
    return 0;
}

static void groups_lines_and_advice(void **state)
{
    (void)state;
    doctor_report_add(&report, DOCTOR_HOST, "disk", DOCTOR_OK, "/x", "9 MiB\nnot shown");
    doctor_report_add(&report, DOCTOR_HOST, "port", DOCTOR_FAIL, "TCP 1", "taken\nby somebody\nstop it");
    doctor_report_add(&report, DOCTOR_CA, "ca", DOCTOR_WARN, "", "odd \x1b[31m\nlook");
    doctor_report_end(&report, 1234);
    fflush(report.to);
    assert_string_equal(text, "Host\n"
                              "  ok    disk          /x: 9 MiB\n"
                              "  FAIL  port          TCP 1: taken?by somebody\n"
                              "                      -> stop it\n"
                              "\nCA\n"
                              "  warn  ca            odd ?[31m\n"
                              "                      -> look\n"
                              "\n1 ok, 1 warning, 1 failure; 1.2 s\n");
}

static void json_is_a_line_each(void **state)
{
    (void)state;
    report.json = true;
    doctor_report_add(&report, DOCTOR_STORE, "rows", DOCTOR_FAIL, "a \"b\"", "saw\ndo it");
    doctor_report_end(&report, 0);
    fflush(report.to);
    assert_string_equal(text, "{\"group\":\"store\",\"check\":\"rows\",\"verdict\":\"fail\",\"about\":\"a \\\"b\\\"\","
                              "\"saw\":\"saw\",\"do\":\"do it\"}\n");
}

static void the_worst_decides_the_exit_code(void **state)
{
    (void)state;
    assert_int_equal(doctor_report_code(&report), 0);
    doctor_report_add(&report, DOCTOR_HOST, "x", DOCTOR_OK, "", "");
    assert_int_equal(doctor_report_code(&report), 0);
    doctor_report_add(&report, DOCTOR_HOST, "x", DOCTOR_WARN, "", "\n");
    assert_int_equal(doctor_report_code(&report), 3);
    doctor_report_add(&report, DOCTOR_HOST, "x", DOCTOR_FAIL, "", "\n");
    assert_int_equal(doctor_report_code(&report), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(groups_lines_and_advice, begin, end),
        cmocka_unit_test_setup_teardown(json_is_a_line_each, begin, end),
        cmocka_unit_test_setup_teardown(the_worst_decides_the_exit_code, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

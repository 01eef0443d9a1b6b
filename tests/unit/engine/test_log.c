/* engine/log.c: the shape of a line, levels, and what must not get through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/host.h"
#include "engine/log.h"
#include "stderr_text.h"

static struct stderr_text seen;

static int begin(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_setup(CS_LOG_DEBUG);
    return 0;
}

/* The line behind its time, which is checked for its shape. */
static const char *after_time(const char *line)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z ";

    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != shape[i])
            return "no time";
    return line + sizeof shape - 1;
}

static void a_line_has_time_level_speaker_and_job(void **state)
{
    (void)state;
    stderr_watch(&seen);
    log_line(CS_LOG_INFO, "ca.le", "j42", "certificate issued names=%d", 3);
    assert_string_equal(after_time(stderr_seen(&seen)), "info  ca.le [j42]: certificate issued names=3\n");
}

static void without_a_job_there_are_no_brackets(void **state)
{
    (void)state;
    stderr_watch(&seen);
    log_line(CS_LOG_ERROR, "serve", "", "cannot listen");
    assert_string_equal(after_time(stderr_seen(&seen)), "error serve: cannot listen\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
    const char *text;

    (void)state;
    log_setup(CS_LOG_WARN);
    assert_true(log_wants(CS_LOG_WARN));
    assert_false(log_wants(CS_LOG_INFO));
    stderr_watch(&seen);
    log_line(CS_LOG_INFO, "x", "", "no");
    log_line(CS_LOG_WARN, "x", "", "yes");
    text = stderr_seen(&seen);
    assert_string_equal(after_time(text), "warn  x: yes\n");
}

static void level_names_are_known(void **state)
{
    (void)state;
    assert_int_equal(log_level_of("error"), CS_LOG_ERROR);
    assert_int_equal(log_level_of("warn"), CS_LOG_WARN);
    assert_int_equal(log_level_of("info"), CS_LOG_INFO);
    assert_int_equal(log_level_of("debug"), CS_LOG_DEBUG);
    assert_int_equal(log_level_of("loud"), -1);
    assert_int_equal(log_level_of(""), -1);
}

static void control_characters_do_not_get_through(void **state)
{
    (void)state;
    stderr_watch(&seen);
    log_line(CS_LOG_INFO, "a\nb", "j\r", "x\ny\tz\033[31m\177 \xc2\x9b \x9b \xed\xa0\x80 \xc0\xaf \xf5\x80\x80\x80 end\xc3");
    assert_string_equal(after_time(stderr_seen(&seen)), "info  a?b [j?]: x?y?z?[31m? ?? ? ??? ?? ???? end?\n");
}

static void utf_8_gets_through(void **state)
{
    (void)state;
    stderr_watch(&seen);
    log_line(CS_LOG_INFO, "x", "", "%s", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x94\x91");
    assert_string_equal(after_time(stderr_seen(&seen)), "info  x: \xc3\xa4 \xe2\x82\xac \xf0\x9f\x94\x91\n");
}

static void a_line_too_long_is_cut_and_still_one_line(void **state)
{
    static char big[9000];
    const char *text;

    (void)state;
    memset(big, 'x', sizeof big - 1);
    stderr_watch(&seen);
    log_line(CS_LOG_INFO, "x", "", "%s", big);
    log_line(CS_LOG_INFO, "x", "", "next");
    text = stderr_seen(&seen);
    assert_int_equal(strchr(text, '\n') - text, 4095);
    assert_string_equal(after_time(strchr(text, '\n') + 1), "info  x: next\n");
}

static void under_journald_lines_have_a_priority_and_no_time(void **state)
{
    char stream[64];
    struct stat st;
    const char *text;

    (void)state;
    stderr_watch(&seen);
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_setup(CS_LOG_DEBUG);
    log_line(CS_LOG_WARN, "x", "", "one");
    log_line(CS_LOG_DEBUG, "x", "", "two");
    text = stderr_seen(&seen);
    assert_string_equal(text, "<4>warn  x: one\n<7>debug x: two\n");
}

static void a_journal_that_is_not_stderr_changes_nothing(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_setup(CS_LOG_DEBUG);
    stderr_watch(&seen);
    log_line(CS_LOG_WARN, "x", "", "one");
    assert_string_equal(after_time(stderr_seen(&seen)), "warn  x: one\n");
}

static void a_plugin_speaks_under_its_instance(void **state)
{
    struct cs_instance in = { .name = "main", .role = "dns", .who = "dns.main" };

    (void)state;
    stderr_watch(&seen);
    cs_log(&in, CS_LOG_INFO, "zone loaded records=%d", 4);
    assert_string_equal(after_time(stderr_seen(&seen)), "info  dns.main: zone loaded records=4\n");
}

static void *talk(void *arg)
{
    for (int i = 0; i < 100; i++)
        log_line(CS_LOG_INFO, arg, "", "0123456789");
    return NULL;
}

static void lines_of_several_threads_are_not_mixed(void **state)
{
    pthread_t threads[2];
    const char *line, *next;
    int lines = 0;

    (void)state;
    stderr_watch(&seen);
    pthread_create(&threads[0], NULL, talk, (void *)"a");
    pthread_create(&threads[1], NULL, talk, (void *)"b");
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    for (line = stderr_seen(&seen); *line; line = next + 1) {
        next = strchr(line, '\n');
        assert_true(next != NULL);
        assert_true(strncmp(after_time(line), "info  a: 0123456789\n", 20) == 0 ||
                    strncmp(after_time(line), "info  b: 0123456789\n", 20) == 0);
        lines++;
    }
    assert_int_equal(lines, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_has_time_level_speaker_and_job, begin),
        cmocka_unit_test_setup(without_a_job_there_are_no_brackets, begin),
        cmocka_unit_test_setup(lines_above_the_level_are_dropped, begin),
        cmocka_unit_test_setup(level_names_are_known, begin),
        cmocka_unit_test_setup(control_characters_do_not_get_through, begin),
        cmocka_unit_test_setup(utf_8_gets_through, begin),
        cmocka_unit_test_setup(a_line_too_long_is_cut_and_still_one_line, begin),
        cmocka_unit_test_setup(under_journald_lines_have_a_priority_and_no_time, begin),
        cmocka_unit_test_setup(a_journal_that_is_not_stderr_changes_nothing, begin),
        cmocka_unit_test_setup(a_plugin_speaks_under_its_instance, begin),
        cmocka_unit_test_setup(lines_of_several_threads_are_not_mixed, begin),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

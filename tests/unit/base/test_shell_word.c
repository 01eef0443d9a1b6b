/* base/shell_word.c: words for a shell, read back by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "base/shell_word.h"

static void reads_as(const char *word, const char *expected)
{
    struct text command = TEXT_MAX(1000);
    char out[200];
    FILE *shell;
    size_t len;

    text_add(&command, "printf '%s\\n' x");
    shell_word_add(&command, word);
    assert_string_equal(text_of(&command) + strlen("printf '%s\\n' x"), expected);
    shell = popen(text_of(&command), "r");
    assert_non_null(shell);
    len = fread(out, 1, sizeof out - 1, shell);
    assert_int_equal(pclose(shell), 0);
    out[len] = '\0';
    assert_int_equal(len, strlen(word) + 2);
    assert_memory_equal(out + 1, word, strlen(word));
    text_free(&command);
}

static void a_shell_reads_back_exactly_the_word(void **state)
{
    (void)state;
    reads_as("plain-word_1.pem", "plain-word_1.pem");
    reads_as("https://host:8443/v1/sign", "https://host:8443/v1/sign");
    reads_as("two words", "'two words'");
    reads_as("it's", "'it'\\''s'");
    reads_as("'", "''\\'''");
    reads_as("$HOME `id` \\ \"x\" * ~ ! & | ; < > ( ) { } #", "'$HOME `id` \\ \"x\" * ~ ! & | ; < > ( ) { } #'");
    reads_as("a\nb", "'a\nb'");
    reads_as("~", "'~'");
    reads_as("", "''");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_shell_reads_back_exactly_the_word) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

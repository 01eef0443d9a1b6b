/*
 * What a subcommand takes: read, printed; see usage.h.
 */
#include "command/usage.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { OPTIONS_MOST = 48, WIDEST = 26, LINE = 112 };

/* ---- Read -------------------------------------------------------------------------------------------------------- */

/* Small ids are letters only where they are said as such. */
static bool has_letter(const struct usage_option *option)
{
    return option->id == 'q' || option->id == 'h';
}

int usage_next(const struct usage_option *options, int argc, char **argv)
{
    struct option longs[OPTIONS_MOST + 1] = { 0 };
    char letters[2 * OPTIONS_MOST + 1] = "";
    size_t n = 0, n_letters = 0;
    int id;

    for (; options[n].name; n++) {
        assert(n < OPTIONS_MOST);
        longs[n] = (struct option){ .name = options[n].name,
                                    .has_arg = options[n].value ? required_argument : no_argument,
                                    .val = options[n].id };
        if (has_letter(&options[n]))
            letters[n_letters++] = (char)options[n].id;
    }
    id = getopt_long(argc, argv, letters, longs, NULL);
    return id == '?' ? USAGE_WRONG : id;
}

/* ---- Printed ----------------------------------------------------------------------------------------------------- */

void usage_synopsis(const struct usage *usage, FILE *to)
{
    for (const struct usage_form *form = usage->forms; form->verb; form++)
        fprintf(to, "%s countersign %s%s%s%s%s\n", form == usage->forms ? "usage:" : "      ", usage->command,
                *form->verb ? " " : "", form->verb, *form->rest ? " " : "", form->rest);
}

/* Characters of UTF-8. */
static size_t width(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static size_t option_text(const struct usage_option *option, char *out, size_t size)
{
    const char letter[] = { '-', (char)option->id, ',', ' ', '\0' };
    const int n = snprintf(out, size, "  %s--%s%s%s", has_letter(option) ? letter : "", option->name,
                           option->value ? " " : "", option->value ? option->value : "");

    return n < 0 ? 0 : width(out, (size_t)n < size ? (size_t)n : size - 1);
}

/* Words from `column` on, which is where the cursor stands. */
static void print_words(const char *words, size_t column, FILE *to)
{
    size_t at = column;

    while (*words) {
        size_t len = strcspn(words, " \n"), wide = width(words, len);

        if (at > column && at + 1 + wide > LINE) {
            fprintf(to, "\n%*s", (int)column, "");
            at = column;
        }
        fprintf(to, "%s%.*s", at > column ? " " : "", (int)len, words);
        at += wide + (at > column);
        words += len;
        if (*words == '\n') {
            fprintf(to, "\n%*s", (int)column, "");
            at = column;
        }
        words += *words != '\0';
    }
    fputc('\n', to);
}

static size_t widest(const struct usage *usage)
{
    char text[120];
    size_t most = 0, n;

    for (const struct usage_form *form = usage->forms; form->verb; form++)
        for (const struct usage_option *o = form->options; o && o->name; o++) {
            n = option_text(o, text, sizeof text);
            if (n > most && n <= WIDEST)
                most = n;
        }
    return most;
}

static void print_options(const struct usage_option *options, size_t most, FILE *to)
{
    char text[120];

    for (; options->name; options++) {
        size_t n = option_text(options, text, sizeof text);

        fputs(text, to);
        if (n > most)
            fprintf(to, "\n%*s", (int)most + 2, "");
        else
            fprintf(to, "%*s", (int)(most - n) + 2, "");
        print_words(options->help, most + 2, to);
    }
}

void usage_help(const struct usage *usage, FILE *to)
{
    const size_t most = widest(usage);

    usage_synopsis(usage, to);
    if (usage->about)
        fprintf(to, "\n%s", usage->about);
    for (const struct usage_form *form = usage->forms; form->verb; form++) {
        if (!form->options || !form->options->name || (form > usage->forms && form->options == form[-1].options))
            continue;
        fputc('\n', to);
        if (*form->verb)
            fprintf(to, "countersign %s %s:\n", usage->command, form->verb);
        print_options(form->options, most, to);
    }
    if (usage->more)
        fprintf(to, "\n%s", usage->more);
}

int usage_wrong(const struct usage *usage, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    usage_synopsis(usage, stderr);
    fprintf(stderr, "`countersign %s --help` tells what can be said\n", usage->command);
    return 2;
}

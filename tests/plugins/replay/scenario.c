/* Reads a scenario; see scenario.h. */
#include "scenario.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define LINE_MOST 4000
#define TEXT_MOST 400000

static void complain(const char *path, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", path, line, what);
    exit(2);
}

/* ${WORD} becomes its value. */
static void expand(struct text *out, const char *line, const char *path, int number, const char *(*replace)(const char *word))
{
    const char *at;

    while ((at = strstr(line, "${"))) {
        const char *end = strchr(at, '}'), *value;
        char word[64];

        if (!end || end - at - 2 >= (long)sizeof word)
            complain(path, number, "a ${ without its }");
        text_add_n(out, line, (size_t)(at - line));
        snprintf(word, sizeof word, "%.*s", (int)(end - at - 2), at + 2);
        value = replace(word);
        if (!value)
            complain(path, number, "no such ${word}");
        text_add(out, value);
        line = end + 1;
    }
    text_add(out, line);
}

static struct statement *add(struct scenario *scenario, const char *path, int number)
{
    scenario->statements = realloc(scenario->statements, (scenario->n + 1) * sizeof *scenario->statements);
    scenario->statements[scenario->n] = (struct statement){ .file = text_copy(path), .line = number };
    return &scenario->statements[scenario->n++];
}

static void set_verb(struct statement *statement, const char *line)
{
    size_t n = strcspn(line, " ");

    statement->verb = text_copy_n(line, n);
    statement->rest = text_copy(line + n + strspn(line + n, " "));
    statement->below = text_copy("");
}

static void add_below(struct statement *statement, const char *line)
{
    struct text below = TEXT_MAX(TEXT_MOST);

    text_addf(&below, "%s%s\n", statement->below, line);
    free(statement->below);
    statement->below = text_take(&below);
}

static void include(struct scenario *scenario, const char *path, const char *name, const char *(*replace)(const char *word))
{
    char *copy = text_copy(path);
    struct text part = TEXT_MAX(LINE_MOST);

    text_addf(&part, "%s/%s.part", dirname(copy), name);
    scenario_read(scenario, text_of(&part), replace);
    text_free(&part);
    free(copy);
}

static void take_line(struct scenario *scenario, const char *path, int number, const char *line,
                      const char *(*replace)(const char *word))
{
    struct text expanded = TEXT_MAX(TEXT_MOST);

    expand(&expanded, line, path, number, replace);
    line = text_of(&expanded);
    if (line[0] == ' ') {
        if (scenario->n == 0)
            complain(path, number, "an indented line below no statement");
        add_below(&scenario->statements[scenario->n - 1], line + strspn(line, " "));
    } else if (strncmp(line, "include ", 8) == 0) {
        include(scenario, path, line + 8, replace);
    } else if (line[0] && line[0] != '#') {
        set_verb(add(scenario, path, number), line);
    }
    text_free(&expanded);
}

void scenario_read(struct scenario *scenario, const char *path, const char *(*replace)(const char *word))
{
    FILE *file = fopen(path, "r");
    char line[LINE_MOST];
    int number = 0;

    if (!file)
        complain(path, 0, "cannot be opened");
    while (fgets(line, sizeof line, file)) {
        number++;
        line[strcspn(line, "\n")] = '\0';
        take_line(scenario, path, number, line, replace);
    }
    fclose(file);
}

void scenario_free(struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->n; i++) {
        free(scenario->statements[i].file);
        free(scenario->statements[i].verb);
        free(scenario->statements[i].rest);
        free(scenario->statements[i].below);
    }
    free(scenario->statements);
    *scenario = (struct scenario){ 0 };
}

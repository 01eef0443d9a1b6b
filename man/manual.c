/*
 * Makes the manual at build time, of the tables that the program itself reads by: command/usage.h, plugin/settings_table.h, and
 * the settings of each plugin.
 *
 *   manual TEMPLATE [PLUGIN.so …]   a page on standard output: the template, in which a line @COMMANDS@, @SETTINGS@ or
 *                                   @PLUGINS@ is replaced by what it names, and @VERSION@ by the version
 *   manual --completion             the completion for bash
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <countersign/plugin.h>

#include "command/command.h"
#include "completion.h"
#include "plugin/duration.h"
#include "plugin/options.h"
#include "plugin/settings_table.h"
#include "roff.h"

/* ---- countersign(1) ---------------------------------------------------------------------------------------------- */

static void write_form(FILE *to, const struct usage *usage, const struct usage_form *form)
{
    fputs(".TP\n\\fBcountersign ", to);
    roff_text(to, usage->command);
    if (*form->verb) {
        fputc(' ', to);
        roff_text(to, form->verb);
    }
    fputs("\\fR ", to);
    roff_text(to, form->rest);
    fputs("\n.RS\n", to);
    for (const struct usage_option *o = form[1].options == form->options ? NULL : form->options; o && o->name; o++) {
        char term[80];

        snprintf(term, sizeof term, "--%s", o->name);
        roff_item(to, term, o->value, o->help);
    }
    fputs(".RE\n", to);
}

static void write_commands(FILE *to)
{
    for (const struct command *c = commands; c->name; c++) {
        fputs(".SS countersign ", to);
        roff_text(to, c->name);
        fputc('\n', to);
        roff_paragraphs(to, c->usage && c->usage->about ? c->usage->about : c->summary);
        fputc('\n', to);
        for (const struct usage_form *form = c->usage ? c->usage->forms : NULL; form && form->verb; form++)
            write_form(to, c->usage, form);
        if (c->usage && c->usage->more) {
            fputs(".PP\n", to);
            roff_paragraphs(to, c->usage->more);
        }
    }
}

/* ---- countersign.conf(5) ----------------------------------------------------------------------------------------- */

/* "seconds, 1s to 1h, default 5m" */
static void limits_text(char *out, size_t size, const struct setting *s)
{
    char number[32], min[32], max[32];
    const char *type = setting_type_name(s->type);

    if (s->fallback) {
        snprintf(out, size, "%s; default: %s", type, s->fallback);
        if (strcmp(s->fallback, "mandatory") == 0)
            snprintf(out, size, "%s; mandatory", type);
        return;
    }
    if (s->type == SETTING_SECONDS) {
        duration_text(number, s->number);
        duration_text(min, s->min);
        duration_text(max, s->max);
    } else {
        snprintf(number, sizeof number, "%" PRId64, s->number);
        snprintf(min, sizeof min, "%" PRId64, s->min);
        snprintf(max, sizeof max, "%" PRId64, s->max);
    }
    snprintf(out, size, "%s, %s to %s; default: %s", type, min, max, number);
}

static void write_settings(FILE *to)
{
    char limits[240];
    const char *block = "";

    for (const struct setting *s = settings_table; s < settings_table + settings_table_size; s++) {
        if (strcmp(s->block, block) != 0) {
            fputs(".SS In the block ", to);
            roff_text(to, s->block);
            fputc('\n', to);
        }
        block = s->block;
        limits_text(limits, sizeof limits, s);
        roff_item(to, s->key, NULL, s->help);
        fputs(".br\n(", to);
        roff_text(to, limits);
        fputs(")\n", to);
    }
}

/* ---- countersign-plugins(7) -------------------------------------------------------------------------------------- */

static const struct cs_plugin *load(const char *path)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct cs_plugin *plugin = object ? dlsym(object, "cs_plugin") : NULL;

    if (!plugin) {
        fprintf(stderr, "manual: %s\n", dlerror());
        exit(1);
    }
    return plugin;
}

static void option_limits(char *out, size_t size, const struct cs_option *o)
{
    char min[32] = "", max[32] = "";
    const char *type = options_type_name(o->type);

    if (o->type == CS_OPTION_SECONDS) {
        duration_text(min, o->min);
        duration_text(max, o->max);
    } else {
        snprintf(min, sizeof min, "%" PRId64, o->min);
        snprintf(max, sizeof max, "%" PRId64, o->max);
    }
    if (!o->fallback)
        snprintf(out, size, "%s; mandatory", type);
    else if (o->min || o->max)
        snprintf(out, size, "%s, %s to %s; default: %s", type, min, max, o->fallback);
    else
        snprintf(out, size, "%s; default: %s", type, *o->fallback ? o->fallback : "none");
}

static void write_plugin(FILE *to, const struct cs_plugin *plugin)
{
    char limits[240];

    fputs(".SS ", to);
    roff_text(to, plugin->name);
    fputc('\n', to);
    roff_text(to, plugin->summary);
    fputs("\n", to);
    for (const struct cs_option *o = plugin->settings; o && o->type != CS_OPTION_END; o++) {
        option_limits(limits, sizeof limits, o);
        roff_item(to, o->name, NULL, o->help ? o->help : "");
        fputs(".br\n(", to);
        roff_text(to, limits);
        fputs(")\n", to);
    }
}

/* ---- The page ---------------------------------------------------------------------------------------------------- */

static void write_line(FILE *to, const char *line, char **plugins)
{
    const char *version = strstr(line, "@VERSION@");

    if (strcmp(line, "@COMMANDS@\n") == 0)
        write_commands(to);
    else if (strcmp(line, "@SETTINGS@\n") == 0)
        write_settings(to);
    else if (strcmp(line, "@PLUGINS@\n") == 0)
        for (; *plugins; plugins++)
            write_plugin(to, load(*plugins));
    else if (version)
        fprintf(to, "%.*s" CS_VERSION "%s", (int)(version - line), line, version + strlen("@VERSION@"));
    else
        fputs(line, to);
}

int main(int argc, char **argv)
{
    FILE *template;
    char line[400];

    if (argc == 2 && strcmp(argv[1], "--completion") == 0) {
        completion_write(stdout);
        return 0;
    }
    template = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!template) {
        fprintf(stderr, "usage: manual TEMPLATE [PLUGIN.so …] | --completion\n");
        return 2;
    }
    while (fgets(line, sizeof line, template))
        write_line(stdout, line, argv + 2);
    fclose(template);
    return fflush(stdout) == 0 ? 0 : 1;
}

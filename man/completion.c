/*
 * The completion for bash; see completion.h. Words of the table only: what is in a database is not asked for, as who types may
 * not read it.
 */
#include "completion.h"

#include <stdbool.h>
#include <string.h>

#include "command/command.h"

static bool is_file(const char *value)
{
    return value && (strcmp(value, "FILE") == 0 || strcmp(value, "PROGRAM") == 0 || strcmp(value, "DIR") == 0);
}

/* "require|warn|off" */
static bool is_choice(const char *value)
{
    return value && strchr(value, '|') && strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-|") == strlen(value);
}

static void write_choices(FILE *to, const char *value)
{
    for (; *value; value++)
        fputc(*value == '|' ? ' ' : *value, to);
}

/* The value of the option before. */
static void write_values(FILE *to, const struct usage *usage)
{
    for (const struct usage_form *form = usage->forms; form->verb; form++)
        for (const struct usage_option *o = form[1].options == form->options ? NULL : form->options; o && o->name; o++) {
            if (!o->value)
                continue;
            fprintf(to, "    %s:%s:--%s) ", usage->command, *form->verb ? form->verb : "*", o->name);
            if (is_choice(o->value)) {
                fputs("_countersign_words '", to);
                write_choices(to, o->value);
                fputs("' ;;\n", to);
            } else {
                fputs(is_file(o->value) ? "_countersign_files ;;\n" : "COMPREPLY=() ;;\n", to);
            }
        }
}

static void write_options(FILE *to, const struct usage *usage)
{
    for (const struct usage_form *form = usage->forms; form->verb; form++) {
        if (form[1].verb && strcmp(form[1].verb, form->verb) == 0)
            continue;
        fprintf(to, "    %s:%s) echo '", usage->command, *form->verb ? form->verb : "*");
        for (const struct usage_option *o = form->options; o && o->name; o++)
            if (strcmp(o->name, "help") != 0)
                fprintf(to, "--%s ", o->name);
        fputs("--help' ;;\n", to);
    }
}

static void write_verbs(FILE *to, const struct usage *usage)
{
    if (!*usage->forms->verb)
        return;
    fprintf(to, "    %s) echo '", usage->command);
    for (const struct usage_form *form = usage->forms; form->verb; form++)
        if (form == usage->forms || strcmp(form[-1].verb, form->verb) != 0)
            fprintf(to, "%s ", form->verb);
    fputs("--help' ;;\n", to);
}

static void write_all(FILE *to, void (*write)(FILE *to, const struct usage *usage))
{
    for (const struct command *c = commands; c->name; c++)
        if (c->usage)
            write(to, c->usage);
}

void completion_write(FILE *to)
{
    fputs("# bash completion for countersign(1)\n\n"
          "_countersign_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
          "_countersign_files() { mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); compopt -o filenames 2>/dev/null; }\n\n"
          "_countersign_verbs() {\n    case $1 in\n", to);
    write_all(to, write_verbs);
    fputs("    esac\n}\n\n_countersign_options() {\n    case $1 in\n", to);
    write_all(to, write_options);
    fputs("    *) echo '--help' ;;\n    esac\n}\n\n_countersign_value() {\n    case $1 in\n", to);
    write_all(to, write_values);
    fputs("    *) return 1 ;;\n    esac\n}\n\n"
          "_countersign() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} command='' verb='' i\n"
          "    COMPREPLY=()\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "        -c | --config) ((i++)) ;;\n"
          "        -*) ;;\n"
          "        *) if [ -z \"$command\" ]; then command=${COMP_WORDS[i]}; else verb=${COMP_WORDS[i]}; break; fi ;;\n"
          "        esac\n"
          "    done\n"
          "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n"
          "    -c | --config) _countersign_files; return ;;\n"
          "    esac\n"
          "    if [ -z \"$command\" ]; then\n"
          "        _countersign_words '", to);
    for (const struct command *c = commands; c->name; c++)
        fprintf(to, "%s ", c->name);
    fputs("--config --help --version'\n"
          "        return\n"
          "    fi\n"
          "    _countersign_value \"$command:$verb:${COMP_WORDS[COMP_CWORD - 1]}\" && return\n"
          "    if [ -z \"$verb\" ] && [ -n \"$(_countersign_verbs \"$command\")\" ]; then\n"
          "        _countersign_words \"$(_countersign_verbs \"$command\")\"\n"
          "    elif [[ $cur == -* ]]; then\n"
          "        _countersign_words \"$(_countersign_options \"$command:$verb\")\"\n"
          "    else\n"
          "        _countersign_files\n"
          "    fi\n"
          "}\n"
          "complete -F _countersign countersign\n", to);
}

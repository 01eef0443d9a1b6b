/*
 * The table of subcommands, and what stands before one on the command line: --help, --version, -c FILE. Called by main.c.
 */
#include "command/command.h"

#include <countersign/plugin.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* To add a subcommand: its file, its prototype in command.h, its line here. */
static const struct {
    const char *name;
    int (*run)(const struct command_line *line);
    const char *arguments;
    const char *summary;
} commands[] = {
    { "serve",   command_serve,   "",                             "run the server" },
    { "check",   command_check,   "",                             "every fault of the configuration and its plugins" },
    { "plugin",  command_plugin,  "list | help PLUGIN",           "what is in the plugin folder; the settings of one plugin" },
    { "sign",    command_sign,    "--server URL --name HOST …",    "get a certificate from a server: key, CSR, post, chain" },
    { "subject", command_subject, "add | list | show | remove",   "who may ask for certificates, and for which names" },
    { "zone",    command_zone,    "add | list | show | remove",   "the zones that certificates are issued in" },
};

static void usage(FILE *to)
{
    fprintf(to, "usage: countersign [-c FILE] COMMAND …\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-8s %-28s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    fprintf(to, "\n"
                "  -c, --config FILE   the configuration; default " CS_SYSCONF_DIR "/countersign.conf\n"
                "  -h, --help          this text\n"
                "  -V, --version       which version this is\n");
}

static int run(const char *config_path, int argc, char **argv)
{
    const struct command_line line = { .config_path = config_path, .argc = argc, .argv = argv };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            return commands[i].run(&line);
    fprintf(stderr, "countersign: there is no command `%s`; there are:", argv[0]);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(stderr, " %s", commands[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int command_run(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },      { NULL, 0, NULL, 0 },
    };
    const char *config_path = CS_SYSCONF_DIR "/countersign.conf";
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1) {
        if (option == 'c') {
            config_path = optarg;
        } else if (option == 'h') {
            usage(stdout);
            return 0;
        } else if (option == 'V') {
            printf("countersign " CS_VERSION " (plugin ABI %d.%d)\n", CS_ABI_MAJOR, CS_ABI_MINOR);
            return 0;
        } else {
            fprintf(stderr, "`countersign --help` tells what can be said\n");
            return 2;
        }
    }
    if (optind < argc)
        return run(config_path, argc - optind, argv + optind);
    usage(stderr);
    return 2;
}

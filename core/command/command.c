/*
 * The table of subcommands (usage.h has what each takes), and what stands before one on the command line: --help, --version,
 * -c FILE. Called by main.c.
 */
#include "command/command.h"

#include <countersign/plugin.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* To add a subcommand: its file, its prototype in command.h, its line here. */
const struct command commands[] = {
    { "serve", command_serve, NULL, "", "run the server" },
    { "check", command_check, NULL, "", "every fault of the configuration and its plugins" },
    { "doctor", command_doctor, &usage_doctor, "[ZONE]", "host, store, CAs and DNS: what fails, and what to do" },
    { "plugin", command_plugin, &usage_plugin, "list | help | check | test", "plugins, their settings, faults, one at work" },
    { "sign", command_sign, &usage_sign, "--server URL --name HOST", "get a certificate: key, CSR, post, chain" },
    { "report", command_report, &usage_report, "[TABLE] [--format html]", "who asked, how many, with which labels; releases" },
    { "revoke", command_revoke, &usage_revoke, "SERIAL | FILE", "end a certificate before its time" },
    { "label", command_label, &usage_label, "add | list | remove", "the labels that clients of a zone may give" },
    { "subject", command_subject, &usage_subject, "add | list | show | remove",
      "who may ask for certificates, for which names" },
    { "client", command_client, &usage_client, "add | change | rotate | …",
      "who has a token or a certificate, for which subjects" },
    { "privacy", command_privacy, &usage_privacy, "report | erase | export | …",
      "what is stored about people, and their rights" },
    { "zone", command_zone, &usage_zone, "add | list | show | remove", "the zones that certificates are issued in" },
    { "backup", command_backup, &usage_backup, "DIR [--visits WHAT]", "copy all records and keys while the server runs" },
    { "restore", command_restore, &usage_restore, "BACKUP [--force]", "put a backup in place, here or elsewhere" },
    { 0 },
};

bool command_is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void usage(FILE *to)
{
    fprintf(to, "usage: countersign [-c FILE] COMMAND …\n\n");
    for (size_t i = 0; commands[i].name; i++)
        fprintf(to, "  %-8s %-28s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    fprintf(to, "\n"
                "  -c, --config FILE   the configuration; default " CS_SYSCONF_DIR "/countersign.conf\n"
                "  -h, --help          this text; behind a command, what that command takes\n"
                "  -V, --version       which version this is\n");
}

/* `countersign check --help`, for those that have no more to tell than the table. */
static int help(size_t i)
{
    printf("usage: countersign [-c FILE] %s%s%s\n\n%s\n", commands[i].name, *commands[i].arguments ? " " : "",
           commands[i].arguments, commands[i].summary);
    return 0;
}

static int run(const char *config_path, int argc, char **argv)
{
    const struct command_line line = { .config_path = config_path, .argc = argc, .argv = argv };

    for (size_t i = 0; commands[i].name; i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            return !commands[i].usage && argc == 2 && command_is_help(argv[1]) ? help(i) : commands[i].run(&line);
    fprintf(stderr, "countersign: there is no command `%s`; there are:", argv[0]);
    for (size_t i = 0; commands[i].name; i++)
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

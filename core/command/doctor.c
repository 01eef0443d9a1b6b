/*
 * `countersign doctor [ZONE]`: everything that the server needs from its host, its CAs and the DNS, looked at one by one, with
 * what to do about it. The checks stand in doctor_*.c; docs/doctor.md describes each. Works beside a running server, and before
 * the first start: it takes no lock and changes nothing, but with --write.
 */
#include "command/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/table.h"
#include "engine/log.h"

enum { DNS_PORT = 53, DEFAULT_S = 30, MOST_S = 600, TRANSFERS = 32, CLOSE_MS = 2000 };

static const struct usage_option options[] = {
    { "write", NULL, 'w',
      "set a random TXT value through each zone's DNS plugin, look for it at all name servers, and take it away again;\n"
      "without it nothing is changed anywhere" },
    { "json", NULL, 'j', "one JSON object a line: group, check, verdict, about, saw, do" },
    { "timeout", "SECONDS", 't', "of the whole run, 1 to 600; default 30" },
    { "dns-port", "PORT", 'p', "where the name servers that NS records name are asked; default 53" },
    USAGE_END,
};

static const struct usage_form forms[] = {
    { "", "[ZONE] [--write] [--json] [--timeout SECONDS]", options },
    { NULL, NULL, NULL },
};

const struct usage usage_doctor = {
    "doctor", forms,
    "Looks at all that the server needs: configuration, host, store, CAs, and each zone of the table (or ZONE) as a CA sees\n"
    "it. A line for each check: ok, warn or FAIL, what was seen, and what to do. Beside a running server, or without.\n",
    "Exit codes: 0 all ok; 1 something fails; 2 wrong use; 3 warnings only.\n",
};

static const struct {
    enum doctor_group group;
    const char *name; /* of those that have one only; others name themselves */
    void (*look)(struct doctor *d);
} checks[] = {
    { DOCTOR_CONFIGURATION, "configuration", doctor_configuration },
    { DOCTOR_HOST,          "user",          doctor_user },
    { DOCTOR_HOST,          "folder",        doctor_folders },
    { DOCTOR_HOST,          "certificate",   doctor_certificates },
    { DOCTOR_HOST,          "port",          doctor_ports },
    { DOCTOR_HOST,          "files",         doctor_files },
    { DOCTOR_HOST,          "disk",          doctor_disk },
    { DOCTOR_HOST,          "runtime",       doctor_runtime },
    { DOCTOR_HOST,          "resolver",      doctor_resolvers },
    { DOCTOR_STORE,         "records",       doctor_records },
    { DOCTOR_STORE,         "rows",          doctor_rows },
    { DOCTOR_CA,            "ca",            doctor_cas },
    { DOCTOR_DNS,           "zone",          doctor_zones },
};

/* ---- What checks say ------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 4, 0)))
static void say(struct doctor *d, enum doctor_verdict verdict, const char *about, const char *format, va_list args)
{
    char text[2048];

    vsnprintf(text, sizeof text, format, args);
    doctor_report_add(&d->report, d->group, d->check, verdict, about, text);
}

void doctor_say(struct doctor *d, enum doctor_verdict verdict, const char *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(d, verdict, about, format, args);
    va_end(args);
}

void doctor_ok(struct doctor *d, const char *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(d, DOCTOR_OK, about, format, args);
    va_end(args);
}

void doctor_warn(struct doctor *d, const char *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(d, DOCTOR_WARN, about, format, args);
    va_end(args);
}

void doctor_fail(struct doctor *d, const char *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(d, DOCTOR_FAIL, about, format, args);
    va_end(args);
}

int64_t doctor_left_ms(const struct doctor *d)
{
    const int64_t left_ms = d->deadline_ms - cs_now_ms();

    return left_ms > 0 ? left_ms : 0;
}

/* ---- The command line ----------------------------------------------------------------------------------------------- */

static int read_number(const char *value, long least, long most, const char *what, long *out, struct cs_error *err)
{
    char *end;

    errno = 0;
    *out = strtol(value, &end, 10);
    if (errno || end == value || *end || *out < least || *out > most)
        return cs_fail(err, CS_EINPUT, "%s takes a number from %ld to %ld, not `%.40s`", what, least, most, value);
    return 0;
}

static int read_option(struct doctor_options *o, int option, const char *value, struct cs_error *err)
{
    long number = 0;
    int rc = 0;

    switch (option) {
    case 'w':
        o->write = true;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case 't':
        rc = read_number(value, 1, MOST_S, "--timeout", &number, err);
        o->timeout_ms = number * 1000;
        return rc;
    case 'p':
        rc = read_number(value, 1, 65535, "--dns-port", &number, err);
        o->dns_port = (uint16_t)number;
        return rc;
    default:
        return cs_fail(err, CS_EINPUT, "what it takes:");
    }
}

/* Returns an exit code, or -1 to go on. */
static int read_options(struct doctor_options *o, const struct command_line *line)
{
    static char name[] = "countersign doctor";
    struct cs_error err = { 0 };
    int option;

    line->argv[0] = name;
    optind = 0;
    while ((option = usage_next(options, line->argc, line->argv)) != USAGE_OVER)
        if (read_option(o, option, optarg, &err) < 0)
            return usage_wrong(&usage_doctor, "doctor: %s", err.text);
    if (line->argc - optind > 1)
        return usage_wrong(&usage_doctor, "doctor: one zone at most can be named");
    if (optind < line->argc && table_name(o->zone, line->argv[optind], NAME_ONE_LABEL | NAME_UNDERSCORE, "ZONE", &err) < 0)
        return usage_wrong(&usage_doctor, "doctor: %s", err.text);
    return -1;
}

/* ---- The run -------------------------------------------------------------------------------------------------------- */

/* What only root sees is looked at first; then this is the server's user. */
static int prepare(struct doctor *d, const char *config_path, struct cs_error *err)
{
    if (setup_load(&d->setup, config_path, err) < 0)
        return -1;
    log_setup(CS_LOG_ERROR);
    setup_process();
    setup_state_holder(&d->setup, d->holder);
    if (ports_look(&d->ports, &d->setup.settings, d->holder) < 0)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    d->setup.loop = loop_new(err);
    d->client = d->setup.loop ? http_client_new(d->setup.loop, "countersign/" CS_VERSION, TRANSFERS, err) : NULL;
    if (!d->client)
        return -1;
    d->keep = keep_new(NULL);
    if (!d->keep)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    setup_drop_privileges(&d->setup, &d->not_user);
    return 0;
}

static void run(struct doctor *d)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        d->group = checks[i].group;
        d->check = checks[i].name;
        checks[i].look(d);
    }
    doctor_report_end(&d->report, cs_now_ms() - d->began_ms);
}

/* False: a plugin still works on a call and cannot be closed. */
static bool finish(struct doctor *d)
{
    if (!setup_rest(&d->setup, cs_now_ms() + CLOSE_MS))
        return false;
    doctor_cas_free(d);
    doctor_rows_free(d);
    ports_free(&d->ports);
    name_servers_free(d->name_servers);
    http_client_free(d->client);
    setup_free(&d->setup);
    keep_free(d->keep);
    return true;
}

int command_doctor(const struct command_line *line)
{
    struct doctor_options asked = { .timeout_ms = DEFAULT_S * 1000, .dns_port = DNS_PORT };
    struct doctor d = { .options = &asked, .setup = { .state_lock = -1 }, .report = { .to = stdout } };
    struct cs_error err = { 0 };
    int code;

    if (line->argc == 2 && command_is_help(line->argv[1])) {
        usage_help(&usage_doctor, stdout);
        return 0;
    }
    code = read_options(&asked, line);
    if (code >= 0)
        return code;
    d.report.json = asked.json;
    d.began_ms = cs_now_ms();
    d.deadline_ms = d.began_ms + asked.timeout_ms;
    if (prepare(&d, line->config_path, &err) < 0) {
        doctor_report_add(&d.report, DOCTOR_CONFIGURATION, "configuration", DOCTOR_FAIL, "", err.text);
        code = 1;
    } else {
        run(&d);
        code = doctor_report_code(&d.report);
    }
    if (!finish(&d))
        _exit(code);
    return code;
}

/*
 * The command line of `countersign privacy`; see privacy.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/day.h"
#include "base/source.h"
#include "command/privacy.h"
#include "command/table.h"

#define IP                                    \
    { "ip", "ADDRESS|-", 'i', "requests of this source; -: the address is read from standard input, which no shell keeps" }
#define FORMAT { "format", "table|json", 'f', "for people, or for programs" }

static const struct usage_option report_options[] = { FORMAT, USAGE_END };
static const struct usage_option erase_options[] = {
    IP,
    { "zone", "ZONE", 'z', "of this zone; '': of subjects that were not known" },
    { "label", "NAME[=VALUE]", 'l', "takes the label away from the requests that have it; they stay" },
    { "before", "DAY", 'b', "of days before this one, such as 2026-11-21 (UTC)" },
    { "spki", "HEX|FILE", 's', "alone: jobs and certificates with this public key that are over" },
    { "yes", NULL, 'y', "do not ask" },
    FORMAT,
    USAGE_END,
};
static const struct usage_option export_options[] = { IP, FORMAT, USAGE_END };
static const struct usage_option no_options[] = { USAGE_END };

static const struct usage_form forms[] = {
    [PRIVACY_REPORT] = { "report", "[--format table|json]", report_options },
    [PRIVACY_ERASE] = { "erase", "WHAT [--yes] [--format table|json]", erase_options },
    [PRIVACY_EXPORT] = { "export", "--ip ADDRESS|- [--format table|json]", export_options },
    [PRIVACY_CONFIRM] = { "confirm", "", no_options },
    [PRIVACY_FORGET_KEYS] = { "forget-keys", "", no_options },
    { NULL, NULL, NULL },
};

const struct usage usage_privacy = {
    "privacy", forms,
    "What is stored about people, and the rights that they have. WHAT to erase is one or more of --ip, --zone, --label and\n"
    "--before, of which all must fit, or --spki alone.\n",
    "Exit codes: 0 done, also when nothing can be attributed any more (GDPR Article 11); 1 failed; 2 wrong use;\n"
    "4 erased, but somebody still reads the old data: the last bytes go when he has finished; or the analysts' file could not\n"
    "be written anew, which the server tries every minute.\n",
};

static int read_address(struct privacy_options *o, char *typed, struct cs_error *err)
{
    struct source source;
    size_t len;

    if (strcmp(typed, "-") == 0) {
        if (isatty(STDIN_FILENO))
            fprintf(stderr, "Address: ");
        if (!fgets(o->address, sizeof o->address, stdin))
            o->address[0] = '\0';
        o->address[strcspn(o->address, "\r\n")] = '\0';
    } else {
        len = strlen(typed);
        memcpy(o->address, typed, len < sizeof o->address ? len + 1 : 1);
        memset(typed, 'x', len);
    }
    return source_parse(o->address, &source)
               ? 0
               : cs_fail(err, CS_EINPUT, "--ip takes an IPv4 or IPv6 address such as 192.0.2.7 or 2001:db8::7");
}

static int read_zone(struct privacy_options *o, char *typed, struct cs_error *err)
{
    o->has_zone = true;
    return *typed ? table_name(o->zone, typed, NAME_ONE_LABEL | NAME_UNDERSCORE, "--zone", err) : 0;
}

static int read_label(struct privacy_options *o, char *typed, struct cs_error *err)
{
    const char *equals = strchr(typed, '=');
    size_t len = equals ? (size_t)(equals - typed) : strlen(typed);

    if (len == 0 || len > PRIVACY_LABEL_NAME || (equals && strlen(equals + 1) > PRIVACY_LABEL_VALUE))
        return cs_fail(err, CS_EINPUT, "--label takes NAME or NAME=VALUE, with up to %d and %d characters", PRIVACY_LABEL_NAME,
                       PRIVACY_LABEL_VALUE);
    memcpy(o->label_name, typed, len);
    o->has_value = equals != NULL;
    if (equals)
        memcpy(o->label_value, equals + 1, strlen(equals + 1));
    return 0;
}

static int read_before(struct privacy_options *o, char *typed, struct cs_error *err)
{
    o->before = typed;
    return day_parse(typed, &o->before_day) && o->before_day > 0
               ? 0
               : cs_fail(err, CS_EINPUT, "--before takes a day such as 2026-11-21, not `%s`", typed);
}

static int read_spki(struct privacy_options *o, char *typed, struct cs_error *err)
{
    o->spki_typed = typed;
    return privacy_spki(typed, o->spki, err);
}

static int read_format(struct privacy_options *o, char *typed, struct cs_error *err)
{
    o->json = strcmp(typed, "json") == 0;
    return o->json || strcmp(typed, "table") == 0 ? 0
                                                  : cs_fail(err, CS_EINPUT, "--format takes table or json, not `%s`", typed);
}

static int read_yes(struct privacy_options *o, char *typed, struct cs_error *err)
{
    (void)typed, (void)err;
    o->yes = true;
    return 0;
}

static const struct {
    int id;
    int (*read)(struct privacy_options *o, char *typed, struct cs_error *err);
} readers[] = {
    { 'i', read_address }, { 'z', read_zone }, { 'l', read_label }, { 'b', read_before },
    { 's', read_spki },    { 'y', read_yes },  { 'f', read_format },
};

static int read_option(struct privacy_options *o, int id, struct cs_error *err)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i].id == id)
            return readers[i].read(o, optarg, err);
    return cs_fail(err, CS_EINPUT, "what it takes:");
}

/* Does what was said make sense together? */
static int check(const struct privacy_options *o, enum privacy_verb verb, struct cs_error *err)
{
    const bool of_visits = o->address[0] || o->has_zone || o->label_name[0] || o->before;

    if (verb == PRIVACY_EXPORT && !o->address[0])
        return cs_fail(err, CS_EINPUT, "say whose, with --ip");
    if (verb == PRIVACY_ERASE && !of_visits && !o->spki_typed)
        return cs_fail(err, CS_EINPUT, "say what to erase");
    if (o->spki_typed && of_visits)
        return cs_fail(err, CS_EINPUT, "--spki stands alone: certificates and visits share no key, so nothing fits both");
    if (o->before && o->address[0])
        return cs_fail(err, CS_EINPUT,
                       "--ip reaches only today, as the keys of the days before are destroyed: leave --before out");
    return 0;
}

int privacy_options_read(struct privacy_options *out, enum privacy_verb verb, int argc, char **argv)
{
    struct cs_error err = { 0 };
    int id, rc = 0;

    *out = (struct privacy_options){ 0 };
    optind = 0;
    while (rc == 0 && (id = usage_next(forms[verb].options, argc, argv)) != USAGE_OVER)
        rc = read_option(out, id, &err);
    if (rc == 0 && optind < argc)
        rc = cs_fail(&err, CS_EINPUT, "a word too many; what it takes:");
    if (rc == 0)
        rc = check(out, verb, &err);
    return rc == 0 ? -1 : usage_wrong(&usage_privacy, "%s: %s", argv[0], err.text);
}

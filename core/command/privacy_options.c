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

const char privacy_usage[] =
    "usage: countersign privacy report [--format table|json]\n"
    "       countersign privacy erase  WHAT [--yes] [--format table|json]\n"
    "       countersign privacy export --ip ADDRESS|- [--format table|json]\n"
    "       countersign privacy confirm\n"
    "       countersign privacy forget-keys\n"
    "\n"
    "WHAT to erase, one or more of these, of which all must fit:\n"
    "  --ip ADDRESS|-        requests of this source; -: the address is read from standard input, which no shell keeps\n"
    "  --zone ZONE           of this zone; '': of subjects that were not known\n"
    "  --label NAME[=VALUE]  takes the label away from the requests that have it; they stay\n"
    "  --before DAY          of days before this one, such as 2026-11-21 (UTC)\n"
    "or, alone:\n"
    "  --spki HEX|FILE       jobs and certificates with this public key that are over\n"
    "\n"
    "Exit codes: 0 done, also when nothing can be attributed any more (GDPR Article 11); 1 failed; 2 wrong use;\n"
    "4 erased, but somebody still reads the old data: the last bytes go when he has finished.\n";

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

#define BIT(verb) (1u << (verb))

static const struct {
    const char *name;
    int has_value;
    unsigned verbs;
    int (*read)(struct privacy_options *o, char *typed, struct cs_error *err);
} words[] = {
    { "ip",     required_argument, BIT(PRIVACY_ERASE) | BIT(PRIVACY_EXPORT),                       read_address },
    { "zone",   required_argument, BIT(PRIVACY_ERASE),                                             read_zone    },
    { "label",  required_argument, BIT(PRIVACY_ERASE),                                             read_label   },
    { "before", required_argument, BIT(PRIVACY_ERASE),                                             read_before  },
    { "spki",   required_argument, BIT(PRIVACY_ERASE),                                             read_spki    },
    { "yes",    no_argument,       BIT(PRIVACY_ERASE),                                             read_yes     },
    { "format", required_argument, BIT(PRIVACY_REPORT) | BIT(PRIVACY_ERASE) | BIT(PRIVACY_EXPORT), read_format  },
};

#define N_WORDS (sizeof words / sizeof *words)

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
    struct option options[N_WORDS + 1] = { 0 };
    struct cs_error err = { 0 };
    size_t n = 0;
    int option, rc = 0;

    *out = (struct privacy_options){ 0 };
    for (size_t i = 0; i < N_WORDS; i++)
        if (words[i].verbs & BIT(verb))
            options[n++] = (struct option){ .name = words[i].name, .has_arg = words[i].has_value, .val = (int)i + 1 };
    optind = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
        rc = option < 1 || option > (int)N_WORDS ? cs_fail(&err, CS_EINPUT, "what it takes:")
                                                 : words[option - 1].read(out, optarg, &err);
    if (rc == 0 && optind < argc)
        rc = cs_fail(&err, CS_EINPUT, "a word too many; what it takes:");
    if (rc == 0)
        rc = check(out, verb, &err);
    return rc == 0 ? -1 : table_wrong_use(privacy_usage, "%s: %s", argv[0], err.text);
}

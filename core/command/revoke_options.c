/*
 * The command line of `countersign revoke`; see revoke.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/revocation_reason.h"
#include "command/command.h"
#include "command/revoke.h"

/* Which of them fit together is for check(). */
static const struct usage_option options[] = {
    { "reason", "REASON", 'r',
      "unspecified (the default), keyCompromise, affiliationChanged,\nsuperseded or cessationOfOperation" },
    { "ca", "INSTANCE", 'c', "of several certificates with this serial number the one of this CA" },
    { "dry-run", NULL, 'd', "only show the certificate" },
    { "server", "URL", 's', "the Countersign that issued the certificate" },
    { "key", "FILE", 'k', "the certificate's private key, PEM" },
    { "certificate", "FILE", 'x', "the certificate, or its chain" },
    { "ca-file", "FILE", 'f', "trust anchors for the server, instead of the system's" },
    { "insecure-http", NULL, 'i', "plain http to another host is all right" },
    { "json", NULL, 'j', "the answer as JSON" },
    { "help", NULL, 'h', "this text" },
    USAGE_END,
};

static const struct usage_form forms[] = {
    { "", "SERIAL|FILE [--reason REASON] [--ca INSTANCE] [--dry-run] [--json]", options },
    { "", "--server URL --key FILE --certificate FILE [--reason REASON] [--ca-file FILE] [--json]", options },
    { NULL, NULL, NULL },
};

const struct usage usage_revoke = {
    "revoke", forms,
    "Ends a certificate before its time, and has its key refused from then on (docs/revoke.md). The first form is for the\n"
    "server's operator, and needs one that runs; the second for whoever has the certificate's key.\n",
    "Exit codes: 0 revoked, now or before; 1 it failed; 2 wrong use; 4 written down, the server goes on by itself.\n",
};

static int mistake(const char *fault)
{
    return usage_wrong(&usage_revoke, "%s", fault);
}

static int take(struct revoke_options *out, int option, const char *value)
{
    switch (option) {
    case 'r':
        out->reason = value;
        return revocation_reason_code(value, strlen(value)) < 0 ? mistake("--reason must be " REVOCATION_REASONS) : -1;
    case 'c':
        out->ca = value;
        return -1;
    case 'd':
        out->dry_run = true;
        return -1;
    case 'j':
        out->json = true;
        return -1;
    case 's':
        out->server = value;
        return -1;
    case 'k':
        out->key_file = value;
        return -1;
    case 'x':
        out->certificate_file = value;
        return -1;
    case 'f':
        out->ca_file = value;
        return -1;
    case 'i':
        out->insecure_http = true;
        return -1;
    case 'h':
        usage_help(&usage_revoke, stdout);
        return 0;
    default:
        return mistake("what it takes:");
    }
}

static int check(const struct revoke_options *out)
{
    if (out->server && (out->what || out->ca || out->dry_run))
        return mistake("with --server there is no SERIAL, --ca or --dry-run: --certificate says which");
    if (out->server && (!out->key_file || !out->certificate_file))
        return mistake("--server needs --key and --certificate");
    if (!out->server && (out->key_file || out->certificate_file || out->ca_file || out->insecure_http))
        return mistake("--key, --certificate, --ca-file and --insecure-http need --server");
    return out->server || out->what ? -1 : mistake("say which certificate: its serial number or its file");
}

int revoke_options_read(struct revoke_options *out, int argc, char **argv)
{
    int option, code;

    *out = (struct revoke_options){ .reason = revocation_reason_word(REVOCATION_UNSPECIFIED) };
    optind = 0;
    while ((option = usage_next(options, argc, argv)) != USAGE_OVER) {
        code = take(out, option, optarg);
        if (code >= 0)
            return code;
    }
    if (argc - optind > 1)
        return mistake("name one certificate at a time");
    out->what = argc - optind == 1 ? argv[optind] : NULL;
    return check(out);
}

/*
 * The doctor's look at the certificates of the listeners: readable by the server's user, fitting, for which names, until when.
 * Called by doctor.c.
 */
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/pem.h"
#include "command/check_tls.h"
#include "command/doctor.h"

enum { DAY_S = 24 * 3600, SOON_DAYS = 14 };

static X509 *read_leaf(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *leaf = file ? PEM_read_X509(file, NULL, pem_no_passphrase, NULL) : NULL;

    if (file)
        fclose(file);
    ERR_clear_error();
    return leaf;
}

static void add_names(struct text *to, X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS)
            continue;
        text_addf(to, "%s%.*s", to->len ? " " : "", ASN1_STRING_length(name->d.dNSName),
                  (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    if (!to->len)
        text_add(to, "no host name");
}

/* Seconds from now; 0 as well when the date makes no sense. */
static int64_t left_s(const ASN1_TIME *at)
{
    int days = 0, seconds = 0;

    return ASN1_TIME_diff(&days, &seconds, NULL, at) ? (int64_t)days * DAY_S + seconds : 0;
}

static void date_of(char out[32], const ASN1_TIME *at)
{
    struct tm tm = { 0 };

    if (!ASN1_TIME_to_tm(at, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm))
        snprintf(out, 32, "an unreadable date");
}

static void judge_dates(struct doctor *d, const char *about, const char *path, bool renews, X509 *leaf)
{
    const char *todo = renews ? "the server renews it by itself: see in its log why it does not"
                              : "renew it, then reload or restart the server";
    const int64_t left = left_s(X509_get0_notAfter(leaf)), until_start = left_s(X509_get0_notBefore(leaf));
    struct text names = TEXT_MAX(300);
    char begin[32], end[32];

    add_names(&names, leaf);
    date_of(begin, X509_get0_notBefore(leaf));
    date_of(end, X509_get0_notAfter(leaf));
    if (left <= 0)
        doctor_fail(d, about, "%s ended on %s\n%s", path, end, todo);
    else if (until_start > 0)
        doctor_fail(d, about, "%s begins on %s only\nset the clock, or wait until then", path, begin);
    else if (left < SOON_DAYS * DAY_S && left < (left - until_start) / 3)
        doctor_warn(d, about, "%s ends on %s, in %" PRId64 " days\n%s", path, end, left / DAY_S, todo);
    else
        doctor_ok(d, about, "%s is for %s until %s, its key fits", path, text_of(&names), end);
    text_free(&names);
}

static const char *advice(const char *problem)
{
    if (strstr(problem, "cannot read"))
        return "let the server's user read it: chgrp to the user's group and chmod 640, and a+x on the folders above";
    if (strstr(problem, "does not belong"))
        return "put certificate and key of the same pair there";
    return "put a PEM file there: the certificate first, then its issuers; the key without a passphrase";
}

static void look(struct doctor *d, const char *what, const struct listen_settings *listen)
{
    char about[200];
    struct cs_error err = { 0 };
    X509 *leaf;

    if (!listen->address || !listen->certificate || !listen->key)
        return;
    snprintf(about, sizeof about, "%s %.100s port %d", what, listen->address, (int)listen->port);
    if (check_tls(listen, &err) < 0) {
        doctor_fail(d, about, "%s\n%s", err.text, advice(err.text));
        return;
    }
    leaf = read_leaf(listen->certificate);
    if (leaf)
        judge_dates(d, about, listen->certificate, listen->self_name, leaf);
    else if (listen->self_name)
        doctor_ok(d, about, "the server gets it by itself, at its first start");
    X509_free(leaf);
}

void doctor_certificates(struct doctor *d)
{
    if (d->not_user.code != CS_OK)
        return;
    for (size_t i = 0; i < d->setup.settings.n_listen; i++)
        look(d, "listen", &d->setup.settings.listen[i]);
    look(d, "admin", &d->setup.settings.admin);
}

/*
 * ca-acme: gets certificates from a CA that speaks ACME (RFC 8555), such as Let's Encrypt. The descriptor, the settings, and
 * the way from the core's calls to order.c and errand.c. docs/ca-acme.md says how to set it up.
 */
#include "acme.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "account_key.h"
#include "base/base64url.h"
#include "base/text.h"
#include "directory.h"
#include "errand.h"
#include "examine.h"
#include "order.h"

#define EAB_LEAST_BYTES 16

static const struct cs_option settings[] = {
    CS_SETTING(URL, struct acme_settings, directory, NULL, "the CA's directory URL"),
    CS_SETTING(STRINGS, struct acme_settings, email, "", "addresses that the CA may write to; sent at registration"),
    CS_SETTING(BOOL, struct acme_settings, terms_agreed, "false", "you have read the CA's terms of service and agree to them"),
    CS_SETTING(STRING, struct acme_settings, account_key, "", "file of the account key (PEM, 0600), made if it is not there; "
               "default: account.pem in the instance's state folder"),
    CS_SETTING(STRING, struct acme_settings, key_type, "es256", "of an account key that is made: es256, es384 or rs256"),
    CS_SETTING(STRING, struct acme_settings, eab_kid, "", "key identifier of an external account binding, from the CA"),
    CS_SETTING(SECRET, struct acme_settings, eab_hmac, "", "its HMAC key in base64url, from the CA"),
    CS_SETTING(STRING, struct acme_settings, ca_file, "", "trust anchors (PEM) for the CA's https; default: the system's"),
    CS_SETTING(STRING, struct acme_settings, profile, "", "certificate profile, unless the subject's row names one"),
    CS_SETTING(STRING, struct acme_settings, preferred_chain, "", "common name of the issuer of the chain's last certificate"),
    CS_SETTING(STRINGS, struct acme_settings, allow_hosts, "", "other places for the CA's URLs: HOST or HOST:PORT"),
    CS_SETTING(BOOL, struct acme_settings, insecure, "false", "allow a directory with http to any host; for tests only"),
    CS_SETTING_RANGE(SECONDS, struct acme_settings, timeout, "30s", 100, 600000, "give up on one exchange with the CA"),
    CS_SETTING_RANGE(SECONDS, struct acme_settings, poll_first, "5ms", 1, 60000, "first wait between two polls, then doubled"),
    CS_SETTING_RANGE(SECONDS, struct acme_settings, poll_most, "2s", 1, 600000, "longest wait between two polls, unless the CA "
                     "says Retry-After"),
    CS_SETTING_RANGE(SECONDS, struct acme_settings, retry_first, "1s", 1, 60000, "at most so long before a failed exchange is "
                     "repeated, then doubled"),
    CS_SETTING_RANGE(SECONDS, struct acme_settings, retry_most, "30s", 1, 600000, "longest wait before a failed exchange is "
                     "repeated, unless the CA says Retry-After"),
    CS_SETTINGS_END
};

static bool is_email(const char *address)
{
    const char *at = strchr(address, '@');

    for (const char *c = address; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr(",?&#%<>\"", *c))
            return false;
    return at && at != address && at[1] && strlen(address) <= 254;
}

/* CAs hand the key out in base64url, some with padding. */
static int read_eab(struct acme *acme, struct cs_error *err)
{
    const char *kid = acme->conf->eab_kid, *hmac = acme->conf->eab_hmac;
    size_t len = strlen(hmac);

    if (!kid[0] && !hmac[0])
        return 0;
    if (!kid[0] || !hmac[0])
        return cs_fail(err, CS_ECONFIG, "eab_kid and eab_hmac need each other");
    while (len > 0 && hmac[len - 1] == '=')
        len--;
    acme->eab_secret = malloc(BASE64_DECODED_MAX(len) + 1);
    if (!acme->eab_secret)
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (base64url_decode(acme->eab_secret, &acme->eab_secret_len, hmac, len) < 0 || acme->eab_secret_len < EAB_LEAST_BYTES)
        return cs_fail(err, CS_ECONFIG, "eab_hmac is not a key in base64url of at least %d bytes", EAB_LEAST_BYTES);
    return 0;
}

static int check_settings(const struct acme_settings *conf, struct cs_error *err)
{
    for (size_t i = 0; i < conf->email.n; i++)
        if (!is_email(conf->email.v[i]))
            return cs_fail(err, CS_ECONFIG, "email: \"%.100s\" is not one plain mail address", conf->email.v[i]);
    if (conf->ca_file[0] && access(conf->ca_file, R_OK) < 0)
        return cs_fail(err, CS_ECONFIG, "ca_file: cannot read %.300s", conf->ca_file);
    if (jose_check_alg(conf->key_type, err) < 0)
        return -1;
    if (conf->poll_first > conf->poll_most)
        return cs_fail(err, CS_ECONFIG, "poll_first is longer than poll_most");
    if (conf->retry_first > conf->retry_most)
        return cs_fail(err, CS_ECONFIG, "retry_first is longer than retry_most");
    return 0;
}

/* One that is made at the first start is not missed. */
static int check_key(const struct acme_settings *conf, struct cs_error *err)
{
    struct jose_key *key = NULL;
    const int rc = conf->account_key[0] ? account_key_look(&key, conf->account_key, err) : 0;

    jose_key_free(key);
    return rc;
}

static int acme_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    struct acme acme = { .conf = conf };
    int rc = 0;

    (void)listen;
    if (check_settings(conf, err) < 0 || read_eab(&acme, err) < 0 ||
        url_rules_make(&acme.rules, acme.conf->directory, acme.conf->allow_hosts, err) < 0 || check_key(conf, err) < 0)
        rc = -1;
    jose_wipe((char *)acme.eab_secret, acme.eab_secret_len);
    url_rules_free(&acme.rules);
    return rc;
}

static int open_key(struct acme *acme, struct cs_error *err)
{
    struct text path = TEXT_MAX(4000);
    const char *folder = acme->conf->account_key[0] ? "" : cs_state_dir(acme->in, err);
    int rc;

    if (!folder)
        return -1;
    if (folder[0])
        text_addf(&path, "%s/account.pem", folder);
    else
        text_add(&path, acme->conf->account_key);
    if (text_failed(&path))
        rc = cs_fail(err, CS_ECONFIG, "account_key is too long");
    else if (cs_only_looks(acme->in))
        rc = account_key_look(&acme->key, text_of(&path), err);
    else
        rc = account_key_open(&acme->key, text_of(&path), acme->conf->key_type, err);
    text_free(&path);
    return rc;
}

/* Nobody gets a certificate for it. One that looks around may have none. */
static int tell_key(struct acme *acme, struct cs_error *err)
{
    unsigned char *spki = NULL;
    size_t len;
    int rc = 0;

    if (acme->key && (jose_key_spki(acme->key, &spki, &len, err) < 0 || cs_own_key(acme->in, spki, len, err) < 0))
        rc = -1;
    free(spki);
    return rc;
}

static int name_account(struct acme *acme, struct cs_error *err)
{
    struct text name = TEXT_MAX(SIZE_MAX);

    if (!acme->key)
        return 0;
    text_addf(&name, "%s %s", acme->conf->directory, jose_key_thumbprint(acme->key));
    acme->account_name = text_take(&name);
    return acme->account_name ? 0 : cs_fail(err, CS_EBUSY, "out of memory");
}

static void acme_close(void *self)
{
    struct acme *acme = self;

    account_free(acme->account);
    directory_free(acme->directory);
    free(acme->account_name);
    jose_key_free(acme->key);
    jose_wipe((char *)acme->eab_secret, acme->eab_secret_len);
    url_rules_free(&acme->rules);
    free(acme);
}

static int acme_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct acme *acme = calloc(1, sizeof *acme);

    if (!acme)
        return cs_fail(err, CS_EBUSY, "out of memory");
    acme->in = in;
    acme->conf = conf;
    if (check_settings(acme->conf, err) < 0 || read_eab(acme, err) < 0 ||
        url_rules_make(&acme->rules, acme->conf->directory, acme->conf->allow_hosts, err) < 0 || open_key(acme, err) < 0 ||
        tell_key(acme, err) < 0 || name_account(acme, err) < 0)
        goto out;
    acme->directory = directory_new(acme);
    acme->account = account_new(acme);
    if (!acme->directory || !acme->account) {
        cs_fail(err, CS_EBUSY, "out of memory");
        goto out;
    }
    *self = acme;
    return 0;
out:
    acme_close(acme);
    return -1;
}

static void acme_sign(void *self, const struct cs_order *order, struct cs_op *op)
{
    order_sign(self, order, op);
}

static void acme_resume(void *self, const struct cs_order *order, const char *step, const void *data, size_t len,
                        struct cs_op *op)
{
    order_resume(self, order, step, data, len, op);
}

static void acme_revoke(void *self, const char *pem, size_t len, int reason, struct cs_op *op)
{
    errand_revoke(self, pem, len, reason, op);
}

static void acme_renewal_info(void *self, const char *pem, size_t len, struct cs_op *op)
{
    errand_renewal_info(self, pem, len, op);
}

static void acme_status(void *self, struct cs_op *op)
{
    errand_status(self, op);
}

static void acme_examine(void *self, struct cs_op *op)
{
    examine(self, op);
}

static const char *acme_account(void *self)
{
    return ((const struct acme *)self)->account_name;
}

static const struct cs_ca_ops ca = {
    .size = sizeof ca,
    .sign = acme_sign,
    .resume = acme_resume,
    .revoke = acme_revoke,
    .renewal_info = acme_renewal_info,
    .status = acme_status,
    .examine = acme_examine,
    .account = acme_account,
};

CS_PLUGIN("ca-acme", "0.1.0", "gets certificates from a CA that speaks ACME (RFC 8555), such as Let's Encrypt",
          .settings = settings, .settings_size = sizeof(struct acme_settings), .open = acme_open, .close = acme_close,
          .ca = &ca, .check = acme_check);

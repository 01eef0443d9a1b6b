/*
 * The account at the CA; see account.h. The key is on the disk before this begins (account_key.c), so newAccount may be sent
 * as often as it takes: the CA finds the account by its key (RFC 8555 7.3.1).
 */
#include "account.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "directory.h"
#include "transport.h"

#define KEPT_AS "account"

/* A look into the core's records that may come back after the account is gone. */
struct look {
    struct account *account; /* NULL: gone */
};

struct account {
    struct acme *acme;
    char *url; /* NULL: not registered */
    bool looked; /* into the records of earlier runs */
    struct look *look;
    struct waiter directory;   /* our place among those who wait for the directory */
    struct exchange *exchange; /* newAccount under way, or NULL */
    bool busy;
    struct waiter *waiters;
};

struct account *account_new(struct acme *acme)
{
    struct account *account = calloc(1, sizeof *account);

    if (account)
        account->acme = acme;
    return account;
}

void account_free(struct account *account)
{
    if (!account)
        return;
    if (account->look)
        account->look->account = NULL;
    waiter_leave(&account->directory);
    transport_cancel(account->exchange);
    free(account->url);
    free(account);
}

const char *account_url(const struct account *account)
{
    return account->url ? account->url : "";
}

static void done(struct account *account, const struct failure *failure)
{
    account->busy = false;
    waiters_tell(&account->waiters, failure);
}

static void fail(struct account *account, const struct cs_error *err)
{
    struct failure failure;

    failure_of_error(&failure, err);
    failure.transient = false;
    done(account, &failure);
}

static void on_kept(void *arg, const struct cs_error *err)
{
    if (err)
        cs_log(arg, CS_LOG_WARN, "the account's URL was not kept, it will be asked for again: %s", err->text);
}

/* For which CA and key the URL is: either may be changed in the settings. */
static void keep(struct account *account)
{
    json_t *record = json_pack("{s:s, s:s, s:s}", "directory", account->acme->conf->directory, "thumbprint",
                               jose_key_thumbprint(account->acme->key), "url", account->url);
    char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;

    if (text)
        cs_keep_put(account->acme->in, KEPT_AS, text, strlen(text), on_kept, account->acme->in);
    free(text);
    json_decref(record);
}

static bool member_is(const json_t *record, const char *name, const char *value)
{
    const char *found = json_string_value(json_object_get(record, name));

    return found && strcmp(found, value) == 0;
}

static void read_kept(struct account *account, const void *data, size_t len)
{
    json_t *record = data ? reply_json(data, len, NULL) : NULL;
    const char *url = json_string_value(json_object_get(record, "url"));

    if (url && member_is(record, "directory", account->acme->conf->directory) &&
        member_is(record, "thumbprint", jose_key_thumbprint(account->acme->key)) &&
        url_check(&account->acme->rules, url, "account", NULL) == 0)
        account->url = text_copy(url);
    json_decref(record);
}

/* RFC 8555 7.3.4: the account's key, vouched for with the key that the CA gave out of band. */
static json_t *make_binding(const struct acme *acme, const char *new_account, struct cs_error *err)
{
    json_t *header = json_pack("{s:s, s:s}", "kid", acme->conf->eab_kid, "url", new_account);
    char *key = json_dumps(jose_key_jwk(acme->key), JSON_COMPACT);
    json_t *binding = NULL;

    if (header && key)
        binding = jose_mac(acme->eab_secret, acme->eab_secret_len, header, key, err);
    else
        cs_fail(err, CS_EBUSY, "out of memory");
    free(key);
    json_decref(header);
    return binding;
}

static int add_contacts(json_t *body, const struct cs_strings *email)
{
    json_t *contact = json_array();
    int rc = 0;

    for (size_t i = 0; i < email->n; i++) {
        struct text url = TEXT_MAX(400);

        text_addf(&url, "mailto:%s", email->v[i]);
        rc |= text_failed(&url) ? -1 : json_array_append_new(contact, json_string(text_of(&url)));
        text_free(&url);
    }
    return rc | json_object_set_new(body, "contact", contact);
}

/* The body of newAccount, for free(); NULL and *err. */
static char *make_body(const struct acme *acme, const struct directory_object *directory, struct cs_error *err)
{
    json_t *body = json_object();
    char *text = NULL;
    int rc = 0;

    if (acme->conf->terms_agreed)
        rc |= json_object_set_new(body, "termsOfServiceAgreed", json_true());
    if (acme->conf->email.n > 0)
        rc |= add_contacts(body, &acme->conf->email);
    cs_fail(err, CS_EBUSY, "out of memory");
    if (acme->eab_secret)
        rc |= json_object_set_new(body, "externalAccountBinding", make_binding(acme, directory->new_account, err));
    if (rc == 0)
        text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

/* What only the operator can give. */
static int check_needs(const struct acme *acme, const struct directory_object *directory, struct cs_error *err)
{
    char terms[201];

    reply_quote(terms, sizeof terms, directory->terms);
    if (terms[0] && !acme->conf->terms_agreed)
        return cs_fail_as(err, CS_ECONFIG, "ca-terms",
                          "the CA wants its terms of service agreed to: read %s, then set terms_agreed = true", terms);
    if (directory->eab_required && !acme->eab_secret)
        return cs_fail_as(err, CS_ECONFIG, "ca-eab-required",
                          "the CA wants an external account binding: get a key from it and set eab_kid and eab_hmac");
    return 0;
}

static int take_reply(struct account *account, const struct reply *reply, struct cs_error *err)
{
    if (object_status(reply->json) != STATUS_VALID)
        return cs_fail_as(err, CS_ECONFIG, "ca-account-closed",
                          "the CA has closed the account of this key; move the account key away to register a new one");
    if (!reply->location[0])
        return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's newAccount gave no Location");
    if (url_check(&account->acme->rules, reply->location, "account", err) < 0)
        return -1;
    free(account->url);
    account->url = text_copy(reply->location);
    return account->url ? 0 : cs_fail(err, CS_EBUSY, "out of memory");
}

static void on_registered(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct account *account = arg;
    struct cs_error err;

    account->exchange = NULL;
    if (failure) {
        done(account, failure);
    } else if (take_reply(account, reply, &err) < 0) {
        fail(account, &err);
    } else {
        cs_log(account->acme->in, CS_LOG_INFO, "the CA %s the account url=%s", reply->status == 201 ? "registered" : "knows",
               account->url);
        keep(account);
        done(account, NULL);
    }
}

static void on_directory(void *arg, const struct failure *failure)
{
    struct account *account = arg;
    const struct directory_object *directory = directory_object(account->acme->directory);
    struct cs_error err;
    char *body;

    if (failure || account->url) {
        done(account, failure);
        return;
    }
    body = check_needs(account->acme, directory, &err) == 0 ? make_body(account->acme, directory, &err) : NULL;
    if (body) {
        account->exchange = transport_ask(account->acme,
                                          &(struct exchange_want){ .url = directory->new_account,
                                                                   .sign = SIGN_KEY,
                                                                   .payload = body,
                                                                   .kind = REPLY_JSON },
                                          on_registered, account);
        cs_fail(&err, CS_EBUSY, "out of memory");
    }
    free(body);
    if (!account->exchange)
        fail(account, &err);
}

static void on_looked(void *arg, const void *data, size_t len, const struct cs_error *err)
{
    struct look *look = arg;
    struct account *account = look->account;

    (void)err; /* newAccount finds the URL as well */
    free(look);
    if (!account)
        return;
    account->look = NULL;
    account->looked = true;
    read_kept(account, data, len);
    directory_wait(account->acme->directory, &account->directory, on_directory, account);
}

static void look_up(struct account *account)
{
    account->look = malloc(sizeof *account->look);
    if (account->look) {
        account->look->account = account;
        cs_keep_get(account->acme->in, KEPT_AS, on_looked, account->look);
    } else {
        directory_wait(account->acme->directory, &account->directory, on_directory, account);
    }
}

void account_wait(struct account *account, struct waiter *waiter, waiter_fn *fn, void *arg)
{
    waiter_join(&account->waiters, waiter, fn, arg);
    if (account->busy)
        return;
    account->busy = true;
    if (account->looked)
        directory_wait(account->acme->directory, &account->directory, on_directory, account);
    else
        look_up(account);
}

void account_lost(struct account *account, const char *url)
{
    if (!account->url || strcmp(account->url, url) != 0)
        return;
    cs_log(account->acme->in, CS_LOG_WARN, "the CA has lost the account, registering it anew url=%s", url);
    free(account->url);
    account->url = NULL;
    cs_keep_put(account->acme->in, KEPT_AS, NULL, 0, on_kept, account->acme->in);
}

/*
 * A look at the CA for an operator; see examine.h. The directory first, then the account.
 */
#include "examine.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "directory.h"
#include "transport.h"

struct look {
    struct acme *acme;
    struct cs_op *op;
    struct waiter waiter;
    struct exchange *exchange;
    json_t *said, *findings; /* findings: part of said */
    int64_t began_ms;
};

static void look_free(struct look *look)
{
    waiter_leave(&look->waiter);
    transport_cancel(look->exchange);
    json_decref(look->said);
    free(look);
}

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct look *look = arg;
    struct cs_error err;

    cs_fail(&err, why == CS_SHUTDOWN ? CS_ESHUTDOWN : CS_ETIMEDOUT, "the CA did not answer in time");
    cs_op_err(look->op, &err);
    look_free(look);
}

/* The last step. */
static void end(struct look *look)
{
    struct cs_error err;
    char *text;

    if (look->acme->clock_seen)
        json_object_set_new(look->said, "ahead_ms", json_integer(look->acme->ahead_ms));
    text = json_dumps(look->said, JSON_COMPACT);
    if (text) {
        cs_op_ok_data(look->op, text, strlen(text));
    } else {
        cs_fail(&err, CS_EBUSY, "out of memory");
        cs_op_err(look->op, &err);
    }
    free(text);
    look_free(look);
}

static void find(struct look *look, const char *check, const char *verdict, const char *todo, const char *format, ...)
    CS_PRINTF(5, 6);

/* Without memory there is a finding less. */
static void find(struct look *look, const char *check, const char *verdict, const char *todo, const char *format, ...)
{
    char saw[2 * URL_LONGEST];
    va_list args;

    va_start(args, format);
    vsnprintf(saw, sizeof saw, format, args);
    va_end(args);
    json_array_append_new(look->findings, json_pack("{s:s, s:s, s:s+, s:s}", "check", check, "verdict", verdict, "saw", saw, "",
                                                    "do", todo));
}

/* ---- What may go wrong ------------------------------------------------------------------------------------------- */

static const char *advice(const struct failure *failure)
{
    const char *text = failure->err.text;

    if (strstr(text, "its certificate is not"))
        return "set ca_file to the PEM file of the CA that signed the https certificate, or have that certificate mended";
    if (strstr(text, "cannot connect") || strstr(text, "has no address") || strstr(text, "no answer in time"))
        return "let this host reach it (firewall, proxy, resolver), or mend `directory`";
    if (strstr(text, "trust anchors"))
        return "let the server's user read that file, or install ca-certificates";
    return "see the CA's status page; check that `directory` is the URL of its directory";
}

static void find_failure(struct look *look, const char *check, const struct failure *failure)
{
    find(look, check, "fail", advice(failure), "%s", failure->err.text);
}

/* ---- The account ------------------------------------------------------------------------------------------------- */

static void take_account(struct look *look, const struct reply *reply)
{
    if (object_status(reply->json) != STATUS_VALID) {
        find(look, "account", "fail", "move the account key away, so that a new account is registered",
             "the CA has closed the account of this key");
        return;
    }
    find(look, "account", "ok", "", "usable: %s", reply->location);
    json_object_set_new(look->said, "account", json_string(reply->location));
}

static void on_account(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct look *look = arg;

    look->exchange = NULL;
    if (reply)
        take_account(look, reply);
    else if (failure->type == ACME_ACCOUNT_DOES_NOT_EXIST)
        find(look, "account", "ok", "", "the CA does not know our key yet: the first order registers the account");
    else
        find_failure(look, "account", failure);
    end(look);
}

static void ask_account(struct look *look, const struct directory_object *directory)
{
    if (!look->acme->key) {
        find(look, "account", "ok", "", "no account key yet: the first start makes it, the first order registers the account");
        end(look);
        return;
    }
    look->exchange = transport_ask(look->acme,
                                   &(struct exchange_want){ .url = directory->new_account,
                                                            .sign = SIGN_KEY,
                                                            .payload = "{\"onlyReturnExisting\":true}",
                                                            .kind = REPLY_JSON },
                                   on_account, look);
    if (!look->exchange)
        end(look);
}

/* ---- The directory ----------------------------------------------------------------------------------------------- */

static void check_terms(struct look *look, const struct directory_object *directory)
{
    char terms[201];

    reply_quote(terms, sizeof terms, directory->terms);
    if (terms[0] && !look->acme->conf->terms_agreed)
        find(look, "terms", "fail", "read them, then set terms_agreed = true",
             "the CA wants its terms of service agreed to: %s", terms);
    else if (terms[0])
        find(look, "terms", "ok", "", "agreed to %s", terms);
    if (directory->eab_required && !look->acme->eab_secret)
        find(look, "account", "fail", "get a key from the CA, and set eab_kid and eab_hmac",
             "the CA wants an external account binding");
}

static void check_profile(struct look *look)
{
    const char *profile = look->acme->conf->profile;
    struct cs_error err;

    if (!profile[0])
        return;
    if (directory_check_profile(look->acme->directory, profile, &err) < 0)
        find(look, "profile", "fail", "set `profile` to one of those, or leave it out", "%s", err.text);
    else
        find(look, "profile", "ok", "", "the CA has %s", profile);
}

static void on_directory(void *arg, const struct failure *failure)
{
    struct look *look = arg;
    const struct directory_object *directory = directory_object(look->acme->directory);

    if (failure) {
        find_failure(look, "ca", failure);
        end(look);
        return;
    }
    find(look, "ca", "ok", "", "%s answers, %d ms", look->acme->conf->directory, (int)(cs_now_ms() - look->began_ms));
    if (directory->identities)
        json_object_set(look->said, "identities", (json_t *)directory->identities);
    check_terms(look, directory);
    check_profile(look);
    ask_account(look, directory);
}

void examine(struct acme *acme, struct cs_op *op)
{
    struct look *look = calloc(1, sizeof *look);
    struct cs_error err;

    if (look) {
        *look = (struct look){ .acme = acme, .op = op, .said = json_pack("{s:[]}", "findings"), .began_ms = cs_now_ms() };
        look->findings = json_object_get(look->said, "findings");
    }
    if (!look || !look->findings) {
        free(look);
        cs_fail(&err, CS_EBUSY, "out of memory");
        cs_op_err(op, &err);
        return;
    }
    cs_op_on_cancel(op, on_cancel, look);
    directory_forget(acme->directory);
    directory_wait(acme->directory, &look->waiter, on_directory, look);
}

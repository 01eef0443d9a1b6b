/*
 * The CA's directory; see directory.h.
 */
#include "directory.h"

#include <stdlib.h>

#include "base/text.h"
#include "transport.h"

struct directory {
    struct acme *acme;
    json_t *json; /* NULL: nothing was read yet */
    struct directory_object object; /* of json */
    int64_t fetched_ms;
    bool doubted;
    struct exchange *exchange; /* the fetch under way, or NULL */
    struct waiter *waiters;
};

struct directory *directory_new(struct acme *acme)
{
    struct directory *directory = calloc(1, sizeof *directory);

    if (directory)
        directory->acme = acme;
    return directory;
}

void directory_free(struct directory *directory)
{
    if (!directory)
        return;
    transport_cancel(directory->exchange);
    json_decref(directory->json);
    free(directory);
}

const struct directory_object *directory_object(const struct directory *directory)
{
    return directory->json ? &directory->object : NULL;
}

static bool is_fresh(const struct directory *directory)
{
    return directory->json && !directory->doubted && cs_now_ms() - directory->fetched_ms < DIRECTORY_LIFE_MS;
}

void directory_doubt(struct directory *directory)
{
    if (cs_now_ms() - directory->fetched_ms > DIRECTORY_DOUBT_MS)
        directory->doubted = true;
}

void directory_forget(struct directory *directory)
{
    directory->doubted = true;
}

static int keep(struct directory *directory, json_t *json, struct cs_error *err)
{
    struct directory_object object;

    if (object_directory(&object, json, &directory->acme->rules, err) < 0)
        return cs_fail_in(err, "directory");
    json_decref(directory->json);
    directory->json = json_incref(json);
    directory->object = object;
    directory->fetched_ms = cs_now_ms();
    directory->doubted = false;
    return 0;
}

static void on_directory(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct directory *directory = arg;
    struct failure bad = { 0 };

    directory->exchange = NULL;
    if (reply && keep(directory, reply->json, &bad.err) < 0)
        failure = &bad;
    waiters_tell(&directory->waiters, failure);
}

static void fetch(struct directory *directory)
{
    struct failure failure;
    struct cs_error err;

    directory->exchange = transport_ask(directory->acme,
                                        &(struct exchange_want){ .url = directory->acme->conf->directory,
                                                                 .sign = SIGN_NOT,
                                                                 .kind = REPLY_JSON },
                                        on_directory, directory);
    if (directory->exchange)
        return;
    cs_fail(&err, CS_EBUSY, "out of memory");
    failure_of_error(&failure, &err);
    waiters_tell(&directory->waiters, &failure);
}

void directory_wait(struct directory *directory, struct waiter *waiter, waiter_fn *fn, void *arg)
{
    if (is_fresh(directory)) {
        fn(arg, NULL);
        return;
    }
    waiter_join(&directory->waiters, waiter, fn, arg);
    if (!directory->exchange)
        fetch(directory);
}

int directory_check_profile(const struct directory *directory, const char *profile, struct cs_error *err)
{
    struct text known = TEXT_MAX(300);
    const char *name;
    json_t *value;

    if (json_object_get(directory->object.profiles, profile))
        return 0;
    json_object_foreach((json_t *)directory->object.profiles, name, value) {
        char quoted[64];

        reply_quote(quoted, sizeof quoted, name);
        text_addf(&known, "%s%s", known.len ? ", " : "", quoted);
    }
    cs_fail_as(err, CS_ECONFIG, "ca-bad-profile", "the CA has no profile \"%.60s\"; it has %s", profile,
               known.len ? text_of(&known) : "none");
    text_free(&known);
    return -1;
}

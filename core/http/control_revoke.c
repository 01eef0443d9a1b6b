/*
 * From the operator's JSON to a revocation, and back; see control_revoke.h.
 */
#include "http/control_revoke.h"

#include <string.h>

#include "base/base64url.h"
#include "base/day.h"
#include "base/revocation_reason.h"
#include "http/revoke.h"
#include "request/revocation_statement.h"

#define HASH_BYTES 32

struct question {
    char serial[REVOCATION_SERIAL_MOST + 1];
    uint8_t sha256[HASH_BYTES];
    struct revocation_wish wish;
};

/* ---- The question -------------------------------------------------------------------------------------------------------- */

static int read_question(struct question *q, const json_t *json, struct cs_error *err)
{
    const char *serial = json_string_value(json_object_get(json, "serial"));
    const char *sha256 = json_string_value(json_object_get(json, "sha256"));
    const char *ca = json_string_value(json_object_get(json, "ca"));
    const char *reason = json_string_value(json_object_get(json, "reason"));

    *q = (struct question){ .wish = { .ca = ca ? ca : "", .dry_run = json_is_true(json_object_get(json, "dry_run")) } };
    if (!serial || !revocation_serial(q->serial, serial))
        return cs_fail(err, CS_EINPUT, "serial is not a certificate's serial number in hexadecimal");
    if (sha256 && !hex_decode(q->sha256, sizeof q->sha256, sha256, strlen(sha256)))
        return cs_fail(err, CS_EINPUT, "sha256 is not a SHA-256 in hexadecimal");
    q->wish.reason = reason ? revocation_reason_code(reason, strlen(reason)) : -1;
    if (q->wish.reason < 0)
        return cs_fail_as(err, CS_EINPUT, "bad-reason", "the reason must be " REVOCATION_REASONS);
    q->wish.serial = q->serial;
    q->wish.sha256 = sha256 ? q->sha256 : NULL;
    return 0;
}

/* ---- The answer ---------------------------------------------------------------------------------------------------------- */

static const char *state_word(enum cs_revocation_state state)
{
    switch (state) {
    case CS_REVOCATION_OPEN:
        return "under way";
    case CS_REVOCATION_DONE:
        return "revoked";
    case CS_REVOCATION_FAILED:
        return "failed";
    }
    return "no";
}

static json_t *certificates_json(const struct revocation_certificate *list)
{
    json_t *array = json_array();

    for (; list; list = list->next) {
        char end[DAY_MOMENT];

        day_moment(end, list->not_after_ms);
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "serial", list->serial, "ca", list->ca,
                                               "zone", list->zone, "subject", list->subject, "names", list->names, "not_after",
                                               end, "revocation", state_word(list->state)));
    }
    return json_pack("{s:s, s:o}", "status", "found", "certificates", array);
}

static void on_answer(void *arg, const struct revocation_answer *answer)
{
    const struct cs_error *err = answer->err;

    if (err && strcmp(err->reason, "revocation-pending") == 0)
        control_answer(arg, json_pack("{s:s, s:s}", "status", "pending", "detail", err->text), NULL);
    else if (err)
        control_answer(arg, NULL, err);
    else if (answer->certificates)
        control_answer(arg, certificates_json(answer->certificates), NULL);
    else
        control_answer(arg, revoke_json(answer), NULL);
}

void control_revoke(struct heart *heart, const json_t *question, struct control_call *call)
{
    struct question q;
    struct cs_error err = { 0 };

    if (read_question(&q, question, &err) < 0 ||
        !revocation_by_operator(heart, &q.wish, cs_now_ms() + REVOKE_WAIT_MS, on_answer, call, &err))
        control_answer(call, NULL, &err);
}

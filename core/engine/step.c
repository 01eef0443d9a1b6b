/*
 * The table of the core's steps, and the log lines that tell them; see step.h. In the order in which an order takes them, and
 * then those of an order that fails, of a challenge value that goes, of a restart, and of a revocation.
 */
#include "engine/step.h"

#include "engine/log.h"

#define WHO "step"

const struct step_row step_table[STEP_IDS] = {
    [STEP_LOOKING] = { "looking", false, "the store is asked for a chain that was issued before" },
    [STEP_STORING] = { "storing", false, "the job goes to the store, before any question to the CA" },
    [STEP_SAVED_JOB] = { "saved-job", true, "what is asked for: key, names, CSR, CA" },
    [STEP_QUEUED] = { "queued", false, "the job stands in line, for its names and then for its zone" },
    [STEP_SIGNING] = { "signing", false, "it is the job's turn: the CA's plugin is called" },
    [STEP_PLACING] = { "placing", false, "the name is looked for that the challenge value goes to" },
    [STEP_RECORDING] = { "recording", false, "a challenge value goes to the store, before the DNS plugin hears of it" },
    [STEP_SAVED_CHALLENGE] = { "saved-challenge", true, "a challenge value: where it goes and by which DNS plugin" },
    [STEP_SETTING] = { "setting", false, "the DNS plugin is asked to serve the value" },
    [STEP_SET] = { "set", false, "the DNS plugin says that it serves the value" },
    [STEP_ASKING] = { "asking", false, "the zone's servers are asked whether they show the value" },
    [STEP_VISIBLE] = { "visible", false, "the value can be seen: the CA's plugin goes on" },
    [STEP_CHECKING] = { "checking", false, "a chain has come and is compared with what was asked for" },
    [STEP_COMMITTING] = { "committing", false, "the chain goes to the store" },
    [STEP_SAVED_CHAIN] = { "saved-chain", true, "chain, end of the job and audit event, together" },
    [STEP_ANSWERING] = { "answering", false, "everybody who waits gets the chain" },
    [STEP_FAILING] = { "failing", false, "the order has failed, and that goes to the store" },
    [STEP_SAVED_FAILURE] = { "saved-failure", true, "end of the job, its problem and audit event, together" },
    [STEP_WITHDRAWING] = { "withdrawing", false, "the DNS plugin is asked to take values away that we set" },
    [STEP_WITHDRAWN] = { "withdrawn", false, "the DNS plugin says that they are gone" },
    [STEP_SAVED_WITHDRAWAL] = { "saved-withdrawal", true, "that a challenge value is gone" },
    [STEP_RESUMING] = { "resuming", false, "after a restart: a job that was found open goes on" },
    [STEP_REVIVING] = { "reviving", false, "after a restart: a challenge value that was found is set again, or taken away" },
    [STEP_RECORDING_REVOCATION] = { "recording-revocation", false, "a revocation goes to the store before the CA hears of it" },
    [STEP_SAVED_REVOCATION] = { "saved-revocation", true, "which certificate shall be revoked, and that its key is refused" },
    [STEP_REVOKING] = { "revoking", false, "the CA's plugin is asked to revoke the certificate" },
    [STEP_SAVED_REVOKED] = { "saved-revoked", true, "end of the revocation and audit event, together" },
};

static void tell(const char *who, const char *about, const char *name)
{
    log_line(CS_LOG_DEBUG, who, about, "step step=%.31s", name);
}

void step_reached(enum step_id id, const char *about)
{
    tell(WHO, about, step_table[id].name);
}

void step_written(enum step_id id, const char *about)
{
    tell(WHO, about, step_table[id].name);
}

void step_named(const char *who, const char *about, const char *name)
{
    tell(who, about, name);
}

void step_saved(const char *about, const char *name)
{
    log_line(CS_LOG_DEBUG, WHO, about, "step step=saved-%.31s", name);
}

/*
 * The `ca` role: turns an order into a certificate chain. Example of a whole plugin: plugins/ca-local/.
 */
#ifndef COUNTERSIGN_CA_H
#define COUNTERSIGN_CA_H

#include <countersign/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the core has checked already: strict DER, proof of possession, key type, names allowed. Lives until the op ends. */
struct cs_order {
    uint32_t size;
    const char *id; /* the job's, for logs                                          */
    const uint8_t *csr; /* PKCS #10, DER                                            */
    size_t csr_len;
    const char *const *names; /* lower case, sorted, each once; may begin with "*." */
    size_t n_names;
    const char *profile;     /* "": the CA's default                                */
    const char *replaces;    /* RFC 9773 certID, "": none                           */
    uint8_t spki_sha256[32]; /* of the CSR's SubjectPublicKeyInfo                   */
};

/* What an order ends in. Copied by cs_op_ok_chain(). */
struct cs_chain {
    uint32_t size;
    const char *pem; /* leaf first, only CERTIFICATE blocks */
    size_t len;
    const char *url;                /* where the CA serves it, or ""          */
    const char *const *alternates;  /* URLs of other chains that were offered */
    size_t n_alternates;
    const char *profile;            /* the profile that was granted, or ""    */
};

/* Finish an op of `sign` or `resume` with a certificate. Any thread. */
CS_EXPORT void cs_op_ok_chain(struct cs_op *op, const struct cs_chain *chain);

enum cs_challenge_type { CS_DNS_01 = 1 };

struct cs_challenge {
    uint32_t size;
    enum cs_challenge_type type;
    const char *name;   /* what is validated, without "*."                                                       */
    const char *token;  /* RFC 8555 8: base64url, checked by the caller                                          */
    const char *value;  /* dns-01: what the TXT record holds (RFC 8555 8.4)                                      */
    int64_t expires_ms; /* wall clock; 0: the core's default. A back end that can forget by itself does so then. */
};

/* Which challenge types the core can answer for `name`: bit (1 << type) each; 0: none. Loop or worker. */
CS_EXPORT unsigned cs_challenge_types(struct cs_op *op, const char *name);

/* Publish the answer to a challenge. `done` runs on the loop when the world can see it, or with the reason why not; never
 * within this call. Without memory even for that, the op is cancelled instead. Copies.
 * The core takes the value away when the op ends, whatever its end. Needs an op of `sign` or `resume`. */
CS_EXPORT void cs_challenge_put(struct cs_op *op, const struct cs_challenge *challenge, cs_done_fn *done, void *arg);
CS_EXPORT int cs_challenge_put_wait(struct cs_op *op, const struct cs_challenge *challenge, struct cs_error *err);

/* The reason of a CS_ERESTART: the CA has given the order to another request for the same names, as the certificate has another
 * key, and is not known to have taken our finalize. The core then calls `sign`, whatever step was saved. */
#define CS_ORDER_TAKEN "order-taken"

struct cs_ca_ops {
    uint32_t size;
    bool blocking;

    /* Get a certificate for `order`; ends with cs_op_ok_chain() or cs_op_err(). While the CA is out (CS_CA_OUT of http.h) the
     * core keeps an order that ends with that, CS_EUPSTREAM or CS_ETIMEDOUT, and goes on with it later. */
    void (*sign)(void *self, const struct cs_order *order, struct cs_op *op);

    /* Go on with an order that an earlier run of the server left at a saved step. A step it does not know ends with
     * CS_ERESTART: the core then calls `sign`, unless the step's name begins with "finalize" (but see CS_ORDER_TAKEN). NULL:
     * always starts anew.
     * An order that has saved such a step may have a certificate: when it ends with CS_EBUSY, CS_ETIMEDOUT, or with
     * `retry_after_ms` and CS_EUPSTREAM, CS_ELIMIT, CS_ECONFIG or CS_EINTERNAL, it stays open, and the core resumes it.
     * One that has saved another step, and ends with CS_EBUSY and `retry_after_ms`, has failed; but the next request for the
     * same names and key goes on with it, as the CA may only want to be asked later than the op's deadline. */
    void (*resume)(void *self, const struct cs_order *order, const char *step, const void *data, size_t len,
                   struct cs_op *op);

    /* Optional. `pem` is the stored leaf. Reason: RFC 5280 5.3.1. Ends with cs_op_ok(). */
    void (*revoke)(void *self, const char *pem, size_t len, int reason, struct cs_op *op);

    /* Optional. RFC 9773: ends with cs_op_ok_data(), the JSON document. */
    void (*renewal_info)(void *self, const char *pem, size_t len, struct cs_op *op);

    /* Optional. Is the CA ready to take orders? Ends with cs_op_ok_data() of one line of text, or an error. Asks the CA each
     * time: this is how the core finds out whether one that was out is back. */
    void (*status)(void *self, struct cs_op *op);

    /* Since ABI 1.1, optional, for `countersign doctor`: what an operator should know of the CA and of our account there,
     * without making an account or an order. Ends with an error when the CA cannot be asked, otherwise with cs_op_ok_data() of
     * a JSON object; every member may be missing:
     *   "findings": [ { "check": "account", "verdict": "ok" | "warn" | "fail", "saw": "…", "do": "…" } ]
     *   "identities": [ "letsencrypt.org" ]   what CAA records call the CA (RFC 8555 7.1.1, caaIdentities)
     *   "account": "https://…"                the account's URI (RFC 8657 3)
     *   "ahead_ms": -1200                     our clock before (or behind) the CA's, as it answered last */
    void (*examine)(void *self, struct cs_op *op);

    /* Since ABI 1.1, optional: the account that orders are made in, in a form that is the same for every instance that shares
     * it. Orders for the same names take turns within it, as CAs hand the same order to whoever asks an account for the same
     * names. NULL: each instance has its own. The text stays as it is until `close`. Answers at once. */
    const char *(*account)(void *self);
};

#ifdef __cplusplus
}
#endif
#endif

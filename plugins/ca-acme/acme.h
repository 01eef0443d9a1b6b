/*
 * One instance of ca-acme: its settings and the parts that its orders share. Made by acme.c, read by all others.
 */
#ifndef CA_ACME_ACME_H
#define CA_ACME_ACME_H

#include <countersign/ca.h>

#include "jose.h"
#include "nonce.h"
#include "url.h"

struct account;
struct directory;

struct acme_settings {
    const char *directory;
    struct cs_strings email;
    bool terms_agreed;
    const char *account_key, *key_type;
    const char *eab_kid, *eab_hmac;
    const char *ca_file;
    const char *profile, *preferred_chain;
    struct cs_strings allow_hosts;
    bool insecure;
    int64_t timeout, poll_first, poll_most, retry_first, retry_most;
};

struct acme {
    struct cs_instance *in;
    const struct acme_settings *conf;
    struct url_rules rules;
    char *account_name;   /* directory and thumbprint; NULL as the key is */
    struct jose_key *key; /* NULL: only of an instance that looks around, where there is none yet */
    uint8_t *eab_secret; /* NULL: no external account binding */
    size_t eab_secret_len;
    struct nonces nonces;
    bool clocks_differ, clock_seen; /* our clock and the CA's, when it answered last */
    int64_t ahead_ms;               /* by so much was ours ahead, once clock_seen */
    struct directory *directory;
    struct account *account;
};

#endif

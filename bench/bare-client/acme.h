/*
 * As little of an ACME client as issues certificates: one kept-alive connection, the nonce of the answer before, blocking. No
 * store, no checks, no second attempts. For main.c; acme.c has the messages, order.c an order.
 */
#ifndef BARE_CLIENT_ACME_H
#define BARE_CLIENT_ACME_H

#include <curl/curl.h>

#include "base/text.h"
#include "dns.h"
#include "jose.h"

/* What all clients share: one account. */
struct acme_account {
    struct jose_key *key;
    char *new_nonce, *new_account, *new_order, *kid;
};

/* A client: one connection, one order at a time. */
struct acme {
    const struct acme_account *account;
    struct dns *dns;
    unsigned slot;
    CURL *easy;
    struct curl_slist *headers;
    struct text body;
    char nonce[256], location[1024];
    long requests;
};

/* All of them end the process with a message when anything fails. */
void acme_fail(const char *what, const char *detail) __attribute__((noreturn));
void acme_open(struct acme *acme, const struct acme_account *account, const char *ca_file);
/* Its first nonce, which also opens the connection. */
void acme_warm_up(struct acme *acme);
void acme_close(struct acme *acme);
/* The key, the directory, the account. */
void acme_register(struct acme_account *account, const char *directory, const char *ca_file);
/* One signed request. The answer's object, NULL if it is none; its bytes are in acme->body. */
json_t *acme_post(struct acme *acme, const char *url, const char *payload);
const char *acme_text(const json_t *object, const char *name);

/* An order for one name with this CSR (base64url of its DER), through to the chain. */
void acme_order(struct acme *acme, const char *name, const char *csr);

#endif

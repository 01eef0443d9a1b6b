/*
 * The steps of an order's certificate (RFC 8555 7.4.2): download, and choose-chain when the CA offers several and the settings
 * prefer one. Whether the certificate is what was asked for is the core's question.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/pem.h"
#include "base/text.h"
#include "link.h"
#include "step.h"

#define MOST_ALTERNATES 10
#define MOST_CERTIFICATES 20

void chains_free(struct order *order)
{
    free(order->chain.pem);
    for (size_t i = 0; i < order->n_alternates; i++)
        free(order->alternates[i]);
    free(order->alternates);
}

static bool issuer_is(X509 *certificate, const char *common_name)
{
    char found[256];

    return X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_commonName, found, sizeof found) >= 0 &&
           strcmp(found, common_name) == 0;
}

static bool has_key(X509 *certificate, const uint8_t spki_sha256[32])
{
    uint8_t *der = NULL, digest[32];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool is = len <= 0 || EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) != 1 ||
              memcmp(digest, spki_sha256, sizeof digest) == 0;

    OPENSSL_free(der);
    return is;
}

bool chain_is_foreign(const struct order *order)
{
    BIO *bio = BIO_new_mem_buf(order->chain.pem, (int)order->chain.len);
    X509 *host = bio ? PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL) : NULL;
    bool is = host && !has_key(host, order->asked->spki_sha256);

    X509_free(host);
    BIO_free(bio);
    ERR_clear_error();
    return is;
}

/* Was the chain's last certificate issued by the one with that common name? */
static bool top_issuer_is(const struct chain_kept *chain, const char *common_name)
{
    BIO *bio = BIO_new_mem_buf(chain->pem, (int)chain->len);
    X509 *top = NULL, *next;
    bool is;

    for (int i = 0; bio && i < MOST_CERTIFICATES && (next = PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL)); i++) {
        X509_free(top);
        top = next;
    }
    is = top && issuer_is(top, common_name);
    X509_free(top);
    BIO_free(bio);
    ERR_clear_error(); /* the end of the chain leaves one behind */
    return is;
}

static int keep_chain(struct chain_kept *chain, const struct reply *reply)
{
    char *pem = text_copy_n(reply->body, reply->body_len);

    if (!pem)
        return -1;
    free(chain->pem);
    *chain = (struct chain_kept){ .pem = pem, .len = strlen(pem) };
    return 0;
}

/* A link that we would not follow is passed over: the chain that is here is good. */
static int add_alternate(struct order *order, const char *reference)
{
    char *url = url_resolve(order->object.certificate, reference);
    char **more;

    if (!url || url_check(&order->acme->rules, url, "alternate chain", NULL) < 0) {
        free(url);
        return 0;
    }
    more = reallocarray(order->alternates, order->n_alternates + 1, sizeof *more);
    if (!more) {
        free(url);
        return -1;
    }
    order->alternates = more;
    order->alternates[order->n_alternates++] = url;
    return 0;
}

static int read_links(struct order *order, const struct reply *reply)
{
    char reference[URL_LONGEST + 1];
    const char *at;

    for (size_t i = 0; (at = cs_http_header(reply->http, "Link", i)); i++)
        while (order->n_alternates < MOST_ALTERNATES && link_next(&at, "alternate", reference, sizeof reference))
            if (add_alternate(order, reference) < 0)
                return -1;
    return 0;
}

static void on_downloaded(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    const char *preferred = order->acme->conf->preferred_chain;

    order->exchange = NULL;
    if (failure)
        failed(order, failure);
    else if (keep_chain(&order->chain, reply) < 0 || read_links(order, reply) < 0)
        no_memory(order);
    else if (preferred[0] && order->n_alternates > 0 && !top_issuer_is(&order->chain, preferred))
        go(order, CHOOSE);
    else
        go(order, FINISHED);
}

void step_download(struct order *order)
{
    ask(order, order->object.certificate, NULL, REPLY_CHAIN, on_downloaded);
}

/* ---- choose-chain: one alternate after another, the first that fits ---------------------------------------------- */

static void on_alternate(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct chain_kept found = { 0 };

    order->exchange = NULL;
    if (failure)
        cs_op_log(order->op, CS_LOG_WARN, "an alternate chain could not be fetched: %s", failure->err.text);
    else if (keep_chain(&found, reply) == 0 && top_issuer_is(&found, order->acme->conf->preferred_chain)) {
        free(order->chain.pem);
        order->chain = found;
        go(order, FINISHED);
        return;
    }
    free(found.pem);
    order->at++;
    step_choose(order);
}

void step_choose(struct order *order)
{
    if (order->at < order->n_alternates) {
        ask(order, order->alternates[order->at], NULL, REPLY_CHAIN, on_alternate);
        return;
    }
    cs_op_log(order->op, CS_LOG_WARN, "the CA offers no chain up to preferred_chain, its first one is taken");
    go(order, FINISHED);
}

/*
 * From the store's certificates to their moduli; see stored_moduli.h. A certificate is walked just as far as its key: to have
 * thousands decoded would keep the reader for seconds.
 */
#include "request/stored_moduli.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "request/csr_key.h"

#define FIRST_ROOM 64

enum { VERSION = 0xa0, SEQUENCE = 0x30 };

struct stored_moduli {
    struct stored_modulus *all;
    size_t n, room, bits, most_bits;
    bool no_memory;
};

/* serialNumber, signature, issuer, validity and subject stand between the version and the key. */
int stored_moduli_spki(struct der_span certificate, struct der_span *spki)
{
    struct der_span parts, tbs, content, whole;
    uint8_t tag;

    if (der_next(&certificate, &tag, &parts, &whole) != 0 || tag != SEQUENCE || der_next(&parts, &tag, &tbs, &whole) != 0 ||
        tag != SEQUENCE || der_next(&tbs, &tag, &content, &whole) != 0)
        return -1;
    if (tag == VERSION && der_next(&tbs, &tag, &content, &whole) != 0)
        return -1;
    for (int i = 0; i < 5; i++)
        if (der_next(&tbs, &tag, &content, &whole) != 0)
            return -1;
    *spki = whole;
    return tag == SEQUENCE ? 0 : -1;
}

static int add(struct stored_moduli *list, const char *job, struct der_span modulus)
{
    struct stored_modulus *one;

    if (list->n == list->room) {
        const size_t room = list->room ? 2 * list->room : FIRST_ROOM;
        struct stored_modulus *more = realloc(list->all, room * sizeof *more);

        if (!more)
            return -1;
        list->all = more;
        list->room = room;
    }
    one = &list->all[list->n++];
    *one = (struct stored_modulus){ .len = modulus.len };
    memcpy(one->job, job, strnlen(job, sizeof one->job - 1));
    memcpy(one->bytes, modulus.at, modulus.len);
    list->bits += modulus.len * 8;
    return 0;
}

/* -1: no memory. Keys that are not RSA's are passed over, as is what no CSR could have had. */
static int add_certificate(struct stored_moduli *list, const char *job, struct der_span certificate)
{
    struct der_span spki;
    struct cs_error none;
    struct csr_key key;

    if (stored_moduli_spki(certificate, &spki) < 0 || csr_key_check(&key, spki, &none) < 0 || !csr_key_is_rsa(&key))
        return 0;
    return add(list, job, key.number);
}

static int take(void *arg, const struct cs_certificate *row)
{
    struct stored_moduli *list = arg;
    BIO *bio = row->pem_len <= INT32_MAX ? BIO_new_mem_buf(row->pem, (int)row->pem_len) : NULL;
    char *label = NULL, *header = NULL;
    uint8_t *der = NULL;
    long len = 0;

    if (bio && PEM_read_bio(bio, &label, &header, &der, &len) == 1 && len > 0)
        list->no_memory = add_certificate(list, row->job, (struct der_span){ der, (size_t)len }) < 0;
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    ERR_clear_error();
    return list->no_memory || list->bits >= list->most_bits;
}

int stored_moduli_read(const struct store_conn *c, int64_t most_rows, size_t most_bits, struct stored_moduli **out,
                       struct cs_error *err)
{
    struct stored_moduli *list = calloc(1, sizeof *list);
    int rc = 0;

    if (!list)
        return cs_fail(err, CS_EBUSY, "out of memory");
    list->most_bits = most_bits;
    if (c->ops->certificate_list)
        rc = c->ops->certificate_list(c->conn, most_rows, take, list, err);
    if (rc == 0 && list->no_memory)
        rc = cs_fail(err, CS_EBUSY, "out of memory");
    if (rc == 0)
        *out = list;
    else
        stored_moduli_free(list);
    return rc;
}

size_t stored_moduli_count(const struct stored_moduli *list)
{
    return list ? list->n : 0;
}

const struct stored_modulus *stored_moduli_at(const struct stored_moduli *list, size_t index)
{
    return &list->all[index];
}

void stored_moduli_free(struct stored_moduli *list)
{
    if (!list)
        return;
    free(list->all);
    free(list);
}

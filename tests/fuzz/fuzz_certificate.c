/* request/certificate.c: any bytes as the certificate that a CA gave, or as what it signed. The first byte of the input says
 * which. OpenSSL's X509 must agree with what we say of it. */
#include <stdlib.h>

#include "leaf_maker.h"
#include "request/stored_moduli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* What the store's certificates are walked with. */
static void walk_it(const struct bytes *leaf)
{
    struct der_span spki;

    if (stored_moduli_spki((struct der_span){ leaf->at, leaf->len }, &spki) == 0)
        must(spki.len > 0 && spki.at > leaf->at && spki.at + spki.len <= leaf->at + leaf->len);
}

static void check_it(const struct bytes *leaf)
{
    struct certificate certificate;
    struct cs_error err = { 0 };

    if (leaf_maker_check(&certificate, leaf, NULL, &err) == 0) {
        must(leaf_maker_agrees(leaf, NULL, &certificate, NULL));
        must(certificate.serial[0] && certificate.pem_len > leaf->len);
        certificate_free(&certificate);
    } else {
        must(err.code == CS_EUPSTREAM && err.reason[0] && err.text[0]);
        must(leaf_maker_agrees(leaf, NULL, &certificate, &err));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes given = { .len = 0 }, leaf;

    if (size == 0 || size > 16 * 1024)
        return 0;
    bytes_add(&given, data + 1, size - 1);
    if (data[0] == 0)
        leaf = given;
    else
        leaf_maker_sign(&given, &leaf);
    check_it(&leaf);
    walk_it(&leaf);
    return 0;
}

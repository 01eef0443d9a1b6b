/*
 * What `countersign sign` shows to say who asks (docs/access.md): a token out of a file, or a certificate in the TLS handshake.
 * See sign.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/text.h"
#include "command/sign.h"

#define MOST_FILE 1100 /* bytes; the server takes tokens of 1024 */

static int check_token(const char *path, const char *token, size_t len, struct cs_error *err)
{
    if (!len)
        return cs_fail(err, CS_ECONFIG, "%s: is empty: it must hold a token", path);
    if (len > MOST_FILE - 2)
        return cs_fail(err, CS_ECONFIG, "%s: is too long for a token", path);
    if (strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") < len)
        return cs_fail(err, CS_ECONFIG, "%s: must hold a token and nothing else, on one line", path);
    return 0;
}

int sign_token_line(const char *path, struct text *line, struct cs_error *err)
{
    char token[MOST_FILE] = "";
    FILE *file = fopen(path, "re");
    size_t len;
    int rc;

    if (!file)
        return cs_fail(err, CS_ECONFIG, "%s: cannot be read: %s", path, strerrordesc_np(errno));
    len = fread(token, 1, sizeof token - 1, file);
    rc = ferror(file) ? cs_fail(err, CS_ECONFIG, "%s: cannot be read: %s", path, strerrordesc_np(errno)) : 0;
    fclose(file);
    while (len && (token[len - 1] == '\n' || token[len - 1] == '\r'))
        token[--len] = '\0';
    if (rc == 0)
        rc = check_token(path, token, len, err);
    if (rc == 0)
        text_addf(line, "Authorization: Bearer %s", token);
    OPENSSL_cleanse(token, sizeof token);
    return rc == 0 && text_failed(line) ? cs_fail(err, CS_EINTERNAL, "no memory") : rc;
}

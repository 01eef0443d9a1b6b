/*
 * Reads Authorization, writes WWW-Authenticate; see authorization.h. Called by api.c.
 */
#include "http/authorization.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/base64url.h"

#define REALM "realm=\"countersign\""

/* RFC 6750 2.1: b64token. */
static bool is_token(struct span s)
{
    size_t n = s.len;

    while (n > 0 && s.at[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z') || (s.at[i] >= '0' && s.at[i] <= '9') ||
              (s.at[i] && strchr("-._~+/", s.at[i]))))
            return false;
    return n > 0 && s.len <= AUTHORIZATION_MAX_TOKEN;
}

static enum client_token hash_token(struct credential *out, struct span token)
{
    uint8_t digest[32];

    if (!is_token(token) || EVP_Digest(token.at, token.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return CLIENT_MALFORMED_TOKEN;
    hex_encode(out->token_sha256, digest, sizeof digest);
    return CLIENT_TOKEN;
}

/* auth-scheme, one or more spaces, token68 or parameters. */
static enum client_token read_value(struct credential *out, struct span value)
{
    const char *space = memchr(value.at, ' ', value.len);
    const struct span scheme = { value.at, space ? (size_t)(space - value.at) : value.len };
    struct span rest = { value.at + scheme.len, value.len - scheme.len };

    if (!syntax_is_token(scheme))
        return CLIENT_BAD_FIELD;
    if (!syntax_same_nocase(scheme, "Bearer"))
        return CLIENT_OTHER_SCHEME;
    while (rest.len && rest.at[0] == ' ')
        rest = (struct span){ rest.at + 1, rest.len - 1 };
    return rest.len ? hash_token(out, rest) : CLIENT_BAD_FIELD;
}

void authorization_read(struct credential *out, const struct message *m)
{
    struct span value, other;

    out->token = CLIENT_NO_TOKEN;
    if (!message_field(m, "Authorization", 0, &value))
        return;
    out->token = message_field(m, "Authorization", 1, &other) ? CLIENT_BAD_FIELD : read_value(out, value);
}

const char *authorization_challenge(const struct cs_error *err)
{
    static const struct {
        const char *reason, *challenge;
    } challenges[] = {
        { "token-needed", "Bearer " REALM },
        { "bad-scheme", "Bearer " REALM },
        { "bad-authorization", "Bearer " REALM ", error=\"invalid_request\"" },
        { "bad-token", "Bearer " REALM ", error=\"invalid_token\"" },
        { "token-expired", "Bearer " REALM ", error=\"invalid_token\"" },
        { "token-disabled", "Bearer " REALM ", error=\"invalid_token\"" },
    };

    if (err->code != CS_ECREDENTIAL)
        return NULL;
    for (size_t i = 0; i < sizeof challenges / sizeof *challenges; i++)
        if (strcmp(err->reason, challenges[i].reason) == 0)
            return challenges[i].challenge;
    return "ClientCertificate " REALM;
}

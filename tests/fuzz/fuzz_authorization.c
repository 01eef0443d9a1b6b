/*
 * Fuzzes http/authorization.c. The input is field lines. Whatever they say, the answer is one of the few there are, only a
 * token has a hash, and one more field makes it unreadable.
 */
#include <assert.h>
#include <string.h>

#include "http/authorization.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_head(struct message *m, const char *before, const uint8_t *data, size_t size, const char *behind)
{
    static char bytes[9000];
    size_t n = strlen(before), end = strlen(behind);

    memset(m, 0, sizeof *m);
    memcpy(bytes, before, n);
    memcpy(bytes + n, data, size);
    memcpy(bytes + n + size, behind, end);
    return message_read(m, bytes, n + size + end) == MESSAGE_READY;
}

static enum client_token read_token(const struct message *m)
{
    struct credential credential = { 0 };

    authorization_read(&credential, m);
    assert(credential.token <= CLIENT_OTHER_SCHEME && !credential.certificate && !credential.bad_certificate);
    assert(strlen(credential.token_sha256) == (credential.token == CLIENT_TOKEN ? CLIENT_HASH_SIZE - 1 : 0));
    return credential.token;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span value;
    struct message m;

    if (size > 8000)
        return 0;
    if (read_head(&m, "POST / HTTP/1.1\r\nHost: a\r\n", data, size, "\r\n\r\n"))
        assert((read_token(&m) == CLIENT_NO_TOKEN) == !message_field(&m, "Authorization", 0, &value));
    if (!memchr(data, '\n', size) && read_head(&m, "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: ", data, size, "\r\n\r\n"))
        assert(read_token(&m) != CLIENT_NO_TOKEN);
    if (!memchr(data, '\n', size) &&
        read_head(&m, "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: ", data, size, "\r\n\r\n"))
        assert(read_token(&m) == CLIENT_BAD_FIELD);
    return 0;
}

/*
 * The messages of the bare client; see acme.h.
 */
#include "acme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MOST ((size_t)1 << 20)

void acme_fail(const char *what, const char *detail)
{
    fprintf(stderr, "bare-client: %s: %s\n", what, detail);
    exit(1);
}

static size_t on_body(char *data, size_t one, size_t n, void *arg)
{
    struct acme *acme = arg;

    text_add_n(&acme->body, data, one * n);
    return text_failed(&acme->body) ? 0 : one * n;
}

static void keep_header(const char *line, size_t len, const char *name, char *to, size_t most)
{
    size_t name_len = strlen(name);

    if (len <= name_len || strncasecmp(line, name, name_len) != 0)
        return;
    for (line += name_len, len -= name_len; len && *line == ' '; line++)
        len--;
    while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
        len--;
    if (len >= most)
        acme_fail("a header is too long", name);
    memcpy(to, line, len);
    to[len] = '\0';
}

static size_t on_header(char *line, size_t one, size_t n, void *arg)
{
    struct acme *acme = arg;

    keep_header(line, one * n, "Replay-Nonce:", acme->nonce, sizeof acme->nonce);
    keep_header(line, one * n, "Location:", acme->location, sizeof acme->location);
    return one * n;
}

void acme_open(struct acme *acme, const struct acme_account *account, const char *ca_file)
{
    acme->account = account;
    acme->body = TEXT_MAX(BODY_MOST);
    acme->easy = curl_easy_init();
    acme->headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/jose+json"), "Expect:");
    if (!acme->easy || !acme->headers)
        acme_fail("curl", "no memory");
    curl_easy_setopt(acme->easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(acme->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(acme->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(acme->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(acme->easy, CURLOPT_USERAGENT, "bare-client");
    curl_easy_setopt(acme->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(acme->easy, CURLOPT_WRITEDATA, acme);
    curl_easy_setopt(acme->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(acme->easy, CURLOPT_HEADERDATA, acme);
}

void acme_close(struct acme *acme)
{
    curl_easy_cleanup(acme->easy);
    curl_slist_free_all(acme->headers);
    text_free(&acme->body);
}

const char *acme_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (!text)
        acme_fail("an answer lacks", name);
    return text;
}

static json_t *fetch(struct acme *acme, const char *url)
{
    long status = 0;
    CURLcode code;

    text_clear(&acme->body);
    acme->location[0] = '\0';
    curl_easy_setopt(acme->easy, CURLOPT_URL, url);
    code = curl_easy_perform(acme->easy);
    if (code)
        acme_fail(url, curl_easy_strerror(code));
    curl_easy_getinfo(acme->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        acme_fail(url, text_of(&acme->body));
    acme->requests++;
    return *text_of(&acme->body) == '{' ? json_loadb(text_of(&acme->body), acme->body.len, 0, NULL) : NULL;
}

json_t *acme_post(struct acme *acme, const char *url, const char *payload)
{
    const struct jose_header header = { .nonce = acme->nonce, .url = url, .kid = acme->account->kid };
    struct cs_error err = { 0 };
    char *message = jose_sign(acme->account->key, &header, payload, &err);
    json_t *object;

    if (!message)
        acme_fail(url, err.text);
    curl_easy_setopt(acme->easy, CURLOPT_HTTPHEADER, acme->headers);
    curl_easy_setopt(acme->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(message));
    curl_easy_setopt(acme->easy, CURLOPT_POSTFIELDS, message);
    object = fetch(acme, url);
    free(message);
    return object;
}

void acme_warm_up(struct acme *acme)
{
    curl_easy_setopt(acme->easy, CURLOPT_HTTPGET, 1L);
    json_decref(fetch(acme, acme->account->new_nonce));
}

static char *url_of(const json_t *directory, const char *name)
{
    char *url = text_copy(acme_text(directory, name));

    if (!url)
        acme_fail("directory", "no memory");
    return url;
}

void acme_register(struct acme_account *account, const char *directory, const char *ca_file)
{
    struct acme acme = { 0 };
    struct cs_error err = { 0 };
    json_t *object;

    if (jose_key_make(&account->key, "es256", &err) < 0)
        acme_fail("account key", err.text);
    acme_open(&acme, account, ca_file);
    object = fetch(&acme, directory);
    account->new_nonce = url_of(object, "newNonce");
    account->new_account = url_of(object, "newAccount");
    account->new_order = url_of(object, "newOrder");
    json_decref(object);
    acme_warm_up(&acme);
    json_decref(acme_post(&acme, account->new_account, "{\"termsOfServiceAgreed\":true}"));
    account->kid = text_copy(acme.location);
    acme_close(&acme);
}

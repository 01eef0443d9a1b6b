/*
 * `countersign revoke --server`: signs what docs/revoke.md says with the certificate's key, as openssl cms does, and posts it;
 * see revoke.h.
 */
#include <curl/curl.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/text.h"
#include "command/revoke.h"
#include "command/sign.h"
#include "command/sign_problem.h"
#include "engine/http_client.h"
#include "http/problem.h"

#define CONNECT_S  20L
#define PATIENCE_S 90L /* longer than the server's own */
#define MAX_ANSWER (256 * 1024)

/* ---- The message --------------------------------------------------------------------------------------------------------- */

static int make_text(struct text *out, const struct revoke_options *options, X509 *certificate, struct cs_error *err)
{
    char hash[65], time[32];

    if (revoke_certificate_hash(hash, certificate, err) < 0)
        return -1;
    sign_time_text(time, cs_wall_ms());
    text_addf(out, "countersign revocation 1\ncertificate: %s\nreason: %s\ntime: %s\n", hash, options->reason, time);
    return text_failed(out) ? cs_fail(err, CS_EINTERNAL, "no memory") : 0;
}

static CMS_ContentInfo *sign_text(const struct text *text, X509 *certificate, EVP_PKEY *key)
{
    const unsigned flags = CMS_BINARY | CMS_NOCERTS | CMS_NOSMIMECAP | CMS_PARTIAL;
    BIO *in = BIO_new_mem_buf(text_of(text), (int)text->len);
    CMS_ContentInfo *cms = in ? CMS_sign(NULL, NULL, NULL, in, flags) : NULL;

    if (cms && (!CMS_add1_signer(cms, certificate, key, EVP_sha256(), flags) || CMS_final(cms, in, NULL, flags) != 1)) {
        CMS_ContentInfo_free(cms);
        cms = NULL;
    }
    BIO_free(in);
    return cms;
}

/* PEM, in a memory BIO; NULL and *err. */
static BIO *make_message(const struct revoke_options *options, X509 *certificate, EVP_PKEY *key, struct cs_error *err)
{
    struct text text = TEXT_MAX(1000);
    CMS_ContentInfo *cms = NULL;
    BIO *out = BIO_new(BIO_s_mem());

    if (X509_check_private_key(certificate, key) != 1)
        cs_fail(err, CS_EINPUT, "the key in %s is not that of the certificate in %s", options->key_file,
                options->certificate_file);
    else if (make_text(&text, options, certificate, err) == 0)
        cms = sign_text(&text, certificate, key);
    if (out && cms && PEM_write_bio_CMS_stream(out, cms, NULL, 0) != 1)
        cs_fail(err, CS_EINTERNAL, "cannot sign: no memory");
    else if (!cms && !err->code)
        cs_fail(err, CS_EINTERNAL, "OpenSSL cannot sign with this key");
    CMS_ContentInfo_free(cms);
    text_free(&text);
    ERR_clear_error();
    if (!err->code && out)
        return out;
    BIO_free(out);
    return NULL;
}

/* ---- The post ------------------------------------------------------------------------------------------------------------ */

struct post {
    CURL *curl;
    struct curl_slist *headers;
    struct text url, body;
    char why[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct post *post = arg;

    text_add_n(&post->body, data, size * n);
    return text_failed(&post->body) ? 0 : size * n;
}

static int make_url(struct post *post, const struct revoke_options *options, struct cs_error *err)
{
    size_t len = strlen(options->server);

    while (len && options->server[len - 1] == '/')
        len--;
    text_add_n(&post->url, options->server, len);
    if (len < strlen("/v1/revoke") || strcmp(text_of(&post->url) + len - strlen("/v1/revoke"), "/v1/revoke") != 0)
        text_add(&post->url, "/v1/revoke");
    if (text_failed(&post->url))
        return cs_fail(err, CS_EINPUT, "--server is too long");
    if (http_url_check(text_of(&post->url), true, err) < 0)
        return cs_fail_in(err, "--server");
    if (http_url_check(text_of(&post->url), options->insecure_http, NULL) < 0)
        return cs_fail(err, CS_EINPUT,
                       "--server: plain http is only for this host: use https, or --insecure-http if the way there is safe");
    return 0;
}

static bool set_up(struct post *post, const struct revoke_options *options, const char *message, long len)
{
    CURL *c = post->curl;

    post->headers = curl_slist_append(NULL, "Content-Type: application/pkcs7-mime");
    return c && post->headers && curl_easy_setopt(c, CURLOPT_URL, text_of(&post->url)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, post->headers) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTFIELDS, message) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, len) == CURLE_OK &&
           (!options->ca_file || curl_easy_setopt(c, CURLOPT_CAINFO, options->ca_file) == CURLE_OK) &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT, PATIENCE_S) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "countersign-revoke/" CS_VERSION) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, post->why) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, post) == CURLE_OK;
}

static int take_answer(struct post *post, json_t **answer, struct cs_error *err)
{
    struct text why = TEXT_MAX(480);
    const char *body = text_of(&post->body);
    long status = 0;

    curl_easy_getinfo(post->curl, CURLINFO_RESPONSE_CODE, &status);
    *answer = status == 200 ? json_loadb(body, post->body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(*answer))
        return 0;
    json_decref(*answer);
    *answer = NULL;
    sign_problem_add(&why, status, body, post->body.len);
    cs_fail_as(err, status >= 500 ? CS_EBUSY : CS_EREFUSED,
               strstr(body, PROBLEM_TYPE_PREFIX "revocation-pending\"") ? "revocation-pending" : "", "%s", text_of(&why));
    text_free(&why);
    return -1;
}

static int send_message(const struct revoke_options *options, BIO *message, json_t **answer, struct cs_error *err)
{
    struct post post = { .curl = curl_easy_init(), .url = TEXT_MAX(4096), .body = TEXT_MAX(MAX_ANSWER) };
    char *at = NULL;
    const long len = BIO_get_mem_data(message, &at);
    CURLcode code;
    int rc = make_url(&post, options, err);

    if (rc == 0 && !set_up(&post, options, at, len))
        rc = cs_fail(err, CS_EINTERNAL, "no memory");
    if (rc == 0) {
        code = curl_easy_perform(post.curl);
        rc = code == CURLE_OK
                 ? take_answer(&post, answer, err)
                 : cs_fail(err, CS_EUPSTREAM, "%s: %s", text_of(&post.url), post.why[0] ? post.why : curl_easy_strerror(code));
    }
    curl_easy_cleanup(post.curl);
    curl_slist_free_all(post.headers);
    text_free(&post.url);
    text_free(&post.body);
    return rc;
}

int revoke_as_holder(const struct revoke_options *options, json_t **answer, struct cs_error *err)
{
    X509 *certificate = revoke_certificate_read(options->certificate_file, err);
    EVP_PKEY *key = certificate ? sign_key_read(options->key_file, err) : NULL;
    BIO *message = NULL;
    int rc = -1;

    *answer = NULL;
    if (key) {
        *err = (struct cs_error){ 0 };
        message = make_message(options, certificate, key, err);
    }
    if (message)
        rc = send_message(options, message, answer, err);
    BIO_free(message);
    EVP_PKEY_free(key);
    X509_free(certificate);
    return rc;
}

/*
 * A request: copied, checked, turned into curl's options; and what curl's failures mean in an operator's words.
 * Called by http_client.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/error.h"
#include "engine/http_parts.h"

#define TIMEOUT_DEFAULT_MS   30000
#define CONNECT_TIMEOUT_MS   10000
#define REPLY_DEFAULT_BYTES  ((size_t)1 << 20)
#define REPLY_MAX_BYTES      ((size_t)1 << 30)
#define HEADERS_MAX          100
#define STALLED_S            60L
#define UPLOAD_BYTES         16384L
#define TRUST_KEPT_S         300L /* then the file is read again at the next connection */

/* RFC 9110 5.6.2. */
static size_t token_len(const char *text)
{
    return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static int add_header(struct cs_http *http, const char *header, struct cs_error *err)
{
    struct curl_slist *longer;
    size_t name_len = token_len(header);

    if (name_len == 0 || header[name_len] != ':' || strpbrk(header, "\r\n"))
        return cs_fail(err, CS_EINTERNAL, "a request header is not \"Name: value\"");
    longer = curl_slist_append(http->headers, header);
    if (!longer)
        return cs_fail(err, CS_EBUSY, "no memory for a request");
    http->headers = longer;
    return 0;
}

static bool has_header(const struct cs_http_request *request, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < request->n_headers; i++)
        if (strncasecmp(request->headers[i], name, len) == 0 && request->headers[i][len] == ':')
            return true;
    return false;
}

/* "Name:" is curl's way not to send a header. Expect would cost a round trip, the content type would be wrong. */
static int copy_headers(struct cs_http *http, const struct cs_http_request *request, struct cs_error *err)
{
    if (request->n_headers > HEADERS_MAX)
        return cs_fail(err, CS_EINTERNAL, "more than %d request headers", HEADERS_MAX);
    for (size_t i = 0; i < request->n_headers; i++)
        if (add_header(http, request->headers[i], err) < 0)
            return -1;
    if (add_header(http, "Expect:", err) < 0)
        return -1;
    return has_header(request, "Content-Type") ? 0 : add_header(http, "Content-Type:", err);
}

static int copy_body(struct cs_http *http, const struct cs_http_request *request, struct cs_error *err)
{
    http->body_len = request->body_len;
    http->body = malloc(request->body_len + 1);
    if (!http->body)
        return cs_fail(err, CS_EBUSY, "no memory for a request");
    if (request->body_len)
        memcpy(http->body, request->body, request->body_len);
    return 0;
}

static int copy_all(struct cs_http *http, const struct cs_http_request *request, struct cs_error *err)
{
    size_t most = request->max_reply ? request->max_reply : REPLY_DEFAULT_BYTES;
    http->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_DEFAULT_MS;
    if (http->timeout_ms > INT32_MAX)
        http->timeout_ms = INT32_MAX;
    http->deadline_ms = cs_now_ms() + http->timeout_ms;
    if (!request->method || !request->method[0] || request->method[token_len(request->method)])
        return cs_fail(err, CS_EINTERNAL, "a request has no valid method");
    if (http_url_read(request->url, request->insecure, &http->about, &http->parts, err) < 0)
        return -1;
    http->method = text_copy(request->method);
    http->url = text_copy(request->url);
    http->ca_file = text_copy(request->ca_file ? request->ca_file : "");
    if (!http_answer_new(&http->answer, most < REPLY_MAX_BYTES ? most : REPLY_MAX_BYTES) || !http->method || !http->url ||
        !http->ca_file)
        return cs_fail(err, CS_EBUSY, "no memory for a request");
    if (request->body && copy_body(http, request, err) < 0)
        return -1;
    return copy_headers(http, request, err);
}

/* No more than what the plugin's version of the struct had. */
int http_request_copy(struct cs_http *http, const struct cs_http_request *request, struct cs_error *err)
{
    struct cs_http_request known = { 0 };

    memcpy(&known, request, request->size < sizeof known ? request->size : sizeof known);
    return copy_all(http, &known, err);
}

void http_request_free(struct cs_http *http)
{
    http_answer_free(http->answer);
    curl_slist_free_all(http->headers);
    curl_url_cleanup(http->parts);
    free(http->method);
    free(http->url);
    free(http->ca_file);
    free(http->body);
}

/* The same for every request. Redirects are an answer like any other; a stalled transfer ends before a long deadline.
 * QUICK_EXIT: otherwise ending a transfer waits for its getaddrinfo() thread, on the loop. HTTP/1.1: an order asks one thing
 * after another, and what HTTP/2 adds to each exchange costs more than the connections that it saves, also with many orders.
 * UPLOAD_BUFFERSIZE: the least that curl takes, since it is allocated anew for each request; a longer body leaves in pieces. */
static const struct {
    CURLoption option;
    long value;
} fixed[] = {
    { CURLOPT_NOSIGNAL, 1L },
    { CURLOPT_NOPROGRESS, 1L },
    { CURLOPT_QUICK_EXIT, 1L },
    { CURLOPT_TCP_NODELAY, 1L },
    { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
    { CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES },
    { CURLOPT_HTTP09_ALLOWED, 0L },
    { CURLOPT_FOLLOWLOCATION, 0L },
    { CURLOPT_NETRC, CURL_NETRC_IGNORED },
    { CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L },
    { CURLOPT_LOW_SPEED_LIMIT, 1L },
    { CURLOPT_LOW_SPEED_TIME, STALLED_S },
    { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
    { CURLOPT_SSL_VERIFYPEER, 1L },
    { CURLOPT_SSL_VERIFYHOST, 2L },
};

static bool set_fixed(CURL *easy)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (curl_easy_setopt(easy, fixed[i].option, fixed[i].value))
            return false;
    return true;
}

/* curl does not tell a socket that we could not have from a host that does not answer. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct cs_http *http = arg;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd < 0)
        http->no_socket = errno;
    return fd;
}

static bool set_socket(CURL *easy, struct cs_http *http)
{
    return !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
           !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, http);
}

/* curl keeps a parsed bundle for the next connections only when it has no CAPATH: reading Debian's takes tens of ms. */
static bool set_trust(CURL *easy, const char *ca_file)
{
    const char *bundle = *ca_file ? ca_file : curl_version_info(CURLVERSION_NOW)->cainfo;

    if (!bundle)
        return true;
    return !curl_easy_setopt(easy, CURLOPT_CAINFO, bundle) && !curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) &&
           !curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, TRUST_KEPT_S);
}

/* The URL as text, and as it was read already: otherwise curl reads it, and writes it anew, for each request. A proxy of the
 * environment is for https to others: it sees no plain text, and this machine needs none. */
static bool set_way(CURL *easy, const struct cs_http *http)
{
    if (curl_easy_setopt(easy, CURLOPT_URL, http->url) || curl_easy_setopt(easy, CURLOPT_CURLU, http->parts) ||
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, http->about.https ? "https" : "http"))
        return false;
    return (http->about.https && !http->about.loopback) || !curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

static bool set_method(CURL *easy, const struct cs_http *http)
{
    bool post = strcmp(http->method, "POST") == 0;

    if (strcmp(http->method, "HEAD") == 0)
        return !curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if ((http->body || post) && (curl_easy_setopt(easy, CURLOPT_POST, 1L) ||
                                 curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)http->body_len) ||
                                 curl_easy_setopt(easy, CURLOPT_POSTFIELDS, http->body ? http->body : "")))
        return false;
    return post || !curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, http->method);
}

static bool set_limits(CURL *easy, int64_t left_ms)
{
    long connect_ms = (long)(left_ms < CONNECT_TIMEOUT_MS ? left_ms : CONNECT_TIMEOUT_MS);

    return !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
}

int http_request_prepare(struct cs_http *http, CURL *easy, const char *user_agent, struct cs_error *err)
{
    int64_t left_ms = http->deadline_ms - cs_now_ms();

    errno = 0;
    if (!set_fixed(easy) || !set_socket(easy, http) || !set_trust(easy, http->ca_file) || !set_way(easy, http) ||
        !set_method(easy, http) || !set_limits(easy, left_ms > 1 ? left_ms : 1) ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers) || curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent) ||
        curl_easy_setopt(easy, CURLOPT_PRIVATE, http) || curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->curl_says)) {
        cs_fail(err, CS_EINTERNAL, "libcurl refuses an option: is it older than 7.88?");
        return error_blame_memory(err);
    }
    http_answer_attach(http->answer, easy);
    return 0;
}

static void timed_out(struct cs_http *http)
{
    curl_off_t connected_us = 0;

    curl_easy_getinfo(http->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    if (connected_us == 0)
        cs_fail(&http->err, CS_ETIMEDOUT, "cannot connect to %s: no answer in time", http->about.host);
    else
        cs_fail(&http->err, CS_ETIMEDOUT, "%s: no whole answer within %" PRId64 " ms", http->about.host, http->timeout_ms);
}

static void not_trusted(struct cs_http *http, const char *why)
{
    if (*http->ca_file)
        cs_fail(&http->err, CS_EUPSTREAM, "%s: its certificate is not one of `ca_file` %s: %s", http->about.host, http->ca_file,
                why);
    else
        cs_fail(&http->err, CS_EUPSTREAM, "%s: its certificate is not trusted: %s (set `ca_file` if its CA is a private one)",
                http->about.host, why);
}

/* An address family that this machine does not have is one of those the host has in vain. */
static bool is_our_lack(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

static void refused_ourselves(struct cs_http *http)
{
    if (http->answer->too_many_headers)
        cs_fail(&http->err, CS_EUPSTREAM, "%s: the headers of its answer are too many or too long", http->about.host);
    else
        cs_fail(&http->err, CS_EUPSTREAM, "%s: its answer is longer than %zu bytes", http->about.host, http->answer->body.most);
}

void http_request_failed(struct cs_http *http, CURLcode code)
{
    const char *host = http->about.host, *why = *http->curl_says ? http->curl_says : curl_easy_strerror(code);

    if (http->answer->too_many_headers || http->answer->too_long || code == CURLE_FILESIZE_EXCEEDED)
        refused_ourselves(http);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        timed_out(http);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        not_trusted(http, why);
    else if (code == CURLE_SSL_CACERT_BADFILE)
        cs_fail(&http->err, CS_ECONFIG, "cannot read the trust anchors in %s: %s",
                *http->ca_file ? http->ca_file : "the system's bundle (is ca-certificates installed?)", why);
    else if (code == CURLE_COULDNT_RESOLVE_HOST)
        cs_fail(&http->err, CS_EUPSTREAM, "%s: its name has no address, or the resolver does not answer", host);
    else if (code == CURLE_COULDNT_CONNECT && is_our_lack(http->no_socket))
        cs_fail(&http->err, CS_EBUSY, "no socket to connect to %s with: %s", host, strerrordesc_np(http->no_socket));
    else if (code == CURLE_COULDNT_CONNECT)
        cs_fail(&http->err, CS_EUPSTREAM, "cannot connect to %s: is it running, is the port right? (%s)", host, why);
    else if (code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
        cs_fail(&http->err, CS_EUPSTREAM, "%s: the connection was cut before the whole answer came (%s)", host, why);
    else if (code == CURLE_SSL_CONNECT_ERROR)
        cs_fail(&http->err, CS_EUPSTREAM, "%s: no TLS connection: does it speak https there? (%s)", host, why);
    else if (code == CURLE_OUT_OF_MEMORY && http->answer->in_headers) /* so libcurl says that a line goes on and on */
        cs_fail(&http->err, CS_EUPSTREAM, "%s: a header of its answer is too long", host);
    else if (code == CURLE_OUT_OF_MEMORY)
        cs_fail(&http->err, CS_EBUSY, "%s: no memory for a request", host);
    else
        cs_fail(&http->err, CS_EUPSTREAM, "%s: %s", host, why);
}

/*
 * Which URLs may be called at all. Used by plugin/options.c for settings and by http_request.c for every request.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "engine/http_parts.h"

#define URL_MAX_BYTES 4096

/* RFC 1122 3.2.1.3, RFC 4291 2.5.3, RFC 6761 6.3. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    char ip[INET6_ADDRSTRLEN];
    size_t len = strlen(host);

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (host[0] != '[' || len < 3 || len - 2 >= sizeof ip)
        return false;
    memcpy(ip, host + 1, len - 2);
    ip[len - 2] = '\0';
    return inet_pton(AF_INET6, ip, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int check_scheme(const char *scheme, bool insecure, struct http_url *out, struct cs_error *err)
{
    out->https = strcmp(scheme, "https") == 0;
    if (out->https)
        return 0;
    if (strcmp(scheme, "http") != 0)
        return cs_fail(err, CS_ECONFIG, "%s: the URL must begin with https://", out->host);
    if (!out->loopback && !insecure)
        return cs_fail(err, CS_ECONFIG,
                       "%s: plain http is only for this machine: use https, or set `insecure = true` if the way there is safe",
                       out->host);
    return 0;
}

static int read_parts(CURLU *parts, bool insecure, struct http_url *out, struct cs_error *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    int rc = -1;

    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(parts, CURLUPART_HOST, &host, 0) || !*host) {
        cs_fail(err, CS_ECONFIG, "the URL has no host");
        goto out;
    }
    (void)curl_url_get(parts, CURLUPART_PORT, &port, 0); /* there may be none */
    snprintf(out->host, sizeof out->host, "%s%s%s", host, port ? ":" : "", port ? port : "");
    out->loopback = is_loopback(host);
    rc = check_scheme(scheme, insecure, out, err);
out:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return rc;
}

/* PATH_AS_IS: the path that was signed is sent. */
int http_url_read(const char *url, bool insecure, struct http_url *out, CURLU **kept, struct cs_error *err)
{
    CURLU *parts;
    CURLUcode code;
    int rc = -1;
    const char *slashes = url ? strstr(url, "://") : NULL;

    *out = (struct http_url){ 0 };
    if (!url || strnlen(url, URL_MAX_BYTES + 1) > URL_MAX_BYTES)
        return cs_fail(err, CS_ECONFIG, "a URL has 1 to %d bytes", URL_MAX_BYTES);
    if (!slashes || slashes[3] == '/') /* curl would take the path's first part for the host */
        return cs_fail(err, CS_ECONFIG, "not a URL: it must begin with https:// and a host");
    parts = curl_url();
    if (!parts)
        return cs_fail(err, CS_EBUSY, "no memory for a URL");
    errno = 0;
    code = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
    if (code == CURLUE_USER_NOT_ALLOWED)
        cs_fail(err, CS_ECONFIG, "the URL holds a user name or password: give it in a setting of its own");
    else if (code)
        cs_fail(err, CS_ECONFIG, "not a URL: %s", curl_url_strerror(code));
    else
        rc = read_parts(parts, insecure, out, err);
    if (rc < 0)
        error_blame_memory(err);
    if (rc == 0 && kept)
        *kept = parts;
    else
        curl_url_cleanup(parts);
    return rc;
}

int http_url_check(const char *url, bool insecure, struct cs_error *err)
{
    struct http_url about;

    return http_url_read(url, insecure, &about, NULL, err);
}

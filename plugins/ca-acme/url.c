/*
 * Which URLs of a CA we follow; see url.h. The parser is curl's, the same that later connects: two parsers that read one URL
 * differently are how such checks are got round.
 */
#include "url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"

static bool is_plain(const char *url)
{
    size_t len = strnlen(url, URL_LONGEST + 1);

    if (len == 0 || len > URL_LONGEST)
        return false;
    for (size_t i = 0; i < len; i++)
        if (url[i] <= ' ' || url[i] > '~' || url[i] == '\\' || url[i] == '"')
            return false;
    return true;
}

/* A copy of one part of a parsed URL, for free(); NULL: it has none. */
static char *part(CURLU *parsed, CURLUPart which)
{
    char *of_curl = NULL, *copy = NULL;

    if (curl_url_get(parsed, which, &of_curl, 0) == CURLUE_OK)
        copy = text_copy(of_curl);
    curl_free(of_curl);
    return copy;
}

/* Without memory nobody knows: then it may have it. */
static bool may_have(CURLU *parsed, CURLUPart which)
{
    char *of_curl = NULL;
    CURLUcode code = curl_url_get(parsed, which, &of_curl, 0);

    curl_free(of_curl);
    return code == CURLUE_OK || code == CURLUE_OUT_OF_MEMORY;
}

/* Scheme and host of `url`, for free(). -1: not a URL that we would ask. */
static int take_apart(const char *url, char **scheme, char **host)
{
    CURLU *parsed = curl_url();
    int rc = -1;

    *scheme = *host = NULL;
    if (parsed && is_plain(url) && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        !may_have(parsed, CURLUPART_USER) && !may_have(parsed, CURLUPART_PASSWORD) && !may_have(parsed, CURLUPART_FRAGMENT)) {
        *scheme = part(parsed, CURLUPART_SCHEME);
        *host = part(parsed, CURLUPART_HOST);
        rc = *scheme && *host ? 0 : -1;
    }
    if (rc < 0) {
        free(*scheme);
        free(*host);
    }
    curl_url_cleanup(parsed);
    return rc;
}

int url_rules_make(struct url_rules *rules, const char *directory, struct cs_strings allow_hosts, struct cs_error *err)
{
    if (take_apart(directory, &rules->scheme, &rules->host) < 0) {
        rules->scheme = rules->host = NULL;
        return cs_fail(err, CS_ECONFIG, "directory is not a URL that can be asked");
    }
    rules->allow_hosts = allow_hosts;
    return 0;
}

void url_rules_free(struct url_rules *rules)
{
    free(rules->scheme);
    free(rules->host);
}

static bool host_is_allowed(const struct url_rules *rules, const char *host)
{
    if (strcasecmp(host, rules->host) == 0)
        return true;
    for (size_t i = 0; i < rules->allow_hosts.n; i++)
        if (strcasecmp(host, rules->allow_hosts.v[i]) == 0)
            return true;
    return false;
}

int url_check(const struct url_rules *rules, const char *url, const char *what, struct cs_error *err)
{
    char *scheme, *host;
    int rc = 0;

    errno = 0;
    if (take_apart(url, &scheme, &host) < 0) {
        cs_fail_as(err, CS_EREFUSED, "ca-bad-url", "the CA's %s URL is malformed", what);
        return error_blame_memory(err);
    }
    if (strcmp(scheme, "https") != 0 && !(strcmp(scheme, "http") == 0 && strcmp(rules->scheme, "http") == 0))
        rc = cs_fail_as(err, CS_EREFUSED, "ca-bad-url", "the CA's %s URL is not https", what);
    else if (!host_is_allowed(rules, host))
        rc = cs_fail_as(err, CS_EREFUSED, "ca-bad-url",
                        "the CA's %s URL is on the host %.100s, not on %.100s; if that is right, add it to allow_hosts", what,
                        host, rules->host);
    free(scheme);
    free(host);
    return rc;
}

char *url_resolve(const char *base, const char *relative)
{
    CURLU *parsed = curl_url();
    char *whole = NULL;

    if (parsed && is_plain(relative) && curl_url_set(parsed, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(parsed, CURLUPART_URL, relative, 0) == CURLUE_OK)
        whole = part(parsed, CURLUPART_URL);
    curl_url_cleanup(parsed);
    return whole;
}

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

    if (curl_url_get(parsed, which, &of_curl, which == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) == CURLUE_OK)
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

struct parts {
    char *scheme, *host, *port;
};

static void parts_free(struct parts *parts)
{
    free(parts->scheme);
    free(parts->host);
    free(parts->port);
    *parts = (struct parts){ 0 };
}

/* For parts_free(). -1, and nothing to free: not a URL that we would ask. */
static int take_apart(const char *url, struct parts *out)
{
    CURLU *parsed = curl_url();

    *out = (struct parts){ 0 };
    if (parsed && is_plain(url) && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        !may_have(parsed, CURLUPART_USER) && !may_have(parsed, CURLUPART_PASSWORD) && !may_have(parsed, CURLUPART_FRAGMENT)) {
        out->scheme = part(parsed, CURLUPART_SCHEME);
        out->host = part(parsed, CURLUPART_HOST);
        out->port = part(parsed, CURLUPART_PORT);
    }
    curl_url_cleanup(parsed);
    if (out->scheme && out->host && out->port)
        return 0;
    parts_free(out);
    return -1;
}

int url_rules_make(struct url_rules *rules, const char *directory, struct cs_strings allow_hosts, struct cs_error *err)
{
    struct parts parts;

    if (take_apart(directory, &parts) < 0) {
        rules->scheme = rules->host = rules->port = NULL;
        return cs_fail(err, CS_ECONFIG, "directory is not a URL that can be asked");
    }
    *rules = (struct url_rules){ parts.scheme, parts.host, parts.port, allow_hosts };
    return 0;
}

void url_rules_free(struct url_rules *rules)
{
    free(rules->scheme);
    free(rules->host);
    free(rules->port);
}

static bool is_usual_port(const struct parts *url)
{
    return strcmp(url->port, strcmp(url->scheme, "http") == 0 ? "80" : "443") == 0;
}

/* HOST:PORT, or HOST for the usual port. */
static bool entry_allows(const char *entry, const struct parts *url)
{
    const size_t len = strlen(url->host);

    if (strncasecmp(entry, url->host, len) != 0)
        return false;
    return entry[len] == ':' ? strcmp(entry + len + 1, url->port) == 0 : !entry[len] && is_usual_port(url);
}

static bool place_is_allowed(const struct url_rules *rules, const struct parts *url)
{
    if (strcasecmp(url->host, rules->host) == 0 && strcmp(url->port, rules->port) == 0)
        return true;
    for (size_t i = 0; i < rules->allow_hosts.n; i++)
        if (entry_allows(rules->allow_hosts.v[i], url))
            return true;
    return false;
}

int url_check(const struct url_rules *rules, const char *url, const char *what, struct cs_error *err)
{
    struct parts parts;
    int rc = 0;

    errno = 0;
    if (take_apart(url, &parts) < 0) {
        cs_fail_as(err, CS_EREFUSED, "ca-bad-url", "the CA's %s URL is malformed", what);
        return error_blame_memory(err);
    }
    if (strcmp(parts.scheme, "https") != 0 && !(strcmp(parts.scheme, "http") == 0 && strcmp(rules->scheme, "http") == 0))
        rc = cs_fail_as(err, CS_EREFUSED, "ca-bad-url", "the CA's %s URL is not https", what);
    else if (!place_is_allowed(rules, &parts))
        rc = cs_fail_as(err, CS_EREFUSED, "ca-bad-url",
                        "the CA's %s URL is at %.100s:%s, not at %.100s:%s; if that is right, add it to allow_hosts", what,
                        parts.host, parts.port, rules->host, rules->port);
    parts_free(&parts);
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

/*
 * Sorts clients into a few kinds; see user_agent.h. Called by arrival.c. Pure.
 */
#include "http/user_agent.h"

#include <string.h>
#include <strings.h>

/* The first that fits. PowerShell calls itself a browser, too. */
static const struct {
    const char *text;
    bool anywhere; /* otherwise at the beginning */
    const char *class;
} classes[] = {
    { "countersign/", false, "countersign" },
    { "countersign-sign/", false, "countersign" },
    { "powershell/", true, "powershell" },
    { "curl/", false, "curl" },
    { "libcurl/", false, "curl" },
    { "wget", false, "wget" },
    { "python", false, "python" },
    { "aiohttp/", false, "python" },
    { "java/", false, "java" },
    { "java-http-client/", false, "java" },
    { "apache-httpclient/", false, "java" },
    { "okhttp/", false, "java" },
    { "go-http-client/", false, "go" },
    { "mozilla/", false, "browser" },
    { "opera/", false, "browser" },
};

static bool fits(struct span agent, const char *text, bool anywhere)
{
    size_t len = strlen(text);

    for (size_t i = 0; i + len <= agent.len && (anywhere || i == 0); i++)
        if (strncasecmp(agent.at + i, text, len) == 0)
            return true;
    return false;
}

const char *user_agent_class(const struct message *m)
{
    struct span agent;

    if (!message_field(m, "User-Agent", 0, &agent) || !agent.len)
        return "none";
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (fits(agent, classes[i].text, classes[i].anywhere))
            return classes[i].class;
    return "other";
}

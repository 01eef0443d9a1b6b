/*
 * Credentials of the service manager; see credential.h.
 */
#include "plugin/credential.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define WORD   "credential:"
#define FOLDER "/run/credentials/countersign.service"

static const char *name_of(const char *text)
{
    const char *word = text + (*text == '@');

    return strncmp(word, WORD, strlen(WORD)) == 0 ? word + strlen(WORD) : NULL;
}

static const char *folder(void)
{
    const char *given = getenv("CREDENTIALS_DIRECTORY");

    return given && *given ? given : FOLDER;
}

bool credential_is(const char *text)
{
    return name_of(text) != NULL;
}

char *credential_path(const char *text)
{
    const char *name = name_of(text);
    struct text path = TEXT_MAX(PATH_MAX);

    if (!name)
        return NULL;
    text_addf(&path, "%s%s/%s", *text == '@' ? "@" : "", folder(),
              strchr(name, '/') || !*name ? "no-such-name" : name);
    return text_take(&path);
}

const char *credential_advice(const char *path)
{
    const size_t len = strlen(folder());

    return strncmp(path, folder(), len) == 0 && path[len] == '/'
               ? ": hand it over with LoadCredential=NAME:FILE of the unit, and restart; NAME has no \"/\""
               : "";
}

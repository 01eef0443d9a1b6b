/*
 * Where the control socket is, and who answers on it; see serve_control.h.
 */
#include "command/serve_control.h"

#include <unistd.h>

#include "command/control_client.h"
#include "engine/sockets.h"
#include "http/privacy.h"

static struct text path_of(const struct settings *settings)
{
    struct text path = TEXT_MAX(4096);

    text_addf(&path, "%s/" CONTROL_SOCKET, settings->runtime);
    return path;
}

int serve_control_open(struct http_server *http, const struct settings *settings, struct heart *heart, struct visits *visits,
                       struct cs_error *err)
{
    const struct control control = { .ops = visits ? &privacy_ops : NULL, .arg = visits, .heart = heart };
    struct text path = path_of(settings);
    int fd = -1;

    if (text_failed(&path))
        cs_fail(err, CS_ECONFIG, "the path of `runtime` is too long");
    else
        fd = socket_listen_private(text_of(&path), err);
    text_free(&path);
    return fd < 0 ? -1 : http_server_control(http, fd, &control, err);
}

void serve_control_remove(const struct settings *settings)
{
    struct text path = path_of(settings);

    if (!text_failed(&path))
        unlink(text_of(&path));
    text_free(&path);
}

/*
 * The `countersign` program: what must happen before any thread or plugin, then the subcommand.
 */
#include <curl/curl.h>
#include <stdio.h>

#include "command/command.h"

int main(int argc, char **argv)
{
    int code;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "countersign: libcurl cannot start: the installation is broken\n");
        return 1;
    }
    code = command_run(argc, argv);
    curl_global_cleanup();
    return code;
}

/*
 * The `countersign` program. All of it is in libcscore, so that tests can link it; see command/command.c.
 */
#include <curl/curl.h>
#include <stdio.h>

#include "command/command.h"

int main(int argc, char **argv)
{
    int rc;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) { /* while there is one thread */
        fprintf(stderr, "countersign: libcurl cannot be used\n");
        return 1;
    }
    rc = command_run(argc, argv);
    curl_global_cleanup();
    return rc;
}

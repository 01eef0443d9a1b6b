/* Prints the text of each X.509 name that comes in as a line of hexadecimal DER, or "refused: …". Used by
 * tests/peers/test_subject_names.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "request/subject_name.h"

static void show(const unsigned char *der, long len)
{
    const unsigned char *at = der;
    struct cs_error err = { 0 };
    X509_NAME *name = d2i_X509_NAME(NULL, &at, len);
    char *text = name ? subject_name_text(name, &err) : NULL, *again = NULL;

    if (!text)
        printf("refused: %s\n", name ? err.text : "not a Name");
    else if (subject_name_parse(text, &again, &err) != 0 || strcmp(text, again) != 0)
        printf("parsed back to something else: %s\n", again ? again : err.text);
    else
        puts(text);
    free(again);
    free(text);
    X509_NAME_free(name);
}

int main(void)
{
    char line[1 << 16];

    while (fgets(line, sizeof line, stdin)) {
        long len;
        unsigned char *der;

        line[strcspn(line, "\n")] = '\0';
        der = OPENSSL_hexstr2buf(line, &len);
        if (!der)
            return 1;
        show(der, len);
        OPENSSL_free(der);
    }
    return 0;
}

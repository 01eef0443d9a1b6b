/*
 * `countersign sign --print`: the same by hand, for those who want to see it or have no countersign there. See sign.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/shell_word.h"
#include "command/sign.h"
#include "request/openssl_line.h"

static void add_key_line(struct text *out, const struct sign_options *options)
{
    if (access(options->key_file, F_OK) == 0)
        return;
    text_add(out, "(umask 077; openssl genpkey ");
    if (options->key_type[0] == 'p')
        text_addf(out, "-algorithm EC -pkeyopt ec_paramgen_curve:P-%s", options->key_type + 1);
    else
        text_addf(out, "-algorithm RSA -pkeyopt rsa_keygen_bits:%s", options->key_type + strlen("rsa"));
    text_add(out, " -out ");
    shell_word_add(out, options->key_file);
    text_add(out, ")\n");
}

static void add_word(struct text *out, const char *option, const char *before, const char *word)
{
    struct text whole = TEXT_MAX(OPENSSL_LINE_MAX);

    text_addf(out, " %s ", option);
    text_addf(&whole, "%s%s", before, word);
    shell_word_add(out, text_of(&whole));
    text_free(&whole);
}

static void add_curl_line(struct text *out, const struct sign_options *options, const char *csr_file)
{
    if (options->token_file) { /* not among the words of a command, which everybody on the host may read */
        text_add(out, "sed 's/^/Authorization: Bearer /' ");
        shell_word_add(out, options->token_file);
        text_add(out, " | ");
    }
    text_addf(out, "curl --fail --max-time %ld", options->timeout_s);
    if (options->token_file)
        text_add(out, " -H @-");
    if (options->client_cert)
        add_word(out, "--cert", "", options->client_cert);
    if (options->client_key)
        add_word(out, "--key", "", options->client_key);
    if (options->ca_file)
        add_word(out, "--cacert", "", options->ca_file);
    for (size_t i = 0; i < options->n_labels; i++)
        add_word(out, "-H", "X-Countersign-Label: ", options->labels[i]);
    add_word(out, "--data-binary", "@", csr_file);
    add_word(out, "-o", "", options->out_file);
    text_add_char(out, ' ');
    shell_word_add(out, options->url);
    text_add_char(out, '\n');
}

int sign_print(const struct sign_options *options, struct cs_error *err)
{
    const char *csr_file = options->csr_file ? options->csr_file : "csr.pem";
    struct text out = TEXT_MAX(4 * OPENSSL_LINE_MAX);
    int rc;

    add_key_line(&out, options);
    rc = openssl_line_add(&out, options->key_file, csr_file, options->subject, (const char *const *)options->names,
                          options->n_names, err);
    text_add_char(&out, '\n');
    add_curl_line(&out, options, csr_file);
    if (rc == 0 && text_failed(&out))
        rc = cs_fail(err, CS_EINPUT, "the command is too long");
    if (rc == 0)
        fputs(text_of(&out), stdout);
    text_free(&out);
    return rc;
}

/*
 * `countersign sign`, the installer's side in one command: key, CSR, post, wait, check, write. Needs no configuration. Its
 * other files are sign_*.c.
 */
#include "command/sign.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/pem.h"
#include "base/text.h"
#include "command/command.h"
#include "command/file_write.h"
#include "request/certificate.h"

static void tell(const struct sign_options *options, const char *words)
{
    if (!options->quiet)
        fprintf(stderr, "%s\n", words);
}

static enum sign_exit fail(const struct cs_error *err, enum sign_exit code)
{
    fprintf(stderr, "countersign sign: %s\n", err->text);
    return code;
}

static void tell_when(const struct sign_answer *answer)
{
    time_t when = time(NULL) + answer->retry_after_s;
    struct tm tm;
    char text[64] = "";

    if (answer->exit != SIGN_LATER)
        return;
    if (answer->retry_after_s > 0 && localtime_r(&when, &tm))
        strftime(text, sizeof text, ", at %Y-%m-%d %H:%M:%S %Z or after", &tm);
    fprintf(stderr, "try the same command again later%s\n", text);
}

/* Only a chain for this key and these names is written. */
static enum sign_exit keep_chain(const struct sign_options *options, const struct csr *csr, const struct sign_answer *answer)
{
    struct certificate certificate;
    struct cs_error err = { 0 };
    time_t until;
    struct tm tm;
    char date[32] = "?";

    if (certificate_check(&certificate, NULL, answer->chain, answer->chain_len, csr->spki_sha256,
                          (const char *const *)csr->names, csr->n_names, (int64_t)time(NULL) * 1000, &err) != 0) {
        cs_fail_in(&err, "nothing was written, because the answer does not fit");
        return fail(&err, SIGN_MISFIT);
    }
    if (file_write_replace(options->out_file, certificate.pem, certificate.pem_len, 0644, &err) != 0) {
        certificate_free(&certificate);
        return fail(&err, SIGN_FAILED);
    }
    until = (time_t)(certificate.not_after_ms / 1000);
    if (gmtime_r(&until, &tm))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", &tm);
    if (!options->quiet)
        printf("%s: certificate %s for %s%s, until %s UTC\n", options->out_file, certificate.serial, csr->names[0],
               csr->n_names > 1 ? " and more" : "", date);
    certificate_free(&certificate);
    return SIGN_OK;
}

static enum sign_exit post(const struct sign_options *options, const struct csr *csr, const struct text *pem)
{
    struct sign_answer answer;
    struct text words = TEXT_MAX(8192);
    enum sign_exit code;

    text_addf(&words, "posting the CSR to %s", options->url);
    tell(options, text_of(&words));
    text_free(&words);
    sign_exchange(&answer, options, text_of(pem), pem->len, tell);
    code = answer.exit;
    if (code == SIGN_OK) {
        code = keep_chain(options, csr, &answer);
    } else {
        fprintf(stderr, "countersign sign: %s\n", answer.text);
        tell_when(&answer);
    }
    free(answer.chain);
    return code;
}

static enum sign_exit get_certificate(const struct sign_options *options, EVP_PKEY *key)
{
    struct text pem = TEXT_MAX(2 * CSR_MAX_DER);
    struct cs_error err = { 0 };
    enum sign_exit code;
    struct csr csr;

    if (sign_csr_make(&csr, key, options, &err) != 0)
        return fail(&err, SIGN_FAILED);
    pem_add(&pem, "CERTIFICATE REQUEST", csr.der, csr.len);
    if (options->csr_file && file_write_replace(options->csr_file, text_of(&pem), pem.len, 0644, &err) != 0)
        code = fail(&err, SIGN_FAILED);
    else
        code = post(options, &csr, &pem);
    text_free(&pem);
    csr_free(&csr);
    return code;
}

static enum sign_exit run(const struct sign_options *options)
{
    struct text words = TEXT_MAX(8192);
    struct cs_error err = { 0 };
    enum sign_exit code;
    EVP_PKEY *key;
    bool made;

    if (file_write_possible(options->out_file, &err) != 0 ||
        (options->csr_file && file_write_possible(options->csr_file, &err) != 0))
        return fail(&err, SIGN_FAILED);
    key = sign_key_get(options, &made, &err);
    if (!key)
        return fail(&err, SIGN_FAILED);
    if (made)
        text_addf(&words, "made the key %s (%s)", options->key_file, options->key_type);
    else
        text_addf(&words, "using the key %s", options->key_file);
    tell(options, text_of(&words));
    text_free(&words);
    code = get_certificate(options, key);
    EVP_PKEY_free(key);
    return code;
}

int command_sign(const struct command_line *line)
{
    struct sign_options options;
    struct cs_error err = { 0 };
    int code = sign_options_read(&options, line->argc, line->argv);

    if (code < 0 && options.print)
        code = sign_print(&options, &err) == 0 ? SIGN_OK : (int)fail(&err, SIGN_FAILED);
    else if (code < 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        code = SIGN_FAILED;
    else if (code < 0)
        code = (int)run(&options);
    sign_options_free(&options);
    return code;
}

/*
 * `countersign sign`, the installer's side in one command: key, CSR, post, wait, check, write; with --renew-within only when it
 * is time. Needs no configuration. docs/renew.md tells what users see; its other files are sign_*.c.
 */
#include "command/sign.h"

#include <curl/curl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/pem.h"
#include "base/text.h"
#include "command/command.h"
#include "command/file_write.h"

struct run {
    const struct sign_options *options;
    struct sign_report *report;
    struct sign_files files;
    EVP_PKEY *key;
    struct csr csr;
    struct text csr_pem;
    struct certificate got; /* the new chain */
};

static void tell(const struct sign_options *options, const char *words)
{
    if (!options->quiet)
        fprintf(stderr, "%s\n", words);
}

static enum sign_exit fail(struct run *run, const char *text, enum sign_exit code)
{
    fprintf(stderr, "countersign sign: %s\n", text);
    snprintf(run->report->error, sizeof run->report->error, "%s", text);
    return code;
}

static enum sign_exit fail_here(struct run *run, const struct cs_error *err)
{
    return fail(run, err->text, err->code == CS_EBUSY ? SIGN_LATER : SIGN_FAILED);
}

/* ---- Is it time? ------------------------------------------------------------------------------------------------------- */

static enum sign_exit look(struct run *run)
{
    struct cs_error err = { 0 };

    if (!run->options->renew)
        return SIGN_OK;
    if (sign_due_look(&run->report->now, run->options, sign_files_csr(&run->files), &err) != 0)
        return fail_here(run, &err);
    return run->report->now.due ? SIGN_OK : SIGN_NOTHING_DUE;
}

/* At random, so that many hosts do not come at once. Where somebody sits and waits, or nothing works yet, it does not help. */
static void splay(const struct sign_options *options, const struct sign_due *now)
{
    int64_t most_ms = options->splay_ms, left_ms = now->not_after_ms - cs_wall_ms();
    char words[64];
    uint64_t random;

    if (now->not_after_ms && most_ms > left_ms / 2)
        most_ms = left_ms / 2;
    if (now->useless || most_ms <= 0 || isatty(STDERR_FILENO) || RAND_bytes((unsigned char *)&random, sizeof random) != 1)
        return;
    random %= (uint64_t)most_ms + 1;
    snprintf(words, sizeof words, "waiting for %llu s (--splay)", (unsigned long long)random / 1000);
    tell(options, words);
    nanosleep(&(struct timespec){ .tv_sec = (time_t)(random / 1000), .tv_nsec = (long)(random % 1000) * 1000000 }, NULL);
}

/* ---- The files --------------------------------------------------------------------------------------------------------- */

/* Nobody else works on them from here on, and they are as docs/renew.md says they are. */
static enum sign_exit take_files(struct run *run)
{
    const struct sign_options *o = run->options;
    struct cs_error err = { 0 };
    bool mended = false;

    if (file_write_possible(o->out_file, &err) != 0 || (o->csr_file && file_write_possible(o->csr_file, &err) != 0) ||
        sign_files_lock(&run->files, (int64_t)o->timeout_s * 1000, &err) != 0 ||
        sign_files_mend(&run->files, &mended, &err) != 0)
        return fail_here(run, &err);
    if (mended)
        tell(o, "an earlier run was cut off between the key and its chain: they are put right");
    return SIGN_OK;
}

static enum sign_exit take_key(struct run *run)
{
    const struct sign_options *o = run->options;
    struct text words = TEXT_MAX(8192);
    struct cs_error err = { 0 };
    bool made = false;

    run->report->new_key = o->new_key && access(o->key_file, F_OK) == 0;
    if (run->report->new_key)
        run->key = sign_key_next(o, &run->files, &err);
    else
        run->key = sign_key_get(o, &run->files, &made, &err);
    if (!run->key || sign_csr_make(&run->csr, run->key, o, &err) != 0)
        return fail_here(run, &err);
    if (run->report->new_key)
        text_addf(&words, "using a new key (%s) for %s", o->key_type, o->key_file);
    else if (made)
        text_addf(&words, "made the key %s (%s)", o->key_file, o->key_type);
    else
        text_addf(&words, "using the key %s", o->key_file);
    tell(o, text_of(&words));
    text_free(&words);
    pem_add(&run->csr_pem, "CERTIFICATE REQUEST", run->csr.der, run->csr.len);
    return SIGN_OK;
}

/* A kept CSR tells later runs what the certificate in place was asked with: a renewal puts it in place last. */
static enum sign_exit keep_csr(struct run *run)
{
    struct cs_error err = { 0 };

    if (sign_files_keep_csr(&run->files, text_of(&run->csr_pem), run->csr_pem.len, &err) != 0 ||
        (!run->options->renew && sign_files_use_csr(&run->files, &err) != 0))
        return fail_here(run, &err);
    return SIGN_OK;
}

/* ---- The chain --------------------------------------------------------------------------------------------------------- */

static void tell_when(struct run *run, const struct sign_answer *answer)
{
    time_t when = (time_t)(cs_wall_ms() / 1000) + answer->retry_after_s;
    struct tm tm;
    char text[64] = "";

    if (answer->exit != SIGN_LATER)
        return;
    run->report->retry_after_s = answer->retry_after_s;
    if (answer->retry_after_s > 0 && localtime_r(&when, &tm))
        strftime(text, sizeof text, ", at %Y-%m-%d %H:%M:%S %Z or after", &tm);
    fprintf(stderr, "try the same command again later%s\n", text);
}

/* Only a chain for this key and these names is taken. */
static enum sign_exit check_chain(struct run *run, struct certificate *out, const struct sign_answer *answer)
{
    struct cs_error err = { 0 };

    if (certificate_check(out, NULL, answer->chain, answer->chain_len, run->csr.spki_sha256,
                          (const char *const *)run->csr.names, run->csr.n_names, cs_wall_ms(), &err) == 0)
        return SIGN_OK;
    cs_fail_in(&err, "nothing was written, because the answer does not fit");
    return fail(run, err.text, SIGN_MISFIT);
}

static enum sign_exit post(struct run *run, struct certificate *out, bool fresh)
{
    struct sign_answer answer;
    struct text words = TEXT_MAX(8192);
    enum sign_exit code;

    text_addf(&words, "posting the CSR to %s%s", run->options->url, fresh ? " for a new certificate" : "");
    tell(run->options, text_of(&words));
    text_free(&words);
    sign_exchange(&answer, run->options, text_of(&run->csr_pem), run->csr_pem.len, fresh, tell);
    code = answer.exit;
    if (code == SIGN_OK) {
        code = check_chain(run, out, &answer);
    } else {
        fail(run, answer.text, code);
        tell_when(run, &answer);
    }
    free(answer.chain);
    return code;
}

/* What the server has is as good as new, unless it is what we have, and that comes to its end. For another subject with the
 * same key and names the server has no other certificate: it has said that this one will do. */
static enum sign_exit ask(struct run *run)
{
    enum sign_exit code = post(run, &run->got, false);

    if (code != SIGN_OK || !run->options->renew || run->report->now.only_subject ||
        strcmp(run->got.serial, run->report->now.serial) != 0)
        return code;
    certificate_free(&run->got);
    code = post(run, &run->got, true);
    if (code == SIGN_OK && strcmp(run->got.serial, run->report->now.serial) == 0)
        return fail(run, "the server gave the old certificate again", SIGN_LATER);
    return code;
}

/* From an earlier run that was cut off, or whose deploy program failed; or from the server. */
static enum sign_exit get_chain(struct run *run)
{
    const struct sign_options *o = run->options;

    if (o->renew && sign_chain_read(&run->got, o, run->files.chain_new, run->key, NULL) == 0) {
        if (cs_wall_ms() < sign_renew_at(o, &run->got)) {
            tell(o, "an earlier run has got the chain already");
            return SIGN_OK;
        }
        certificate_free(&run->got);
    }
    return ask(run);
}

static enum sign_exit place(struct run *run)
{
    struct sign_report *report = run->report;
    struct cs_error err = { 0 };

    if (run->options->renew && keep_csr(run) != SIGN_OK)
        return SIGN_FAILED;
    if (sign_files_place(&run->files, run->got.pem, run->got.pem_len, report->new_key, run->options->deploy, &err) != 0)
        return fail_here(run, &err);
    memcpy(report->now.serial, run->got.serial, sizeof report->now.serial);
    report->now.not_before_ms = run->got.not_before_ms;
    report->now.not_after_ms = run->got.not_after_ms;
    report->now.renew_at_ms = run->options->renew ? sign_renew_at(run->options, &run->got) : 0;
    if (run->options->renew && cs_wall_ms() >= report->now.renew_at_ms)
        tell(run->options, "the new certificate is due for renewal already");
    return SIGN_OK;
}

/* ---- Its use ----------------------------------------------------------------------------------------------------------- */

static enum sign_exit put_back(struct run *run, const struct cs_error *why)
{
    struct text words = TEXT_MAX(sizeof run->report->error - 1);
    struct cs_error err = { 0 };
    bool were_there = false;

    text_addf(&words, "the deploy program failed: %s; ", why->text);
    if (sign_files_put_back(&run->files, &were_there, &err) != 0)
        text_addf(&words, "and the old files could not be put back: %s", err.text);
    else
        text_add(&words, were_there ? "the old files are in place again, the new ones are kept for the next run"
                                    : "there are no old files to go back to, so the new ones stay in place");
    fail(run, text_of(&words), SIGN_DEPLOY_FAILED);
    text_free(&words);
    if (were_there)
        sign_due_look(&run->report->now, run->options, sign_files_csr(&run->files), NULL);
    return SIGN_DEPLOY_FAILED;
}

static enum sign_exit deploy(struct run *run)
{
    const struct sign_options *o = run->options;
    struct cs_error err = { 0 };

    if (o->deploy) {
        fflush(stdout);
        if (sign_deploy_wait(o, &run->report->now, &run->report->deploy_exit, &err) != 0)
            return err.code == CS_EBUSY ? fail_here(run, &err) : put_back(run, &err);
    }
    return sign_files_done(&run->files, &err) == 0 ? SIGN_OK : fail_here(run, &err);
}

/* ---- The run ----------------------------------------------------------------------------------------------------------- */

static enum sign_exit renew(struct run *run)
{
    enum sign_exit code = take_key(run);

    if (code == SIGN_OK && !run->options->renew)
        code = keep_csr(run);
    if (code == SIGN_OK)
        code = get_chain(run);
    if (code == SIGN_OK)
        code = place(run);
    return code == SIGN_OK ? deploy(run) : code;
}

static enum sign_exit run_with_files(struct run *run)
{
    enum sign_exit code = look(run);

    if (code == SIGN_OK && run->options->renew)
        splay(run->options, &run->report->now);
    if (code != SIGN_OK && (code != SIGN_NOTHING_DUE || !sign_files_unfinished(&run->files)))
        return code;
    code = take_files(run);
    if (code == SIGN_OK)
        code = look(run); /* another run may have been quicker */
    if (code == SIGN_OK)
        return renew(run);
    if (code == SIGN_NOTHING_DUE && sign_files_undeployed(&run->files))
        return run->options->deploy ? deploy(run) : sign_files_done(&run->files, NULL) == 0 ? code : SIGN_FAILED;
    return code;
}

static enum sign_exit run_all(const struct sign_options *options, struct sign_report *report)
{
    struct run run = { .options = options, .report = report, .csr_pem = TEXT_MAX(2 * CSR_MAX_DER) };
    struct cs_error err = { 0 };
    enum sign_exit code;

    if (sign_files_open(&run.files, options->key_file, options->out_file, options->csr_file, &err) != 0)
        code = fail_here(&run, &err);
    else
        code = run_with_files(&run);
    sign_files_close(&run.files);
    certificate_free(&run.got);
    text_free(&run.csr_pem);
    csr_free(&run.csr);
    EVP_PKEY_free(run.key);
    return code;
}

int command_sign(const struct command_line *line)
{
    struct sign_report report = { .deploy_exit = -1 };
    struct sign_options options;
    struct cs_error err = { 0 };
    int code = sign_options_read(&options, line->argc, line->argv);

    if (code < 0 && options.print) {
        code = sign_print(&options, &err) == 0 ? SIGN_OK : SIGN_FAILED;
        if (code != SIGN_OK)
            fprintf(stderr, "countersign sign: %s\n", err.text);
    } else if (code < 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        code = SIGN_FAILED;
    } else if (code < 0) {
        report.exit = run_all(&options, &report);
        sign_report_print(&report, &options);
        code = (int)report.exit;
    }
    sign_options_free(&options);
    return code;
}

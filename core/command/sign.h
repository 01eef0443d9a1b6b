/*
 * `countersign sign` from within: what it was asked for, and the steps that its files take. Used by sign*.c only.
 */
#ifndef COMMAND_SIGN_H
#define COMMAND_SIGN_H

#include <stdio.h>

#include <openssl/evp.h>

#include "command/sign_files.h"
#include "request/certificate.h"
#include "request/csr.h"

enum sign_exit {
    SIGN_OK = 0,
    SIGN_FAILED = 1,  /* something here: a file, the key, TLS */
    SIGN_USAGE = 2,
    SIGN_REFUSED = 3, /* the server or the CA says no, and will say so again */
    SIGN_LATER = 4,   /* the same command may work later */
    SIGN_MISFIT = 5,  /* the answer is not a chain for this key and these names */
    SIGN_NOTHING_DUE = 6,
    SIGN_DEPLOY_FAILED = 7
};

#define SIGN_MAX_NAMES  100
#define SIGN_MAX_LABELS 8

struct sign_options {
    const char *server;  /* as typed */
    char *url;           /* with /v1/sign; owned */
    const char *ca_file; /* NULL: the system's trust anchors */
    const char *token_file, *client_cert, *client_key; /* who asks; NULL: nobody in particular */
    char *subject;       /* canonical; owned */
    char *names[SIGN_MAX_NAMES]; /* CN and SAN, lower case, owned */
    size_t n_names;
    const char *key_file, *key_type, *csr_file, *out_file; /* csr_file NULL: not kept */
    bool key_type_given;
    const char *labels[SIGN_MAX_LABELS]; /* NAME=VALUE */
    size_t n_labels;
    long timeout_s;
    bool insecure_http, print, quiet, json, new_key;
    bool renew;           /* --renew-within: nothing is done while there is time */
    int64_t within_ms;    /* of the certificate's end; -1: a third of its life */
    int64_t splay_ms;     /* 0: none */
    const char *deploy;   /* NULL: none */
    long deploy_timeout_s;
};

/* Read the command line. -1: go on; otherwise the exit code (--help, or a mistake, told on stderr). `out` is to be freed in any
 * case. */
int sign_options_read(struct sign_options *out, int argc, char **argv);
void sign_options_free(struct sign_options *out);

/* A private key in PEM. CS_ECONFIG names the file and what is wrong with it. */
EVP_PKEY *sign_key_read(const char *path, struct cs_error *err);

/* The name that "{key}.x" stands for (request/key_name.h) with the key in that file. */
int sign_key_name(char out[NAME_MAX_LEN + 1], const char *key_file, const char *entry, struct cs_error *err);

/* The key of --key: read, or made and written with mode 0600, never over another file. *made tells which. Needs the lock. */
EVP_PKEY *sign_key_get(const struct sign_options *options, struct sign_files *files, bool *made, struct cs_error *err);

/* The next key, which is kept until it comes into use: an earlier run's, if it is of the right type, or a new one. */
EVP_PKEY *sign_key_next(const struct sign_options *options, struct sign_files *files, struct cs_error *err);

/* A CSR with that key, checked as the server would. The caller frees it with csr_free(). */
int sign_csr_make(struct csr *out, EVP_PKEY *key, const struct sign_options *options, struct cs_error *err);

struct text;

/* The field for the token in a file: `Authorization: Bearer …`. CS_ECONFIG names the file and what is wrong with it. */
int sign_token_line(const char *path, struct text *line, struct cs_error *err);

/* Tells a step of the server in plain words. */
const char *sign_step_words(const char *step);

struct sign_answer {
    enum sign_exit exit; /* SIGN_OK: `chain` is what the server sent, unchecked */
    char *chain;         /* owned */
    size_t chain_len;
    long retry_after_s;  /* 0: not known */
    char text[2048];     /* what to tell a person */
};

/* Post the CSR (PEM) and wait for the end, at most --timeout; `progress` hears of each new step. `fresh`: a chain that the
 * server has already will not do. */
void sign_exchange(struct sign_answer *out, const struct sign_options *options, const char *csr, size_t csr_len, bool fresh,
                   void (*progress)(const struct sign_options *options, const char *words));

/* Is a new certificate due? The rest is what is known of the one in place; times are 0 when nothing is. */
struct sign_due {
    bool due;
    bool useless; /* what is in place, or nothing is */
    bool only_subject; /* nothing else is wrong: `csr` has another one */
    char reason[512]; /* why it is due; "" otherwise */
    char serial[65];
    int64_t not_before_ms, not_after_ms, renew_at_ms;
};

/* `csr`: the file with the CSR that the certificate in place was asked with; NULL: not known. CS_ECONFIG when it cannot be
 * known whether one is due: a key that cannot be read. */
int sign_due_look(struct sign_due *out, const struct sign_options *options, const char *csr, struct cs_error *err);

/* When a certificate is to be renewed. */
int64_t sign_renew_at(const struct sign_options *options, const struct certificate *certificate);

/* Read and check a chain for that key and the names of `options`, as certificate_check() does. CS_ENOTFOUND: there is no
 * file. */
int sign_chain_read(struct certificate *out, const struct sign_options *options, const char *path, EVP_PKEY *key,
                    struct cs_error *err);

/* What a run came to, for people and for --json. */
struct sign_report {
    enum sign_exit exit;
    struct sign_due now; /* the certificate in place at the end, and why a new one was due */
    char error[2048];
    long retry_after_s; /* 0: not known */
    bool new_key;
    int deploy_exit;    /* -1: not run */
};

void sign_report_print(const struct sign_report *report, const struct sign_options *options);

/* "2027-01-30T12:00:00Z" */
void sign_time_text(char out[32], int64_t ms);

/* Run the deploy program for what is in place. *exit is its code, 128 and more: a signal. -1 and CS_EUPSTREAM unless that
 * is 0; CS_EBUSY: SIGHUP, SIGINT or SIGTERM came for us, and the program was ended first. They are blocked from then on, so
 * that the run can say so. */
int sign_deploy_wait(const struct sign_options *options, const struct sign_due *now, int *exit, struct cs_error *err);

/* The openssl and curl lines that do the same by hand. */
int sign_print(const struct sign_options *options, struct cs_error *err);

#endif

/*
 * `countersign sign` from within: what it was asked for, and the steps that its files take. Used by sign*.c only.
 */
#ifndef COMMAND_SIGN_H
#define COMMAND_SIGN_H

#include <openssl/evp.h>

#include "request/csr.h"

enum sign_exit {
    SIGN_OK = 0,
    SIGN_FAILED = 1,  /* something here: a file, the key, TLS */
    SIGN_USAGE = 2,
    SIGN_REFUSED = 3, /* the server or the CA says no, and will say so again */
    SIGN_LATER = 4,   /* the same command may work later */
    SIGN_MISFIT = 5   /* the answer is not a chain for this key and these names */
};

#define SIGN_MAX_NAMES  100
#define SIGN_MAX_LABELS 8

struct sign_options {
    const char *server;  /* as typed */
    char *url;           /* with /v1/sign; owned */
    const char *ca_file; /* NULL: the system's trust anchors */
    char *subject;       /* canonical; owned */
    char *names[SIGN_MAX_NAMES]; /* CN and SAN, lower case, owned */
    size_t n_names;
    const char *key_file, *key_type, *csr_file, *out_file; /* csr_file NULL: not kept */
    bool key_type_given;
    const char *labels[SIGN_MAX_LABELS]; /* NAME=VALUE */
    size_t n_labels;
    long timeout_s;
    bool insecure_http, print, quiet;
};

/* Read the command line. -1: go on; otherwise the exit code (--help, or a mistake, told on stderr). `out` is to be freed in any
 * case. */
int sign_options_read(struct sign_options *out, int argc, char **argv);
void sign_options_free(struct sign_options *out);

/* The key of --key: read, or made and written with mode 0600, never over another file. *made tells which. */
EVP_PKEY *sign_key_get(const struct sign_options *options, bool *made, struct cs_error *err);

/* A CSR with that key, checked as the server would. The caller frees it with csr_free(). */
int sign_csr_make(struct csr *out, EVP_PKEY *key, const struct sign_options *options, struct cs_error *err);

/* Tells a step of the server in plain words. */
const char *sign_step_words(const char *step);

struct sign_answer {
    enum sign_exit exit; /* SIGN_OK: `chain` is what the server sent, unchecked */
    char *chain;         /* owned */
    size_t chain_len;
    long retry_after_s;  /* 0: not known */
    char text[2048];     /* what to tell a person */
};

/* Post the CSR (PEM) and wait for the end, at most --timeout; `progress` hears of each new step. */
void sign_exchange(struct sign_answer *out, const struct sign_options *options, const char *csr, size_t csr_len,
                   void (*progress)(const struct sign_options *options, const char *words));

/* The openssl and curl lines that do the same by hand. */
int sign_print(const struct sign_options *options, struct cs_error *err);

#endif

/*
 * A key and its chain as two files that change together, whatever ends the run, and the CSR that tells which subject they were
 * asked with: docs/renew.md, "Files, crashes, power cuts", has the steps and what each leaves. Called by sign.c and sign_key.c.
 */
#ifndef COMMAND_SIGN_FILES_H
#define COMMAND_SIGN_FILES_H

#include <openssl/evp.h>

#include <countersign/plugin.h>

struct sign_files {
    const char *key, *chain;     /* in place; the caller's, and outlive this */
    const char *csr;             /* the same; NULL: none is kept */
    char *key_new, *chain_new;   /* to be put there; owned, as are all below */
    char *key_old, *chain_old;   /* what was there until the deploy program has worked */
    char *key_part, *chain_part; /* being written */
    char *csr_new;               /* of a chain that is not deployed yet; NULL without `csr` */
    char *undeployed;            /* its presence: what is in place was not deployed yet */
    char *lock;
    int lock_fd; /* -1: not locked */
};

/* To be closed in any case; that also ends the lock. `csr` NULL: none is kept. */
int sign_files_open(struct sign_files *files, const char *key, const char *chain, const char *csr, struct cs_error *err);
void sign_files_close(struct sign_files *files);

/* Wait until no other run works on them, `timeout_ms` at most. CS_EBUSY: somebody does. CS_ECONFIG: no lock can be made. */
int sign_files_lock(struct sign_files *files, int64_t timeout_ms, struct cs_error *err);

/* Did an earlier run leave something to do? Needs no lock, and changes nothing. */
bool sign_files_unfinished(const struct sign_files *files);
bool sign_files_undeployed(const struct sign_files *files);
/* The CSR that the chain in place was asked with; no such file may be there. NULL: none is kept. */
const char *sign_files_csr(const struct sign_files *files);

/* The rest needs the lock. All of them fail with CS_ECONFIG and the name of the file. */

/* Set right what a killed run left: then key and chain belong together, or there is no chain for the key at all. *mended tells
 * whether a file was moved. */
int sign_files_mend(struct sign_files *files, bool *mended, struct cs_error *err);

/* Put the first key (PEM) in place. One that is there already stays, and that is an error. */
int sign_files_first_key(struct sign_files *files, const char *pem, size_t len, struct cs_error *err);

/* Write the next key (PEM), not yet in place. */
int sign_files_keep_key(struct sign_files *files, const char *pem, size_t len, struct cs_error *err);

/* Write the CSR (PEM), not yet in place: that it is with sign_files_use_csr() or sign_files_done(). Harmless where none is
 * kept. */
int sign_files_keep_csr(struct sign_files *files, const char *pem, size_t len, struct cs_error *err);
int sign_files_use_csr(struct sign_files *files, struct cs_error *err);

/* Write the chain and put it in place, the next key before it if `new_key`. When it fails, the old files are in place. With
 * `deploying` they are kept until sign_files_done() or sign_files_put_back(). */
int sign_files_place(struct sign_files *files, const char *pem, size_t len, bool new_key, bool deploying, struct cs_error *err);

/* The old files are in place again and the new ones kept, but for the CSR. *were_there is false when there are none that belong
 * together, and the new ones stay. */
int sign_files_put_back(struct sign_files *files, bool *were_there, struct cs_error *err);

/* It is over: nothing but key, chain and CSR stays. */
int sign_files_done(struct sign_files *files, struct cs_error *err);

/* Is the first certificate of the file `chain` one for the key in the file `key`? */
bool sign_files_fit(const char *key, const char *chain);

#endif

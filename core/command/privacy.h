/*
 * `countersign privacy` from within: what was asked for, and what its files share. Used by privacy*.c only.
 */
#ifndef COMMAND_PRIVACY_H
#define COMMAND_PRIVACY_H

#include <jansson.h>

#include "base/name.h"
#include "command/command.h"
#include "command/setup.h"

/* Beside the exit codes of all commands. */
#define PRIVACY_EXIT_LATER 4 /* done as far as it can be now; the message says what happens later */

#define SPKI_HASH_LEN        32
#define PRIVACY_MAX_ADDRESS  64
#define PRIVACY_LABEL_NAME   32
#define PRIVACY_LABEL_VALUE  64

struct privacy_options {
    char address[PRIVACY_MAX_ADDRESS]; /* "": none was named */
    char zone[NAME_MAX_LEN + 1];
    bool has_zone; /* zone "": requests whose subject was not known */
    char label_name[PRIVACY_LABEL_NAME + 1]; /* "": none */
    char label_value[PRIVACY_LABEL_VALUE + 1];
    bool has_value;
    const char *before; /* as typed, or NULL */
    int64_t before_day;
    const char *spki_typed;
    uint8_t spki[SPKI_HASH_LEN];
    bool yes;  /* do not ask */
    bool json;
};

enum privacy_verb { PRIVACY_REPORT, PRIVACY_ERASE, PRIVACY_EXPORT, PRIVACY_CONFIRM, PRIVACY_FORGET_KEYS };

/* Read the command line of a verb; an address is wiped from it, so that `ps` does not show it any longer, or read from standard
 * input. -1: go on; otherwise the exit code, 2 (told on stderr). */
int privacy_options_read(struct privacy_options *out, enum privacy_verb verb, int argc, char **argv);

/* The SHA-256 of a public key: 64 hexadecimal digits, or a PEM file with a certificate, CSR, public or private key. */
int privacy_spki(const char *typed, uint8_t out[SPKI_HASH_LEN], struct cs_error *err);

#endif

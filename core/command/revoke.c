/*
 * `countersign revoke`: has a certificate revoked, by its key or by the operator; see revoke.h. The operator's way asks the
 * server that runs over its control socket, as only that knows whether the CA has confirmed it.
 */
#include "command/revoke.h"

#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "command/control_client.h"
#include "command/setup.h"

static int fail(const struct cs_error *err)
{
    fprintf(stderr, "countersign revoke: %s\n", err->text);
    return strcmp(err->reason, "revocation-pending") == 0 ? REVOKE_EXIT_LATER : 1;
}

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? text : "";
}

/* ---- What is asked ------------------------------------------------------------------------------------------------------- */

/* A file there wins; what is neither is told as both. */
static int name_certificate(json_t *question, const char *what, struct cs_error *err)
{
    char serial[REVOCATION_SERIAL_MOST + 1], hash[65];
    X509 *certificate = revoke_certificate_read(what, err);
    int rc = 0;

    if (certificate) {
        rc = revoke_certificate_serial(serial, certificate, err) < 0 || revoke_certificate_hash(hash, certificate, err) < 0 ? -1
                                                                                                                            : 0;
        if (rc == 0)
            json_object_set_new(question, "sha256", json_string(hash));
    } else if (err->code != CS_ENOTFOUND) {
        rc = -1;
    } else if (!revocation_serial(serial, what)) {
        rc = cs_fail(err, CS_EINPUT, "%.200s is neither a serial number in hexadecimal nor a file", what);
    }
    X509_free(certificate);
    if (rc == 0)
        json_object_set_new(question, "serial", json_string(serial));
    return rc;
}

static json_t *question_of(const struct revoke_options *o, struct cs_error *err)
{
    json_t *question = json_object();

    if (name_certificate(question, o->what, err) < 0) {
        json_decref(question);
        return NULL;
    }
    json_object_set_new(question, "reason", json_string(o->reason));
    json_object_set_new(question, "dry_run", json_boolean(o->dry_run));
    if (o->ca)
        json_object_set_new(question, "ca", json_string(o->ca));
    return question;
}

static int ask_server(struct setup *setup, const json_t *question, json_t **answer, struct cs_error *err)
{
    setup_process();
    if (setup_drop_privileges(setup, err) < 0)
        return -1;
    if (control_ask(setup->settings.runtime, "/v1/revoke", question, answer, err) == 0)
        return 0;
    return err->code == CS_ENOTFOUND
               ? cs_fail(err, CS_ENOTFOUND,
                         "no server runs (nobody answers in %s), and only a server asks the CA: start `countersign serve`",
                         setup->settings.runtime)
               : -1;
}

static int ask(const struct command_line *line, const struct revoke_options *o, json_t **answer, struct cs_error *err)
{
    json_t *question = question_of(o, err);
    struct setup setup;
    int rc = -1;

    if (!question)
        return -1;
    if (setup_read(&setup, line->config_path) == 0) {
        rc = ask_server(&setup, question, answer, err);
        setup_free(&setup);
    } else {
        cs_fail(err, CS_ECONFIG, "the configuration cannot be used");
    }
    json_decref(question);
    return rc;
}

/* ---- What comes back ----------------------------------------------------------------------------------------------------- */

static void print_certificates(const json_t *answer)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(answer, "certificates"), i, row) {
        printf("serial=%s ca=%s zone=%s names=\"%s\" until=%s revoked=%s\n", member(row, "serial"), member(row, "ca"),
               member(row, "zone"), member(row, "names"), member(row, "not_after"), member(row, "revocation"));
    }
}

/* The exit code. */
static int tell(const struct revoke_options *o, const json_t *answer)
{
    const char *status = member(answer, "status");
    const bool is_found = strcmp(status, "found") == 0;

    if (o->json) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (is_found) {
        print_certificates(answer);
    } else if (strcmp(status, "revoked") == 0) {
        printf("certificate %s %s %s, reason %s\n", member(answer, "serial"),
               json_is_true(json_object_get(answer, "again")) ? "was revoked before, at" : "revoked at",
               member(answer, "revoked"), member(answer, "reason"));
    }
    if (strcmp(status, "pending") == 0) {
        fprintf(stderr, "countersign revoke: %s\n", member(answer, "detail"));
        return REVOKE_EXIT_LATER;
    }
    if (!is_found || o->dry_run)
        return 0;
    fprintf(stderr, "countersign revoke: several certificates have this serial number, and none was revoked: say which with "
                    "--ca, or give the certificate's file\n");
    return 1;
}

int command_revoke(const struct command_line *line)
{
    struct revoke_options o;
    struct cs_error err = { 0 };
    json_t *answer = NULL;
    int code = revoke_options_read(&o, line->argc, line->argv);

    if (code >= 0)
        return code;
    code = (o.server ? revoke_as_holder(&o, &answer, &err) : ask(line, &o, &answer, &err)) == 0 ? tell(&o, answer) : fail(&err);
    json_decref(answer);
    return code;
}

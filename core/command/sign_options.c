/*
 * The command line of `countersign sign`; see sign.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "command/command.h"
#include "command/sign.h"
#include "engine/http_client.h"
#include "plugin/duration.h"
#include "request/key_name.h"
#include "request/subject_name.h"

enum option_id {
    SERVER = 256, NAME, SUBJECT, SAN, KEY, KEY_TYPE, OUT, CSR, LABEL, CA_FILE, TOKEN_FILE, CLIENT_CERT, CLIENT_KEY,
    INSECURE_HTTP, TIMEOUT, PRINT,
    RENEW_WITHIN, NEW_KEY, DEPLOY, DEPLOY_TIMEOUT, SPLAY, JSON,
};

static const struct usage_option options[] = {
    { "server", "URL", SERVER, "the server, such as https://countersign.example.com:8443" },
    { "name", "HOST", NAME, "the host name; the subject is then CN=HOST" },
    { "subject", "SUBJECT", SUBJECT, "or the whole subject, CN=HOST,O=Example,C=IT or /C=IT/O=Example/CN=HOST" },
    { "san", "HOST", SAN, "one more host name, or {key}.x for the one that follows from the key; may be repeated" },
    { "key", "FILE", KEY, "the private key, used if it is there, otherwise made with mode 0600; default key.pem" },
    { "key-type", "p256|p384|rsa2048|rsa3072|rsa4096", KEY_TYPE,
      "of a key that is made; default p256" },
    { "out", "FILE", OUT, "where the chain goes, leaf first; replaced as a whole; default chain.pem" },
    { "csr", "FILE", CSR, "keep the CSR here, too" },
    { "label", "NAME=VALUE", LABEL, "a label for the server's statistics; may be repeated" },
    { "ca-file", "FILE", CA_FILE, "trust anchors for the server's https, in PEM; default: the system's" },
    { "token-file", "FILE", TOKEN_FILE, "a token that says who asks, on one line; sent over https, or to this host" },
    { "client-cert", "FILE", CLIENT_CERT, "a certificate that says who asks, in PEM, its chain behind it" },
    { "client-key", "FILE", CLIENT_KEY, "its private key; default: the same file" },
    { "insecure-http", NULL, INSECURE_HTTP, "allow http:// to another host" },
    { "timeout", "SECONDS", TIMEOUT, "give up after this long; default 300" },
    { "json", NULL, JSON, "one line of JSON on standard output, everything else on standard error" },
    { "print", NULL, PRINT, "only show the openssl and curl lines that do the same by hand" },
    { "quiet", NULL, 'q', "tell nothing but errors" },
    { "help", NULL, 'h', "this text" },
    { "renew-within", "third|TIME", RENEW_WITHIN,
      "renew: do nothing until a third of the certificate's life is left, or until it ends within that time: 30d, 12h" },
    { "new-key", NULL, NEW_KEY, "renew with a new key, put in place together with its chain" },
    { "deploy", "PROGRAM", DEPLOY,
      "run `PROGRAM CHAIN KEY` once the chain is in place; if it fails, the old files are put back" },
    { "deploy-timeout", "SECONDS", DEPLOY_TIMEOUT, "end it after so many seconds, which is a failure; default 120" },
    { "splay", "TIME", SPLAY,
      "before asking, wait at random up to that long; not on a terminal, nor where none works" },
    USAGE_END,
};

static const struct usage_form forms[] = { { "", "--server URL --name HOST [OPTION …]", options }, { NULL, NULL, NULL } };

const struct usage usage_sign = {
    "sign", forms,
    "Gets a certificate from a Countersign server: makes a key and a CSR, posts the CSR, waits, checks that the chain fits\n"
    "the key, and writes it. The key never leaves this host. To renew, run the same command again and again, with\n"
    "--renew-within.\n",
    "Exit codes, with the word that --json has for them:\n"
    "  0  renewed        the chain is in place, and the deploy program has run\n"
    "  1  failed         it failed here: a file, the key, the server's TLS certificate\n"
    "  2  usage          the command line is wrong\n"
    "  3  refused        the server refused, or the CA did: the same command will be refused again\n"
    "  4  later          try again later (busy, limits, no answer): the same command goes on where this one stopped\n"
    "  5  misfit         the answer is not a chain for this key and these names; nothing was written\n"
    "  6  nothing-due    there is time: nobody was asked\n"
    "  7  deploy-failed  the deploy program failed, and the old files are in place\n",
};

struct typed {
    const char *name, *subject;
    const char *sans[SIGN_MAX_NAMES];
    size_t n_sans;
};

static int mistake(const char *option, const char *fault)
{
    fprintf(stderr, "countersign sign: %s: %s\n`countersign sign --help` tells what can be said\n", option, fault);
    return SIGN_USAGE;
}

static int read_key_type(struct sign_options *out, const char *word)
{
    static const char *const types[] = { "p256", "p384", "rsa2048", "rsa3072", "rsa4096" };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], word) == 0) {
            out->key_type = types[i];
            out->key_type_given = true;
            return -1;
        }
    return mistake("--key-type", "must be p256, p384, rsa2048, rsa3072 or rsa4096");
}

static int read_seconds(long *out, const char *option, const char *word)
{
    char *end;

    *out = strtol(word, &end, 10);
    if (*word == '\0' || *end != '\0' || *out < 1 || *out > 86400)
        return mistake(option, "must be 1 to 86400 seconds");
    return -1;
}

static int read_within(struct sign_options *out, const char *word)
{
    out->renew = true;
    out->within_ms = -1;
    if (strcmp(word, "third") == 0 || (duration_parse(word, &out->within_ms) == 0 && out->within_ms >= 1000))
        return -1;
    return mistake("--renew-within", "must be `third`, of the certificate's life, or a time before its end such as 30d or 12h");
}

static int read_splay(struct sign_options *out, const char *word)
{
    if (duration_parse(word, &out->splay_ms) == 0 && out->splay_ms <= 7 * 24 * 3600 * INT64_C(1000))
        return -1;
    return mistake("--splay", "must be a time such as 30m or 6h, 7d at most");
}

static int read_deploy(struct sign_options *out, const char *word)
{
    out->deploy = word;
    return *word ? -1 : mistake("--deploy", "must be a program");
}

/* The server checks the rest; here it only must fit into one header line. */
static int read_label(struct sign_options *out, const char *word)
{
    const char *equals = strchr(word, '=');

    if (!equals || equals == word || equals[1] == '\0')
        return mistake("--label", "must be NAME=VALUE");
    for (const char *c = word; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return mistake("--label", "must not have control characters");
    if (out->n_labels == SIGN_MAX_LABELS)
        return mistake("--label", "8 at most");
    out->labels[out->n_labels++] = word;
    return -1;
}

static int read_san(struct typed *typed, const char *word)
{
    if (typed->n_sans == SIGN_MAX_NAMES)
        return mistake("--san", "too many names");
    typed->sans[typed->n_sans++] = word;
    return -1;
}

static int read_option(struct sign_options *out, struct typed *typed, int id)
{
    switch (id) {
    case SERVER:
        out->server = optarg;
        return -1;
    case NAME:
        typed->name = optarg;
        return -1;
    case SUBJECT:
        typed->subject = optarg;
        return -1;
    case SAN:
        return read_san(typed, optarg);
    case KEY:
        out->key_file = optarg;
        return -1;
    case KEY_TYPE:
        return read_key_type(out, optarg);
    case OUT:
        out->out_file = optarg;
        return -1;
    case CSR:
        out->csr_file = optarg;
        return -1;
    case LABEL:
        return read_label(out, optarg);
    case CA_FILE:
        out->ca_file = optarg;
        return -1;
    case TOKEN_FILE:
        out->token_file = optarg;
        return -1;
    case CLIENT_CERT:
        out->client_cert = optarg;
        return -1;
    case CLIENT_KEY:
        out->client_key = optarg;
        return -1;
    case INSECURE_HTTP:
        out->insecure_http = true;
        return -1;
    case TIMEOUT:
        return read_seconds(&out->timeout_s, "--timeout", optarg);
    case RENEW_WITHIN:
        return read_within(out, optarg);
    case NEW_KEY:
        out->new_key = true;
        return -1;
    case DEPLOY:
        return read_deploy(out, optarg);
    case DEPLOY_TIMEOUT:
        return read_seconds(&out->deploy_timeout_s, "--deploy-timeout", optarg);
    case SPLAY:
        return read_splay(out, optarg);
    case JSON:
        out->json = true;
        return -1;
    case PRINT:
        out->print = true;
        return -1;
    case 'q':
        out->quiet = true;
        return -1;
    case 'h':
        usage_help(&usage_sign, stdout);
        return SIGN_OK;
    default:
        fprintf(stderr, "`countersign sign --help` tells what can be said\n");
        return SIGN_USAGE;
    }
}

/* "https://host:8443", with or without a slash or the path. */
static int make_url(struct sign_options *out)
{
    static const char path[] = "/v1/sign";
    struct text url = TEXT_MAX(4096);
    struct cs_error err = { 0 };
    size_t len;

    if (!out->server)
        return mistake("--server", "is needed: the URL of a Countersign server");
    for (len = strlen(out->server); len && out->server[len - 1] == '/';)
        len--;
    text_add_n(&url, out->server, len);
    if (len < strlen(path) || strncmp(out->server + len - strlen(path), path, strlen(path)) != 0)
        text_add(&url, path);
    out->url = text_take(&url);
    if (!out->url)
        return mistake("--server", "is too long");
    if (strpbrk(out->url, "?#"))
        return mistake("--server", "must have no query or fragment");
    if (http_url_check(out->url, true, &err) != 0)
        return mistake("--server", err.text);
    if (http_url_check(out->url, out->insecure_http, NULL) != 0)
        return mistake("--server", "plain http is only for this host: use https, or --insecure-http if the way there is safe");
    return -1;
}

static int add_name(struct sign_options *out, const char *option, const char *word)
{
    char name[NAME_MAX_LEN + 1];
    struct cs_error err = { 0 };

    if (name_check(name, word, strlen(word), NAME_WILDCARD, &err) != 0)
        return mistake(option, err.text);
    for (size_t i = 0; i < out->n_names; i++)
        if (strcmp(out->names[i], name) == 0)
            return -1;
    if (out->n_names == SIGN_MAX_NAMES)
        return mistake(option, "too many names");
    out->names[out->n_names] = text_copy(name);
    if (!out->names[out->n_names])
        return mistake(option, "no memory");
    out->n_names++;
    return -1;
}

/* A host, or "{key}.x" for the name that follows from the key. */
static int add_san(struct sign_options *out, const char *word)
{
    struct cs_error err = { 0 };
    char name[NAME_MAX_LEN + 1];

    if (!key_name_is_entry(word))
        return add_name(out, "--san", word);
    if (out->new_key)
        return mistake("--new-key", "makes another name of {key}: leave it out, or move the key away and ask anew");
    if (sign_key_name(name, out->key_file, word, &err) != 0)
        return mistake("--san", err.text);
    return add_name(out, "--san", name);
}

static int read_subject(struct sign_options *out, const char *text)
{
    struct cs_error err = { 0 };
    char *cn;
    int code = -1;

    if (subject_name_parse(text, &out->subject, &err) != 0)
        return mistake("--subject", err.text);
    cn = subject_name_cn(out->subject);
    if (cn)
        code = add_name(out, "--subject, its CN", cn);
    free(cn);
    return code;
}

/* Subject and names from what was typed. */
static int settle_names(struct sign_options *out, const struct typed *typed)
{
    struct text subject = TEXT_MAX(NAME_MAX_LEN + 4);
    int code;

    if (!typed->name == !typed->subject)
        return mistake("--name", typed->name ? "cannot stand beside --subject" : "or --subject is needed");
    if (typed->name) {
        code = add_name(out, "--name", typed->name);
        if (code >= 0)
            return code;
        text_addf(&subject, "CN=%s", typed->name);
        out->subject = text_take(&subject);
        if (!out->subject)
            return mistake("--name", "no memory");
    } else {
        code = read_subject(out, typed->subject);
        if (code >= 0)
            return code;
    }
    for (size_t i = 0; i < typed->n_sans; i++) {
        code = add_san(out, typed->sans[i]);
        if (code >= 0)
            return code;
    }
    if (out->n_names == 0)
        return mistake("--subject", "has no CN: name the hosts with --san");
    return -1;
}

static int check_files(const struct sign_options *out)
{
    const char *files[] = { out->key_file, out->out_file, out->csr_file };

    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < i; j++)
            if (files[i] && files[j] && strcmp(files[i], files[j]) == 0)
                return mistake("--key, --out, --csr", "must be different files");
    return -1;
}

int sign_options_read(struct sign_options *out, int argc, char **argv)
{
    struct typed typed = { 0 };
    int id, code;

    *out = (struct sign_options){ .key_file = "key.pem", .key_type = "p256", .out_file = "chain.pem", .timeout_s = 300,
                                  .deploy_timeout_s = 120 };
    optind = 0;
    while ((id = usage_next(options, argc, argv)) != USAGE_OVER) {
        code = read_option(out, &typed, id);
        if (code >= 0)
            return code;
    }
    if (optind < argc)
        return mistake(argv[optind], "what is this for? Every word belongs to an option");
    if (out->client_key && !out->client_cert)
        return mistake("--client-key", "goes with --client-cert");
    if (out->splay_ms && !out->renew)
        return mistake("--splay", "goes with --renew-within");
    code = make_url(out);
    if (code < 0)
        code = settle_names(out, &typed);
    return code < 0 ? check_files(out) : code;
}

void sign_options_free(struct sign_options *out)
{
    for (size_t i = 0; i < out->n_names; i++)
        free(out->names[i]);
    free(out->subject);
    free(out->url);
    *out = (struct sign_options){ 0 };
}

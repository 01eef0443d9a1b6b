/*
 * The command line of `countersign sign`; see sign.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "command/sign.h"
#include "engine/http_client.h"
#include "plugin/duration.h"
#include "request/subject_name.h"

enum option_id {
    SERVER = 256, NAME, SUBJECT, SAN, KEY, KEY_TYPE, OUT, CSR, LABEL, CA_FILE, INSECURE_HTTP, TIMEOUT, PRINT,
    RENEW_WITHIN, NEW_KEY, DEPLOY, DEPLOY_TIMEOUT, SPLAY, JSON,
};

static const struct option options[] = {
    { "server", required_argument, NULL, SERVER },
    { "name", required_argument, NULL, NAME },
    { "subject", required_argument, NULL, SUBJECT },
    { "san", required_argument, NULL, SAN },
    { "key", required_argument, NULL, KEY },
    { "key-type", required_argument, NULL, KEY_TYPE },
    { "out", required_argument, NULL, OUT },
    { "csr", required_argument, NULL, CSR },
    { "label", required_argument, NULL, LABEL },
    { "ca-file", required_argument, NULL, CA_FILE },
    { "insecure-http", no_argument, NULL, INSECURE_HTTP },
    { "timeout", required_argument, NULL, TIMEOUT },
    { "print", no_argument, NULL, PRINT },
    { "renew-within", required_argument, NULL, RENEW_WITHIN },
    { "new-key", no_argument, NULL, NEW_KEY },
    { "deploy", required_argument, NULL, DEPLOY },
    { "deploy-timeout", required_argument, NULL, DEPLOY_TIMEOUT },
    { "splay", required_argument, NULL, SPLAY },
    { "json", no_argument, NULL, JSON },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
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
        sign_help(stdout);
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
        code = add_name(out, "--san", typed->sans[i]);
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
    while ((id = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
        code = read_option(out, &typed, id);
        if (code >= 0)
            return code;
    }
    if (optind < argc)
        return mistake(argv[optind], "what is this for? Every word belongs to an option");
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

/*
 * The openssl command that makes a given CSR; see openssl_line.h.
 */
#include "request/openssl_line.h"

#include <openssl/objects.h>

#include "base/shell_word.h"
#include "request/subject_parse.h"

#define SUBJ_MAX (4 * SUBJECT_MAX_TEXT)

/* One attribute of openssl's -subj form; types that openssl does not know are named as set_oids() does. */
static void add_attribute(struct text *subj, const struct subject_attribute *attribute, size_t number, char before)
{
    int nid = OBJ_obj2nid(attribute->type);

    text_add_char(subj, before);
    if (nid == NID_undef)
        text_addf(subj, "oid%zu", number);
    else
        text_add(subj, OBJ_nid2sn(nid));
    text_add_char(subj, '=');
    for (size_t i = 0; i < attribute->len; i++) {
        if (attribute->value[i] == '/' || attribute->value[i] == '+' || attribute->value[i] == '\\')
            text_add_char(subj, '\\');
        text_add_char(subj, attribute->value[i]);
    }
}

/* RFC 4514 begins with the RDN that is encoded last; -subj with the one that is encoded first. */
static void add_subj(struct text *subj, const struct subject_attributes *all)
{
    for (size_t end = all->n, start; end > 0; end = start) {
        for (start = end - 1; start > 0 && all->v[start - 1].rdn == all->v[end - 1].rdn;)
            start--;
        for (size_t i = start; i < end; i++)
            add_attribute(subj, &all->v[i], i, i == start ? '/' : '+');
    }
}

/* openssl learns object identifiers from its configuration only. */
static void add_oids(struct text *out, const struct subject_attributes *all)
{
    struct text config = TEXT_MAX(SUBJ_MAX);
    char oid[128];

    for (size_t i = 0; i < all->n; i++) {
        if (OBJ_obj2nid(all->v[i].type) != NID_undef)
            continue;
        OBJ_obj2txt(oid, sizeof oid, all->v[i].type, 1);
        text_addf(&config, "%soid%zu=%s\\n",
                  config.len ? "" : "oid_section=oids\\n[req]\\ndistinguished_name=dn\\n[dn]\\n[oids]\\n", i, oid);
    }
    if (config.len) {
        text_add(out, "printf ");
        shell_word_add(out, text_of(&config));
        text_add(out, " | ");
    }
    text_addf(out, "openssl req -new%s", config.len ? " -config /dev/stdin" : "");
    text_free(&config);
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

int openssl_line_add(struct text *out, const char *key_file, const char *csr_file, const char *subject,
                     const char *const *names, size_t n_names, struct cs_error *err)
{
    struct subject_attributes all;
    struct text subj = TEXT_MAX(SUBJ_MAX), san = TEXT_MAX(OPENSSL_LINE_MAX);
    int rc = subject_parse(&all, subject, err);

    if (rc == 0) {
        add_oids(out, &all);
        text_add(out, " -key ");
        shell_word_add(out, key_file);
        add_subj(&subj, &all);
        text_add(out, is_ascii(text_of(&subj)) ? " -subj " : " -utf8 -subj ");
        shell_word_add(out, all.n ? text_of(&subj) : "/");
        for (size_t i = 0; i < n_names; i++)
            text_addf(&san, "%s%s", i ? ",DNS:" : "subjectAltName=DNS:", names[i]);
        text_add(out, n_names ? " -addext " : "");
        if (n_names)
            shell_word_add(out, text_of(&san));
        text_add(out, " -out ");
        shell_word_add(out, csr_file);
    }
    text_free(&subj);
    text_free(&san);
    subject_attributes_free(&all);
    return rc;
}

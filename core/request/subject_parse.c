/*
 * The text form of a subject, as people type it, to its attributes; see subject_parse.h.
 */
#include "request/subject_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64url.h"

/* RFC 4514 3 */
static const struct {
    const char *name;
    int nid;
} short_names[] = {
    { "CN", NID_commonName },
    { "L", NID_localityName },
    { "ST", NID_stateOrProvinceName },
    { "O", NID_organizationName },
    { "OU", NID_organizationalUnitName },
    { "C", NID_countryName },
    { "STREET", NID_streetAddress },
    { "DC", NID_domainComponent },
    { "UID", NID_userId },
};

const char *subject_short_name(const ASN1_OBJECT *type)
{
    int nid = OBJ_obj2nid(type);

    for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
        if (short_names[i].nid == nid)
            return short_names[i].name;
    return NULL;
}

static int bad(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "bad-subject", "%s", fault);
}

static ASN1_OBJECT *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
        if (strcasecmp(short_names[i].name, name) == 0)
            return OBJ_nid2obj(short_names[i].nid);
    return OBJ_txt2obj(name, 0);
}

/* The type in front of "=", with spaces around it passed over; moves *at behind the "=". */
static int read_type(struct subject_attribute *attribute, const char **at, struct cs_error *err)
{
    char name[64];
    size_t len = 0, end;

    *at += strspn(*at, " ");
    end = strcspn(*at, "=,+/\\");
    if ((*at)[end] != '=')
        return bad(err, "write the subject as TYPE=value,TYPE=value, such as CN=host.example,O=Example");
    for (len = end; len && (*at)[len - 1] == ' ';)
        len--;
    if (len == 0 || len >= sizeof name)
        return bad(err, "the subject has a \"=\" without a type (CN, O, OU, …) in front");
    memcpy(name, *at, len);
    name[len] = '\0';
    *at += end + 1;
    attribute->type = find_type(name);
    if (!attribute->type)
        return bad(err, "the subject has an unknown type: use CN, L, ST, O, OU, C, STREET, DC, UID or a dotted OID");
    return 0;
}

/* What follows a backslash (RFC 4514 2.4): two hexadecimal digits, or one special character. Returns its length or 0. */
static size_t read_escape(const char *at, char *out)
{
    int high = hex_digit(at[0]), low = high < 0 ? -1 : hex_digit(at[1]);

    *out = at[0];
    if (at[0] && strchr("\\\"+,;<> #=", at[0]))
        return 1;
    if (low < 0)
        return 0;
    *out = (char)(high << 4 | low);
    return 2;
}

/* Up to an unescaped "," or "+"; spaces around it do not count unless escaped. */
static int read_rfc4514_value(struct subject_attribute *attribute, const char **at, struct cs_error *err)
{
    size_t len = 0, kept = 0, used;

    *at += strspn(*at, " ");
    if (**at == '#')
        return bad(err, "values in hexadecimal (#…) are not supported; a value that begins with \"#\" is written \"\\#…\"");
    attribute->value = malloc(strlen(*at) + 1);
    if (!attribute->value)
        return cs_fail(err, CS_EBUSY, "no memory");
    while (**at && **at != ',' && **at != '+') {
        if (strchr("\";<>", **at))
            return bad(err, "put a backslash before each of these in a subject: \" + , ; < > \\");
        if (**at == '\\') {
            used = read_escape(*at + 1, &attribute->value[len]);
            if (used == 0)
                return bad(err, "the subject has a backslash that escapes nothing");
            *at += 1 + used;
            kept = ++len;
            continue;
        }
        attribute->value[len++] = **at;
        if (**at != ' ')
            kept = len;
        ++*at;
    }
    attribute->len = kept;
    return 0;
}

/* Up to an unescaped "/" or "+", as `openssl req -subj` reads it: a backslash escapes any character. */
static int read_slash_value(struct subject_attribute *attribute, const char **at, struct cs_error *err)
{
    attribute->value = malloc(strlen(*at) + 1);
    if (!attribute->value)
        return cs_fail(err, CS_EBUSY, "no memory");
    while (**at && **at != '/' && **at != '+') {
        if (**at == '\\' && *++*at == '\0')
            return bad(err, "the subject ends with a backslash");
        attribute->value[attribute->len++] = *(*at)++;
    }
    return 0;
}

int subject_parse(struct subject_attributes *out, const char *text, struct cs_error *err)
{
    unsigned rdn = 0;
    const char *at = text;
    char between;

    *out = (struct subject_attributes){ .reversed = text[0] != '/' };
    if (strlen(text) > SUBJECT_MAX_TEXT)
        return bad(err, "the subject is too long");
    if (text[strspn(text, " ")] == '\0')
        return 0;
    between = out->reversed ? ',' : '/';
    at += out->reversed ? 0 : 1;
    for (;;) {
        struct subject_attribute *attribute = &out->v[out->n];

        if (out->n == SUBJECT_MAX_ATTRIBUTES)
            return bad(err, "the subject has too many attributes");
        out->n++;
        attribute->rdn = rdn;
        if (read_type(attribute, &at, err) != 0)
            return -1;
        if ((out->reversed ? read_rfc4514_value : read_slash_value)(attribute, &at, err) != 0)
            return -1;
        if (*at == '\0')
            return 0;
        rdn += *at == between;
        at++;
    }
}

void subject_attributes_free(struct subject_attributes *attributes)
{
    for (size_t i = 0; i < attributes->n; i++) {
        ASN1_OBJECT_free(attributes->v[i].type);
        free(attributes->v[i].value);
    }
    *attributes = (struct subject_attributes){ 0 };
}

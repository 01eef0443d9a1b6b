/* request/subject_name.c and subject_parse.c: subjects as text. The expected texts are what python-cryptography 38 prints;
 * tests/peers/test_subject_names.py compares the two on random names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>

#include "request/subject_name.h"

struct part {
    int nid, type;
    const char *value;
    int len;  /* 0: strlen() */
    bool joins; /* the RDN of the one before */
};

static X509_NAME *make(const struct part *parts, size_t n)
{
    X509_NAME *name = X509_NAME_new();

    assert_non_null(name);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(X509_NAME_add_entry_by_NID(name, parts[i].nid, parts[i].type, (const unsigned char *)parts[i].value,
                                                    parts[i].len ? parts[i].len : (int)strlen(parts[i].value), -1,
                                                    parts[i].joins ? -1 : 0), 1);
    return name;
}

static void renders(const struct part *parts, size_t n, const char *expected)
{
    X509_NAME *name = make(parts, n);
    struct cs_error err = { 0 };
    char *text = subject_name_text(name, &err);

    if (!text)
        fail_msg("%s: %s", expected, err.text);
    assert_string_equal(text, expected);
    free(text);
    X509_NAME_free(name);
}

static void refuses(const struct part *parts, size_t n, const char *fault)
{
    X509_NAME *name = make(parts, n);
    struct cs_error err = { 0 };
    char *text = subject_name_text(name, &err);

    if (text)
        fail_msg("accepted %s", text);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.reason, "bad-subject");
    if (!strstr(err.text, fault))
        fail_msg("\"%s\" does not say \"%s\"", err.text, fault);
    X509_NAME_free(name);
}

#define PARTS(...) (const struct part[]){ __VA_ARGS__ }, sizeof((const struct part[]){ __VA_ARGS__ }) / sizeof(struct part)
#define CN(value)  { NID_commonName, V_ASN1_UTF8STRING, value, 0, false }

static void the_schemes_subject_comes_out_reversed(void **state)
{
    (void)state;
    renders(PARTS({ NID_countryName, V_ASN1_PRINTABLESTRING, "IT" }, { NID_stateOrProvinceName, V_ASN1_UTF8STRING, "Milano" },
                  { NID_localityName, V_ASN1_UTF8STRING, "Milano" }, { NID_organizationName, V_ASN1_UTF8STRING, "Gufo Labs" },
                  { NID_organizationalUnitName, V_ASN1_UTF8STRING, "Gufo Thor" }, CN("go.getnoc.com")),
            "CN=go.getnoc.com,OU=Gufo Thor,O=Gufo Labs,L=Milano,ST=Milano,C=IT");
    renders(NULL, 0, "");
}

static void nine_types_have_short_names_the_rest_are_oids(void **state)
{
    (void)state;
    renders(PARTS({ NID_streetAddress, V_ASN1_UTF8STRING, "Via 1" }, { NID_domainComponent, V_ASN1_IA5STRING, "example" },
                  { NID_userId, V_ASN1_UTF8STRING, "u" }), "UID=u,DC=example,STREET=Via 1");
    renders(PARTS({ NID_serialNumber, V_ASN1_PRINTABLESTRING, "7" },
                  { NID_pkcs9_emailAddress, V_ASN1_IA5STRING, "a@b.example" }, { NID_givenName, V_ASN1_UTF8STRING, "G" }),
            "2.5.4.42=G,1.2.840.113549.1.9.1=a@b.example,2.5.4.5=7");
}

static void special_characters_are_escaped(void **state)
{
    (void)state;
    renders(PARTS(CN("a,b+c\"d\\e<f>g;h=i#j")), "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=i#j");
    renders(PARTS(CN("#x")), "CN=\\#x");
    renders(PARTS(CN(" x  y ")), "CN=\\ x  y\\ ");
    renders(PARTS(CN("\xc3\x9cmlaut \xe2\x82\xac \xf0\x9f\xa6\x89")), "CN=\xc3\x9cmlaut \xe2\x82\xac \xf0\x9f\xa6\x89");
}

static void an_rdn_of_several_attributes_is_joined_by_plus(void **state)
{
    X509_NAME *name;
    char *text;

    (void)state;
    renders(PARTS({ NID_countryName, V_ASN1_PRINTABLESTRING, "IT" }, { NID_organizationName, V_ASN1_UTF8STRING, "A" },
                  { NID_organizationalUnitName, V_ASN1_UTF8STRING, "B", 0, true }, CN("x")), "CN=x,O=A+OU=B,C=IT");
    /* typed the other way round it is the same SET */
    name = subject_name_build("CN=x,OU=B+O=A,C=IT", NULL);
    text = subject_name_text(name, NULL);
    assert_string_equal(text, "CN=x,O=A+OU=B,C=IT");
    free(text);
    X509_NAME_free(name);
}

/* As Go's x509.CreateCertificateRequest() makes them. The string types differ, the order of the text must not. */
static void two_of_a_type_in_one_rdn_are_ordered_by_value(void **state)
{
    (void)state;
    renders(PARTS({ NID_organizationName, V_ASN1_UTF8STRING, "\xc3\xa9" },
                  { NID_organizationName, V_ASN1_PRINTABLESTRING, "ab", 0, true },
                  { NID_organizationName, V_ASN1_UTF8STRING, "aa", 0, true },
                  { NID_organizationName, V_ASN1_UTF8STRING, "long", 0, true }),
            "O=aa+O=ab+O=\xc3\xa9+O=long");
}

static void what_could_be_misread_is_refused(void **state)
{
    (void)state;
    refuses(PARTS({ NID_commonName, V_ASN1_T61STRING, "x" }), "UTF8String");
    refuses(PARTS({ NID_commonName, V_ASN1_BMPSTRING, "\0x", 2 }), "UTF8String");
    refuses(PARTS({ NID_commonName, V_ASN1_UNIVERSALSTRING, "\0\0\0x", 4 }), "UTF8String");
    refuses(PARTS({ NID_commonName, V_ASN1_UTF8STRING, "a\0b", 3 }), "NUL");
    refuses(PARTS({ NID_commonName, V_ASN1_UTF8STRING, "a\nb" }), "control");
    refuses(PARTS({ NID_commonName, V_ASN1_UTF8STRING, "a\x7f" }), "control");
    refuses(PARTS({ NID_commonName, V_ASN1_UTF8STRING, "a\xc2\x85" }), "control");
    refuses(PARTS({ NID_commonName, V_ASN1_UTF8STRING, "\xff" }), "not valid");
    refuses(PARTS({ NID_commonName, V_ASN1_UTF8STRING, "\xc0\x80" }), "not valid");
    refuses(PARTS({ NID_commonName, V_ASN1_UTF8STRING, "\xed\xa0\x80" }), "not valid");
    refuses(PARTS({ NID_commonName, V_ASN1_PRINTABLESTRING, "\xe9" }), "not valid");
    refuses(PARTS({ NID_organizationName, V_ASN1_PRINTABLESTRING, "a@b" }), "PrintableString with a character");
    refuses(PARTS({ NID_organizationName, V_ASN1_PRINTABLESTRING, "a_b" }), "PrintableString with a character");
    renders(PARTS({ NID_organizationName, V_ASN1_PRINTABLESTRING, "Az09 '()-./:?*&" }), "O=Az09 '()-./:?*&");
    refuses(PARTS({ NID_commonName, V_ASN1_IA5STRING, "\xc3\xa9" }), "not valid");
    refuses(PARTS(CN(" ")), "empty value");
    refuses(PARTS(CN("a"), CN("b")), "more than one CN");
    refuses(PARTS(CN("a"), { NID_commonName, V_ASN1_UTF8STRING, "b", 0, true }), "more than one CN");
}

static void an_empty_value_and_an_empty_rdn_are_refused(void **state)
{
    static const unsigned char empty_value[] = { 0x30, 0x0b, 0x31, 0x09, 0x30, 0x07, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x00 };
    static const unsigned char empty_rdn[] = { 0x30, 0x02, 0x31, 0x00 };
    const unsigned char *at = empty_value;
    struct cs_error err = { 0 };
    X509_NAME *name = d2i_X509_NAME(NULL, &at, sizeof empty_value);

    (void)state;
    assert_non_null(name);
    assert_null(subject_name_text(name, &err));
    assert_non_null(strstr(err.text, "empty value"));
    X509_NAME_free(name);
    at = empty_rdn;
    name = d2i_X509_NAME(NULL, &at, sizeof empty_rdn);
    if (name)
        assert_null(subject_name_text(name, &err));
    X509_NAME_free(name);
}

static void size_has_limits(void **state)
{
    struct part many[33];
    char longest[3000];

    (void)state;
    for (size_t i = 0; i < 33; i++)
        many[i] = (struct part){ NID_organizationalUnitName, V_ASN1_UTF8STRING, "x", 0, false };
    refuses(many, 33, "too many");
    memset(longest, ',', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refuses(PARTS({ NID_organizationName, V_ASN1_UTF8STRING, longest }), "too long");
}

static void parses(const char *typed, const char *expected)
{
    struct cs_error err = { 0 };
    char *text = NULL;

    if (subject_name_parse(typed, &text, &err) != 0)
        fail_msg("%s: %s", typed, err.text);
    assert_string_equal(text, expected);
    free(text);
}

static void does_not_parse(const char *typed, const char *fault)
{
    struct cs_error err = { 0 };
    char *text = NULL;

    if (subject_name_parse(typed, &text, &err) != -1)
        fail_msg("accepted %s as %s", typed, text);
    assert_null(text);
    assert_string_equal(err.reason, "bad-subject");
    if (!strstr(err.text, fault))
        fail_msg("%s: \"%s\" does not say \"%s\"", typed, err.text, fault);
}

static void what_people_type_becomes_canonical(void **state)
{
    (void)state;
    parses("", "");
    parses("CN=x.example", "CN=x.example");
    parses("cn = x.example , o = A  B ", "CN=x.example,O=A  B");
    parses("/C=IT/ST=Milano/O=Gufo Labs/CN=go.getnoc.com", "CN=go.getnoc.com,O=Gufo Labs,ST=Milano,C=IT");
    parses("/O=a\\/b/CN=x, y", "CN=x\\, y,O=a/b");
    parses("/O=a\\+b+OU=c/CN=x", "CN=x,OU=c+O=a\\+b");
    parses("2.5.4.3=x", "CN=x");
    parses("commonName=x,emailAddress=a@b", "CN=x,1.2.840.113549.1.9.1=a@b");
    parses("1.3.6.1.4.1.99999.1=v", "1.3.6.1.4.1.99999.1=v");
    parses("O=\\20x\\c3\\bc\\,\\ ", "O=\\ x\xc3\xbc\\,\\ ");
    parses("O=a#b=c", "O=a#b=c");
    parses("OU=b+O=a", "O=a+OU=b");
    parses("O=long+O=\xc3\xa9+O=ab+O=aa", "O=aa+O=ab+O=\xc3\xa9+O=long");
}

static void every_canonical_text_parses_to_itself(void **state)
{
    static const char *const texts[] = {
        "CN=go.getnoc.com,OU=Gufo Thor,O=Gufo Labs,L=Milano,ST=Milano,C=IT",
        "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=i#j", "CN=\\#x", "CN=\\ x  y\\ ", "O=\\\\", "O=/",
        "2.5.4.42=G,1.2.840.113549.1.9.1=a@b.example,2.5.4.5=7", "UID=u,DC=example,STREET=Via 1", "C=DEU",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        parses(texts[i], texts[i]);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    does_not_parse("x.example", "TYPE=value");
    does_not_parse("CN=x,", "TYPE=value");
    does_not_parse(",CN=x", "TYPE=value");
    does_not_parse("/", "TYPE=value");
    does_not_parse("/CN=x/", "TYPE=value");
    does_not_parse("=x", "without a type");
    does_not_parse("FOO=x", "unknown type");
    does_not_parse("CN=", "empty value");
    does_not_parse("CN= ,O=x", "empty value");
    does_not_parse("CN=\\ ", "empty value");
    does_not_parse("CN=\\ \\ ", "empty value");
    does_not_parse("CN=a,CN=b", "more than one CN");
    does_not_parse("CN=a+CN=b", "more than one CN");
    does_not_parse("CN=#0c0161", "hexadecimal");
    does_not_parse("CN=\"a\"", "backslash before");
    does_not_parse("CN=a;O=b", "backslash before");
    does_not_parse("CN=a\\", "escapes nothing");
    does_not_parse("CN=a\\zz", "escapes nothing");
    does_not_parse("CN=a\\c", "escapes nothing");
    does_not_parse("CN=\\00", "NUL");
    does_not_parse("CN=\\ff", "UTF-8");
    does_not_parse("/CN=x\\", "ends with a backslash");
}

static void the_cn_is_found_unescaped(void **state)
{
    char *cn;

    (void)state;
    cn = subject_name_cn("CN=go.getnoc.com,O=A,C=IT");
    assert_string_equal(cn, "go.getnoc.com");
    free(cn);
    cn = subject_name_cn("CN=a\\,b,O=A");
    assert_string_equal(cn, "a,b");
    free(cn);
    assert_null(subject_name_cn("O=CN\\=x"));
    assert_null(subject_name_cn(""));
}

static void building_keeps_to_x520(void **state)
{
    struct cs_error err = { 0 };
    X509_NAME *name = subject_name_build("CN=x.example,O=A,C=IT", &err);
    unsigned char *der = NULL;
    static const unsigned char printable_it[] = { 0x13, 0x02, 'I', 'T' };

    (void)state;
    assert_non_null(name);
    assert_true(i2d_X509_NAME(name, &der) > 0);
    assert_memory_equal(der + 11, printable_it, 4); /* C first, and a PrintableString (RFC 5280 A.1) */
    OPENSSL_free(der);
    X509_NAME_free(name);
    assert_null(subject_name_build("C=Italy", &err));
    assert_non_null(strstr(err.text, "two letters"));
    assert_null(subject_name_build("CN=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &err));
    assert_non_null(strstr(err.text, "CN is too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schemes_subject_comes_out_reversed),
        cmocka_unit_test(nine_types_have_short_names_the_rest_are_oids),
        cmocka_unit_test(special_characters_are_escaped),
        cmocka_unit_test(an_rdn_of_several_attributes_is_joined_by_plus),
        cmocka_unit_test(two_of_a_type_in_one_rdn_are_ordered_by_value),
        cmocka_unit_test(what_could_be_misread_is_refused),
        cmocka_unit_test(an_empty_value_and_an_empty_rdn_are_refused),
        cmocka_unit_test(size_has_limits),
        cmocka_unit_test(what_people_type_becomes_canonical),
        cmocka_unit_test(every_canonical_text_parses_to_itself),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_cn_is_found_unescaped),
        cmocka_unit_test(building_keeps_to_x520),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

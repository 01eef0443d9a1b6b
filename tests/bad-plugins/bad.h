/*
 * What the broken plugins have in common: everything that is right about them. Each takes from here what is not its fault.
 */
#ifndef TESTS_BAD_H
#define TESTS_BAD_H

#include <countersign/audit.h>
#include <countersign/ca.h>
#include <countersign/dns.h>
#include <countersign/store.h>

/* The faulty ones leave some of these out. */
#define BAD_MAYBE __attribute__((unused))

BAD_MAYBE static int bad_open(struct cs_instance *in, const void *settings, void **self, struct cs_error *err)
{
    (void)settings;
    (void)err;
    *self = in;
    return 0;
}

BAD_MAYBE static void bad_close(void *self)
{
    (void)self;
}

BAD_MAYBE static void bad_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    (void)self;
    (void)change;
    (void)op;
}

BAD_MAYBE static const struct cs_dns_ops bad_dns = { .size = sizeof bad_dns, .set_txt = bad_set_txt };

#endif

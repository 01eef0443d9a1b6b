/*
 * odd-dns: dns-builtin with one fault, named by its instance in the configuration, so that tests see the conformance suite
 * catch it. An instance of any other name is as good as dns-builtin.
 */
#include <countersign/dns.h>

#undef CS_PLUGIN
#define CS_PLUGIN(...) extern const struct cs_plugin cs_plugin /* ours stands below */
#include "builtin.c"

#include <stdio.h>

enum { KNOWN = 4096, SHORT_NAME = 200, BUSY_MS = 20 };

/* Every value that was ever asked for at an owner, since the start or since it was opened. */
struct known {
    char owner[256], value[64];
};

/* One process tests one instance; what outlives a close is what a real server would keep. */
static struct {
    struct known values[KNOWN];
    size_t n;
    void *left_open; /* "amnesia": the server goes on while the plugin is closed */
    int opened;
    bool busy;
    char zone[256]; /* of the first change */
} all;

struct changed {
    struct cs_txt_change change;
    const char *want[256], *gone[KNOWN];
};

static bool has_fault(const struct builtin *b, const char *name)
{
    return strcmp(cs_instance_name(b->in), name) == 0;
}

static bool is_known(const char *owner, const char *value)
{
    for (size_t i = 0; i < all.n; i++)
        if (strcmp(all.values[i].owner, owner) == 0 && strcmp(all.values[i].value, value) == 0)
            return true;
    return false;
}

static bool is_wanted(const struct cs_txt_change *change, const char *value)
{
    for (size_t i = 0; i < change->n_want; i++)
        if (strcmp(change->want[i], value) == 0)
            return true;
    return false;
}

static void know(const struct cs_txt_change *change)
{
    if (!all.zone[0])
        snprintf(all.zone, sizeof all.zone, "%s", change->zone);
    for (size_t i = 0; i < change->n_want && all.n < KNOWN; i++)
        if (!is_known(change->owner, change->want[i])) {
            snprintf(all.values[all.n].owner, sizeof all.values->owner, "%s", change->owner);
            snprintf(all.values[all.n++].value, sizeof all.values->value, "%s", change->want[i]);
        }
}

/* ---- What it does instead ---- */

/* Whatever is not wanted goes, whoever put it there. */
static void replace(struct changed *c)
{
    for (size_t i = 0; i < all.n; i++)
        if (strcmp(all.values[i].owner, c->change.owner) == 0 && !is_wanted(&c->change, all.values[i].value))
            c->gone[c->change.n_gone++] = all.values[i].value;
}

/* It takes away only what it knows to be its own. */
static void forget_earlier_runs(struct changed *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->change.n_gone; i++)
        if (is_known(c->change.owner, c->gone[i]))
            c->gone[n++] = c->gone[i];
    c->change.n_gone = n;
}

static bool knows_any(const struct cs_txt_change *change, const char *const *values, size_t n, bool wanted)
{
    for (size_t i = 0; i < n; i++)
        if (is_known(change->owner, values[i]) == wanted)
            return true;
    return false;
}

static const char *complaint(const struct builtin *b, const struct cs_txt_change *change)
{
    if (has_fault(b, "error"))
        return "always wrong";
    if (has_fault(b, "add_once") && knows_any(change, change->want, change->n_want, true))
        return "there already";
    if (has_fault(b, "missing") && knows_any(change, change->gone, change->n_gone, false))
        return "not there";
    if (has_fault(b, "short_names") && strlen(change->owner) > SHORT_NAME)
        return "too long";
    if (has_fault(b, "one_zone") && all.zone[0] && strcmp(change->zone, all.zone) != 0)
        return "no such zone";
    if (has_fault(b, "one_call") && all.busy)
        return "one at a time, please";
    return NULL;
}

static void twist(const struct builtin *b, struct changed *c)
{
    if (has_fault(b, "replaces"))
        replace(c);
    if (has_fault(b, "amnesia"))
        forget_earlier_runs(c);
    if (has_fault(b, "lies"))
        c->change.n_want = c->change.n_gone = 0;
    if (has_fault(b, "sticks"))
        c->change.n_gone = 0;
    if (has_fault(b, "one_value") && c->change.n_want > 1)
        c->change.n_want = 1;
    if (has_fault(b, "adds_only") && c->change.n_want)
        c->change.n_gone = 0;
}

static void not_busy(void *op)
{
    all.busy = false;
    cs_op_ok(op);
}

static void odd_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    struct changed c = { .change = *change };
    const struct builtin *b = self;
    struct cs_error err;

    memcpy(c.want, change->want, change->n_want * sizeof *c.want);
    memcpy(c.gone, change->gone, change->n_gone * sizeof *c.gone);
    c.change.want = c.want;
    c.change.gone = c.gone;
    if (has_fault(b, "never"))
        return;
    if (complaint(b, change)) {
        cs_fail(&err, CS_EUPSTREAM, "%s", complaint(b, change));
        cs_op_err(op, &err);
        return;
    }
    twist(b, &c);
    know(change);
    if (!has_fault(b, "one_call")) {
        dns.set_txt(self, &c.change, op);
        return;
    }
    change_txt(self, &c.change, NULL);
    all.busy = true;
    cs_op_after(op, BUSY_MS, not_busy, op);
}

/* ---- From open to close ---- */

static int odd_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    if (++all.opened > 1 && strcmp(cs_instance_name(in), "opens_once") == 0)
        return cs_fail(err, CS_EUPSTREAM, "once is enough");
    all.n = 0;
    if (!all.left_open)
        return builtin_open(in, conf, self, err);
    *self = all.left_open;
    return 0;
}

static int odd_start(void *self, struct cs_error *err)
{
    return all.left_open ? 0 : builtin_start(self, err);
}

/* The suite opens it again three times. */
static void odd_close(void *self)
{
    all.left_open = has_fault(self, "amnesia") && all.opened < 4 ? self : NULL;
    if (!all.left_open)
        builtin_close(self);
}

static const struct cs_dns_ops odd = { .size = sizeof odd, .set_txt = odd_set_txt, .caught_up = builtin_caught_up };

CS_EXPORT const struct cs_plugin cs_plugin = {
    .abi_major = CS_ABI_MAJOR, .abi_minor = CS_ABI_MINOR, .size = sizeof(struct cs_plugin),
    .option_size = sizeof(struct cs_option), .name = "odd-dns", .version = "1.0", .summary = "a DNS server with a fault",
    .settings = settings, .settings_size = sizeof(struct settings), .open = odd_open, .start = odd_start, .close = odd_close,
    .dns = &odd, .check = builtin_check };

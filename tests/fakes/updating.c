/* dns-rfc2136 and its servers, for tests; see updating.h. */
#include "updating.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/dns_reader.h"
#include "engine/clock.h"
#include "engine/host.h"
#include "engine/op.h"

enum { TURNS = 2000 };

extern const struct cs_plugin cs_plugin;

static struct cs_instance instance = { .name = "lab", .role = "dns", .who = "dns.lab" };

/* ---- Servers ------------------------------------------------------------------------------------------------------- */

static void read_tsig(struct updating_request *seen)
{
    struct dns_reader r = { seen->at, seen->len, DNS_HEADER };
    unsigned records = (unsigned)read16(seen->at + 6) + read16(seen->at + 8) + read16(seen->at + 10);
    uint8_t name[DNS_NAME_MOST];
    struct dns_record rr = { .type = 0 };
    struct dns_tsig tsig;
    size_t len;

    assert_true(dns_reader_name(&r, false, name, &len));
    r.at += 4;
    while (records-- > 0)
        assert_true(dns_reader_record(&r, &rr));
    seen->is_signed = rr.type == 250 && dns_reader_tsig(&tsig, &rr);
    if (!seen->is_signed)
        return;
    seen->time_s = tsig.time_s;
    seen->mac_len = tsig.mac_len;
    memcpy(seen->mac, tsig.mac, tsig.mac_len);
}

static void good_soa(struct updating_server *server, struct message *reply)
{
    updating_put_soa(reply, "lab.example.");
    updating_sign(server, reply);
}

static void on_request(void *arg, struct fake_server *fake, const struct fake_question *question, struct message *reply)
{
    struct updating_server *server = arg;
    struct updating_request *seen = &server->seen[server->n++ % UPDATING_SEEN];
    const bool update = (question->flags >> 11 & 15) == 5;

    (void)fake;
    *seen = (struct updating_request){ .tcp = question->tcp,
                                       .update = update,
                                       .id = question->id,
                                       .port = question->port,
                                       .len = question->len < sizeof seen->at ? question->len : sizeof seen->at };
    memcpy(seen->at, question->packet, seen->len);
    if (question->len <= sizeof seen->at)
        read_tsig(seen);
    ++*(update ? &server->updates : &server->questions);
    fake_reply(reply, question, update ? 5 << 11 : 0x0400, 0, 0);
    if (update && server->answer)
        server->answer(server, question, reply);
    else if (!update && server->answer_soa)
        server->answer_soa(server, question, reply);
    else if (update)
        updating_sign(server, reply);
    else
        good_soa(server, reply);
}

const struct updating_request *updating_last(const struct updating_server *server)
{
    return &server->seen[(server->n - 1) % UPDATING_SEEN];
}

struct tsig_maker updating_maker(const struct updating_server *server)
{
    const struct updating_request *seen = updating_last(server);

    return (struct tsig_maker){ .name = UPDATING_KEY,
                                .algorithm = "hmac-sha256.",
                                .digest = "SHA256",
                                .secret = UPDATING_BYTES,
                                .secret_len = strlen(UPDATING_BYTES),
                                .time_s = (uint64_t)(cs_wall_ms() / 1000),
                                .fudge_s = 300,
                                .original_id = seen->id,
                                .request_mac = seen->mac,
                                .request_mac_len = seen->mac_len };
}

void updating_sign_as(struct message *reply, const struct tsig_maker *maker)
{
    tsig_maker_append(reply, maker);
}

void updating_sign(const struct updating_server *server, struct message *reply)
{
    const struct tsig_maker maker = updating_maker(server);

    if (updating_last(server)->is_signed)
        tsig_maker_append(reply, &maker);
}

void updating_put_soa(struct message *reply, const char *zone)
{
    struct message rdata = { .len = 0 };

    put_name(&rdata, "ns1.lab.example.");
    put_name(&rdata, "hostmaster.lab.example.");
    for (int i = 0; i < 10; i++)
        put16(&rdata, 7);
    put_record(reply, zone, UPDATING_ZONE_SOA, 1, 5, rdata.at, rdata.len);
    change16(reply, 8, read16(reply->at + 8) + 1);
}

void updating_set_rcode(struct message *reply, unsigned rcode)
{
    reply->at[3] = (uint8_t)((reply->at[3] & 0xf0) | rcode);
}

void updating_send(const struct updating_server *server, uint16_t port, const struct message *reply)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sendto(server->fake.udp, reply->at, reply->len, 0, (struct sockaddr *)&to, sizeof to), reply->len);
}

/* ---- The plugin ---------------------------------------------------------------------------------------------------- */

static void *field(struct updating *u, const char *name)
{
    for (const struct cs_option *o = cs_plugin.settings; o->type != CS_OPTION_END; o++)
        if (strcmp(o->name, name) == 0)
            return (char *)u->settings + o->offset;
    fail_msg("there is no setting %s", name);
    return NULL;
}

void updating_set(struct updating *u, const char *setting, const char *value)
{
    *(const char **)field(u, setting) = value;
}

void updating_set_ms(struct updating *u, const char *setting, int64_t ms)
{
    *(int64_t *)field(u, setting) = ms;
}

void updating_set_servers(struct updating *u, const char *const *addresses, size_t n)
{
    *(struct cs_strings *)field(u, "servers") = (struct cs_strings){ addresses, n };
}

static void set_fallbacks(struct updating *u)
{
    for (const struct cs_option *o = cs_plugin.settings; o->type != CS_OPTION_END; o++) {
        if (o->type == CS_OPTION_STRING || o->type == CS_OPTION_SECRET)
            updating_set(u, o->name, o->fallback);
        else if (o->type == CS_OPTION_SECONDS)
            updating_set_ms(u, o->name, strtoll(o->fallback, &(char *){ NULL }, 10) * 1000);
    }
}

void updating_up(struct updating *u, size_t n)
{
    static const char *addresses[3];
    struct cs_error err = { 0 };

    memset(u, 0, sizeof *u);
    u->loop = loop_new(&err);
    u->n = n;
    instance.loop = u->loop;
    for (size_t i = 0; i < n; i++) {
        fake_server_start(&u->servers[i].fake, u->loop, "127.0.0.1", 0, on_request, &u->servers[i]);
        u->servers[i].fake.updates = true;
        addresses[i] = u->servers[i].fake.address;
    }
    u->settings = calloc(1, cs_plugin.settings_size);
    set_fallbacks(u);
    updating_set_servers(u, addresses, n);
    updating_set(u, "key_name", UPDATING_KEY);
    updating_set(u, "key", UPDATING_BASE64);
    clock_freeze(true);
}

void updating_open(struct updating *u)
{
    struct cs_error err = { 0 };

    if (cs_plugin.check(u->settings, &(struct cs_strings){ NULL, 0 }, &err) < 0 ||
        cs_plugin.open(&instance, u->settings, &u->self, &err) < 0)
        fail_msg("%s", err.text);
}

void updating_down(struct updating *u)
{
    if (u->self)
        cs_plugin.close(u->self);
    for (size_t i = 0; i < u->n; i++)
        fake_server_stop(&u->servers[i].fake);
    free(u->settings);
    loop_free(u->loop);
    clock_freeze(false);
}

/* ---- Calls --------------------------------------------------------------------------------------------------------- */

struct inputs {
    void *self;
    const struct cs_txt_change *change;
};

static void call(struct cs_op *op, void *arg)
{
    const struct inputs *inputs = arg;

    cs_plugin.dns->set_txt(inputs->self, inputs->change, op);
}

static void on_done(void *arg, const struct op_result *result)
{
    struct updating_op *op = arg;

    if (result->err)
        *(result->late ? &op->late_err : &op->err) = *result->err;
    op->over = result->late || !result->cancelled;
}

void updating_call(struct updating *u, struct updating_op *op)
{
    struct inputs *inputs = malloc(sizeof *inputs);
    struct op_setup setup = { .loop = u->loop,
                              .who = "dns.lab",
                              .about = "",
                              .inputs = inputs,
                              .free_inputs = free,
                              .deadline_ms = cs_now_ms() + 30000,
                              .done = on_done,
                              .arg = op };

    *inputs = (struct inputs){ u->self, &op->change };
    op->op = op_new(&setup, NULL);
    op_run(op->op, NULL, call);
}

void updating_begin(struct updating *u, struct updating_op *op, const char *owner, const char *want, const char *gone)
{
    memset(op, 0, sizeof *op);
    op->want[0] = want;
    op->gone[0] = gone;
    op->change = (struct cs_txt_change){ .size = sizeof op->change,
                                         .zone = "lab.example.",
                                         .owner = owner,
                                         .want = op->want,
                                         .n_want = want != NULL,
                                         .gone = op->gone,
                                         .n_gone = gone != NULL,
                                         .ttl = 10 };
    updating_call(u, op);
}

void updating_finish(struct updating *u, struct updating_op *op)
{
    for (int i = 0; i < TURNS && !op->over; i++)
        loop_run_once(u->loop, 10);
    assert_true(op->over);
}

void updating_hurry(struct updating *u, struct updating_op *op)
{
    for (int i = 0; i < TURNS && !op->over; i++) {
        updating_settle(u);
        if (!op->over)
            clock_move(u->loop, 500);
    }
    assert_true(op->over);
}

void updating_settle(struct updating *u)
{
    for (int i = 0; i < 4; i++)
        loop_run_once(u->loop, 1);
}

void updating_pass(struct updating *u, int64_t ms)
{
    updating_settle(u);
    clock_move(u->loop, ms);
    updating_settle(u);
}

void updating_until(struct updating *u, const size_t *counter, size_t n)
{
    for (int i = 0; i < TURNS && *counter < n; i++)
        loop_run_once(u->loop, 10);
    assert_int_equal(*counter, n);
}

void updating_do(struct updating *u, struct updating_op *op)
{
    updating_begin(u, op, UPDATING_OWNER, "value", NULL);
    updating_finish(u, op);
}

static void expect(const struct cs_error *err, enum cs_code code, const char *words)
{
    if (err->code != code || !strstr(err->text, words))
        fail_msg("code %d instead of %d, or not \"%s\": %s", (int)err->code, (int)code, words, err->text);
}

void updating_expect(const struct updating_op *op, enum cs_code code, const char *words)
{
    expect(&op->err, code, words);
}

void updating_expect_late(const struct updating_op *op, enum cs_code code, const char *words)
{
    expect(&op->late_err, code, words);
}

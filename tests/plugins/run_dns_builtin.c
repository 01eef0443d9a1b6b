/*
 * Runs dns-builtin alone, for tests/peers/test_dns_builtin.py and for load:
 *
 *     run_dns_builtin ADDRESS PORT zones=ZONE [ns="NAME ADDRESS"] [records="LINE"] ...
 *
 * A key that is there more than once makes a list. Prints "port N" (PORT 0: a free one), then obeys what it reads, a line
 * each: "want OWNER VALUE", "gone OWNER VALUE" (VALUE is the rest of the line), each answered by "ok" or "error TEXT". Ends at
 * the end of its input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fakes/dns_host.h"

enum { MOST = 64 };

extern const struct cs_plugin cs_plugin;

struct list {
    const char *name;
    const char *v[MOST];
    size_t n;
};

static int fail(const char *what, const char *text)
{
    fprintf(stderr, "run_dns_builtin: %s: %s\n", what, text);
    return 1;
}

/* "key=value" into the list of that key. */
static int take(struct list lists[3], const char *word)
{
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(lists[i].name);

        if (strncmp(word, lists[i].name, len) == 0 && word[len] == '=' && lists[i].n < MOST) {
            lists[i].v[lists[i].n++] = word + len + 1;
            return 0;
        }
    }
    return -1;
}

static void obey(void *self, char *line)
{
    struct cs_op op = { 0 };
    char *owner = line + strcspn(line, " "), *value;
    bool want = strncmp(line, "want ", 5) == 0;

    line[strcspn(line, "\n")] = '\0';
    owner += *owner == ' ';
    value = owner + strcspn(owner, " ");
    if (*value)
        *value++ = '\0';
    const char *const values[] = { value };
    const struct cs_txt_change change = { .size = sizeof change, .zone = ".", .owner = owner, .want = values, .gone = values,
                                          .n_want = want ? 1 : 0, .n_gone = want ? 0 : 1, .ttl = 5 };

    cs_plugin.dns->set_txt(self, &change, &op);
    printf("%s%s\n", op.failed ? "error " : "ok", op.failed ? op.err.text : "");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct list lists[3] = { { .name = "zones" }, { .name = "ns" }, { .name = "records" } };
    struct cs_instance in = { .log = true };
    struct cs_error err = { 0 };
    void *self, *settings = host_settings(&cs_plugin);
    char line[4096], *end;
    long port;

    if (argc < 4 || (port = strtol(argv[2], &end, 10)) < 0 || *end || port > 65535)
        return fail("arguments", "ADDRESS PORT zones=ZONE …");
    for (int i = 3; i < argc; i++)
        if (take(lists, argv[i]) < 0)
            return fail("not a setting", argv[i]);
    for (size_t i = 0; i < 3; i++)
        host_set_list(&cs_plugin, settings, lists[i].name, (struct cs_strings){ lists[i].v, lists[i].n });
    if (host_listen(&in, argv[1], (uint16_t)port) < 0)
        return fail("cannot listen", argv[1]);
    if (cs_plugin.open(&in, settings, &self, &err) < 0 || cs_plugin.start(self, &err) < 0)
        return fail("cannot start", err.text);
    cs_plugin.dns->caught_up(self);
    printf("port %u\n", in.port[0]);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        obey(self, line);
    cs_plugin.close(self);
    host_close(&in);
    free(settings);
    return 0;
}

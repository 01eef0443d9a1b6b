/*
 * The block `limits` of countersign.conf: how much one source may ask for, and how many orders there may be. Called by
 * settings.c.
 */
#include "plugin/settings_limits.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/network.h"
#include "plugin/settings_table.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { SOURCES_DEFAULT = 65536, UNFINISHED_DEFAULT = 100, OPEN_ORDERS_DEFAULT = 500, MOST = 1000000, SOURCES_LEAST = 1024 };

static const char *const order_keys[] = { "subject_day", "subject_week", "client_day", "client_week", "zone_day", "zone_week" };
static const char *const usual_unlimited[] = { "127.0.0.0/8", "::1", "unix" };

static const struct {
    const char *key, *usual;
    size_t offset;
} rates[] = {
    { "posts",        "10/s burst 100", offsetof(struct limits_settings, posts)        },
    { "failed_posts", "1/s burst 60",   offsetof(struct limits_settings, failed_posts) },
    { "polls",        "20/s burst 200", offsetof(struct limits_settings, polls)        },
    { "connections",  "20/s burst 200", offsetof(struct limits_settings, connections)  },
};

static void complain_unused(struct config *config, const struct config_node *at, const char *block)
{
    const char *keys[SETTINGS_KEYS_MOST];
    const size_t n = settings_keys(block, keys);

    config_complain_unused(config, at, keys, n);
}

/* `at` NULL: there is no block. */
static void read_rates(struct config *config, const struct config_node *at, struct limits_settings *out)
{
    for (size_t i = 0; i < COUNT(rates); i++) {
        struct rate *rate = (struct rate *)(void *)((char *)out + rates[i].offset);
        const char *text = rates[i].usual;

        if (at)
            config_string(config, at, rates[i].key, &text);
        if (rate_parse(text, rate) < 0)
            config_complain(config, config_find(config, at, rates[i].key),
                            "`%s` must be a rate such as \"%s\", per s, m, h or d, each number from 1 to %d, that fills its "
                            "bucket within a year; or \"off\"; not \"%s\"",
                            rates[i].key, rates[i].usual, MOST, text);
    }
}

static void read_unlimited(struct config *config, const struct config_node *at, struct limits_settings *out)
{
    const struct config_node *list = at ? config_find(config, at, "unlimited") : NULL;
    struct network network;
    struct cs_error err = { 0 };

    if (list) {
        config_strings(config, at, "unlimited", &out->unlimited, &out->n_unlimited);
    } else {
        out->unlimited = malloc(sizeof usual_unlimited);
        if (!out->unlimited)
            config_complain(config, at, "no memory");
        else
            memcpy(out->unlimited, usual_unlimited, sizeof usual_unlimited);
        out->n_unlimited = out->unlimited ? COUNT(usual_unlimited) : 0;
    }
    for (size_t i = 0; i < out->n_unlimited; i++)
        if (strcmp(out->unlimited[i], "unix") != 0 && network_parse(out->unlimited[i], &network, &err) < 0)
            config_complain(config, list, "`unlimited`: %s; or \"unix\" for unix sockets", err.text);
}

static void read_orders(struct config *config, const struct config_node *at, struct order_limits *out)
{
    for (int scope = 0; scope < LIMITED_SCOPES; scope++) {
        const char *day = order_keys[2 * scope], *week = order_keys[2 * scope + 1];

        config_int(config, at, day, 0, MOST, &out->day[scope]);
        config_int(config, at, week, 0, MOST, &out->week[scope]);
        if (out->week[scope] && out->day[scope] > out->week[scope])
            config_complain(config, config_find(config, at, day), "`%s` is more than `%s`: no day could ever have so many", day,
                            week);
    }
    complain_unused(config, at, "limits.orders");
}

/* So much of what all share may be one source's, unless something else is said. */
static int64_t tenth_of(int64_t all)
{
    return all >= 10 ? all / 10 : 1;
}

void settings_limits_read(struct config *config, int64_t max_in_flight, struct limits_settings *out)
{
    const struct config_node *at = config_group(config, config_root(config), "limits"), *orders;

    *out = (struct limits_settings){
        .unfinished = UNFINISHED_DEFAULT, .waiting = tenth_of(max_in_flight), .open_orders = OPEN_ORDERS_DEFAULT,
        .sources = SOURCES_DEFAULT
    };
    read_rates(config, at, out);
    read_unlimited(config, at, out);
    if (!at)
        return;
    config_int(config, at, "unfinished", 0, MOST, &out->unfinished);
    config_int(config, at, "waiting", 0, MOST, &out->waiting);
    config_int(config, at, "open_orders", 0, MOST, &out->open_orders);
    config_int(config, at, "sources", SOURCES_LEAST, MOST, &out->sources);
    orders = config_group(config, at, "orders");
    if (orders)
        read_orders(config, orders, &out->orders);
    complain_unused(config, at, "limits");
}

void settings_limits_free(struct limits_settings *limits)
{
    free(limits->unlimited);
    limits->unlimited = NULL;
    limits->n_unlimited = 0;
}

/*
 * The configuration of the dry run: what --set said, defaults, and a made-up value for each mandatory setting that is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/dryrun.h"

/* Base64, as most secrets are; long enough to be found in a log. */
#define SECRET "Y291bnRlcnNpZ24tcGx1Z2luLWNoZWNrLXNlY3JldA=="

enum { CONF_MOST = 256 << 10 };

static const struct cs_option words[] = {
    /* the core's own in a block */
    { CS_OPTION_STRINGS, "listen", 0, "", 0, 0, NULL },
    { CS_OPTION_INT, "max_parallel", 0, "", 0, 0, NULL },
    { CS_OPTION_BOOL, "cn_only", 0, "", 0, 0, NULL },
    { CS_OPTION_STRING, "ledger", 0, "", 0, 0, NULL },
    { CS_OPTION_BOOL, "insecure", 0, "", 0, 0, NULL },
};

static void add_quoted(struct text *out, const char *value)
{
    text_add_char(out, '"');
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            text_add_char(out, '\\');
        if ((unsigned char)*p < 0x20)
            text_addf(out, "\\x%02x", (unsigned)(unsigned char)*p);
        else
            text_add_char(out, *p);
    }
    text_add_char(out, '"');
}

static bool is_whole(const char *value)
{
    size_t len = strlen(value + (*value == '-'));

    return len > 0 && len < 19 && strspn(value + (*value == '-'), "0123456789") == len;
}

static void add_value(struct text *out, enum cs_option_type type, const char *value)
{
    const bool number = type == CS_OPTION_INT || type == CS_OPTION_SECONDS || type == CS_OPTION_SIZE;

    if (number && is_whole(value))
        text_addf(out, "%sL", value);
    else if (type == CS_OPTION_BOOL && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0))
        text_add(out, value);
    else
        add_quoted(out, value);
}

/* ---- Given, or made up ---- */

static unsigned port_of(const struct dryrun *run)
{
    return run->mute ? run->plan->mute_port : run->plan->busy_port;
}

/* "{port}" stands for the port of the dry run's own back end, for settings that are no URL. */
static void add_given_value(const struct dryrun *run, enum cs_option_type type, const char *value, struct text *out)
{
    struct text whole = TEXT_MAX(CONF_MOST);
    const char *at = value, *hole;

    while ((hole = strstr(at, DRYRUN_PORT)) != NULL) {
        text_add_n(&whole, at, (size_t)(hole - at));
        text_addf(&whole, "%u", port_of(run));
        at = hole + strlen(DRYRUN_PORT);
    }
    text_add(&whole, at);
    add_value(out, type, text_of(&whole));
    text_free(&whole);
}

static void add_given(const struct dryrun *run, const struct cs_option *option, struct text *out)
{
    size_t n = 0;

    text_addf(out, "    %s = ", option->name);
    if (option->type == CS_OPTION_STRINGS)
        text_add(out, "( ");
    for (size_t i = 0; i < run->plan->n_settings; i++) {
        if (strcmp(run->plan->settings[i].name, option->name) != 0)
            continue;
        if (option->type == CS_OPTION_STRINGS && n++)
            text_add(out, ", ");
        if (option->type == CS_OPTION_STRINGS || n++ == 0)
            add_given_value(run, option->type, run->plan->settings[i].value, out);
    }
    text_add(out, option->type == CS_OPTION_STRINGS ? " );\n" : ";\n");
}

static bool is_given(const struct dryrun *run, const char *name)
{
    for (size_t i = 0; i < run->plan->n_settings; i++)
        if (strcmp(run->plan->settings[i].name, name) == 0)
            return true;
    return false;
}

/* Nobody can know what a string is for; its name is a hint. */
static void made_up_string(const struct dryrun *run, const char *name, unsigned port, struct text *out)
{
    if (strstr(name, "file") || strstr(name, "path"))
        text_addf(out, "%s/%s", run->plan->folder, name);
    else if (strstr(name, "folder") || strstr(name, "dir"))
        text_add(out, run->plan->folder);
    else if (strstr(name, "server") || strstr(name, "address") || strstr(name, "host"))
        text_addf(out, "127.0.0.1:%u", port);
    else
        text_add(out, "check");
}

static void add_made_up(const struct dryrun *run, const struct cs_option *option, struct text *out)
{
    const unsigned port = port_of(run);
    struct text value = TEXT_MAX(4096);

    switch (option->type) {
    case CS_OPTION_STRING:
    case CS_OPTION_STRINGS:
        made_up_string(run, option->name, port, &value);
        break;
    case CS_OPTION_SECRET:
        text_add(&value, SECRET);
        break;
    case CS_OPTION_URL:
        text_addf(&value, "http://127.0.0.1:%u", port);
        break;
    case CS_OPTION_BOOL:
        text_add(&value, "false");
        break;
    case CS_OPTION_INT:
    case CS_OPTION_SIZE:
        text_addf(&value, "%" PRId64, option->min > 0 ? option->min : 1);
        break;
    case CS_OPTION_SECONDS:
        text_addf(&value, "%" PRId64 "ms", option->min > 1000 ? option->min : 1000);
        break;
    case CS_OPTION_END:
        break;
    }
    text_addf(out, "    %s = ", option->name);
    add_value(out, option->type, text_of(&value));
    text_add(out, ";\n");
    text_free(&value);
}

/* The second time the back end is mute, whatever was given: an address can only be set apart from a name when it is a URL. */
static void add_setting(struct dryrun *run, const struct cs_option *option, struct text *out)
{
    const bool given = is_given(run, option->name);

    if (given && !(run->mute && option->type == CS_OPTION_URL))
        add_given(run, option, out);
    else if (given || !option->fallback)
        add_made_up(run, option, out);
    if (!given && !option->fallback && !run->mute)
        text_addf(&run->placeholders, "%s%s", run->placeholders.len ? ", " : "", option->name);
}

static bool in_table(const struct dryrun *run, const char *name)
{
    const struct cs_plugin *about = &run->plugin.about;
    struct cs_option option;

    for (size_t i = 0; options_entry(about->settings, about->option_size, i, &option); i++)
        if (strcmp(option.name, name) == 0)
            return true;
    return false;
}

static int check_given(const struct dryrun *run, struct cs_error *err)
{
    for (size_t i = 0; i < run->plan->n_settings; i++) {
        const char *name = run->plan->settings[i].name;
        bool known = in_table(run, name);

        for (size_t j = 0; j < sizeof words / sizeof *words; j++)
            known = known || strcmp(words[j].name, name) == 0;
        if (!known)
            return cs_fail(err, CS_EINPUT, "there is no setting `%s`: `countersign plugin help %s` lists them", name,
                           run->plan->path);
    }
    return 0;
}

/* ---- The file ---- */

static void add_block(struct dryrun *run, struct text *out)
{
    const struct cs_plugin *about = &run->plugin.about;
    struct cs_option option;

    text_add(out, " = { check = {\n    plugin = ");
    add_quoted(out, run->plan->path);
    text_add(out, ";\n");
    for (size_t i = 0; options_entry(about->settings, about->option_size, i, &option); i++)
        add_setting(run, &option, out);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_given(run, words[i].name) && !in_table(run, words[i].name))
            add_given(run, &words[i], out);
    text_add(out, "}; };\n");
}

/* One block, of the first role that it plays; in a whole server, of the CA. */
static void add_instance(struct dryrun *run, bool whole, struct text *out)
{
    const struct cs_plugin *about = &run->plugin.about;

    if (about->store)
        text_add(out, "store");
    else if (about->dns && !whole)
        text_add(out, "dns");
    else if (about->audit && !whole)
        text_add(out, "audit");
    else
        text_add(out, "ca");
    add_block(run, out);
}

static int write_file(const char *path, const struct text *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = fd < 0 ? -1 : write(fd, text_of(content), content->len);

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)content->len ? 0 : -1;
}

int dryrun_conf_write(struct dryrun *run, bool whole, char **path, struct cs_error *err)
{
    struct text out = TEXT_MAX(CONF_MOST), at = TEXT_MAX(4096);
    const struct dryrun_plan *plan = run->plan;
    int rc = -1;

    if (check_given(run, err) < 0)
        goto out;
    text_addf(&at, "%s/check.conf", plan->folder);
    text_addf(&out, "state = \"%s/state\";\nruntime = \"%s/run\";\nplugin_dir = ", plan->folder, plan->folder);
    add_quoted(&out, plan->plugin_dir);
    text_add(&out, ";\n");
    if (whole)
        text_addf(&out,
                  "store = { main = { plugin = \"store-sqlite\"; file = \"%s/state-%s.db\"; }; };\n"
                  "dns = { builtin = { plugin = \"dns-builtin\"; listen = \"127.0.0.1:%u\"; zones = \"%s\"; }; };\n",
                  plan->folder, run->mute ? "mute" : "busy", (unsigned)plan->spare_port, plan->zone);
    add_instance(run, whole, &out);
    *path = text_failed(&out) || text_failed(&at) ? NULL : text_take(&at);
    if (*path && write_file(*path, &out) == 0)
        rc = 0;
    else
        cs_fail(err, CS_ECONFIG, "the configuration of the dry run cannot be written: %s", strerror(errno));
out:
    text_free(&out);
    text_free(&at);
    return rc;
}

void dryrun_conf_secrets(const struct dryrun *run, struct text *out)
{
    const struct cs_plugin *about = &run->plugin.about;
    struct cs_option option;

    for (size_t i = 0; options_entry(about->settings, about->option_size, i, &option); i++) {
        if (option.type != CS_OPTION_SECRET)
            continue;
        if (!is_given(run, option.name) && !option.fallback)
            text_add(out, SECRET "\n");
        for (size_t j = 0; j < run->plan->n_settings; j++)
            if (strcmp(run->plan->settings[j].name, option.name) == 0)
                text_addf(out, "%s\n", run->plan->settings[j].value);
    }
}

/*
 * The file of a plugin, by its symbols; see object.h.
 */
#include "command/object.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/elf.h"
#include "base/text.h"

enum { NAMES_MOST = 1 << 20, SHOWN = 6, FILE_MOST = 1 << 30 };

struct names {
    const char **at; /* into the mapped file */
    size_t n;
};

struct object {
    void *at;
    size_t len;
    struct names exported, weak, asked, libraries, variables;
    bool failed;
};

static void add(struct object *object, struct names *to, const char *name)
{
    const char **grown = to->n < NAMES_MOST ? reallocarray(to->at, to->n + 1, sizeof *grown) : NULL;

    if (!grown) {
        object->failed = true;
        return;
    }
    grown[to->n++] = name;
    to->at = grown;
}

static void take(void *arg, enum elf_kind kind, const char *name, bool weak)
{
    struct object *object = arg;

    switch (kind) {
    case ELF_EXPORTED:
        add(object, weak ? &object->weak : &object->exported, name);
        return;
    case ELF_ASKED:
        if (!weak)
            add(object, &object->asked, name);
        return;
    case ELF_LIBRARY:
        add(object, &object->libraries, name);
        return;
    case ELF_VARIABLE:
        add(object, &object->variables, name);
        return;
    }
}

/* A copy: the file may change while we look. */
static int read_file(struct object *object, const char *path, struct cs_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        cs_fail(err, CS_ECONFIG, "it cannot be read: %s", strerror(errno));
    else if (st.st_size <= 0 || st.st_size > FILE_MOST || !(object->at = malloc((size_t)st.st_size)))
        cs_fail(err, CS_EINPUT, "it has %lld bytes: build it anew", (long long)st.st_size);
    else
        rc = 0;
    for (ssize_t n = 1; rc == 0 && n && object->len < (size_t)st.st_size; object->len += (size_t)n) {
        n = read(fd, (char *)object->at + object->len, (size_t)st.st_size - object->len);
        if (n < 0) {
            rc = cs_fail(err, CS_ECONFIG, "it cannot be read: %s", strerror(errno));
            break;
        }
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

struct object *object_read(const char *path, struct verdicts *verdicts)
{
    struct object *object = calloc(1, sizeof *object);
    struct cs_error err = { .text = "out of memory" };

    if (object && read_file(object, path, &err) == 0 && elf_read(object->at, object->len, take, object, &err) == 0) {
        if (!object->failed) {
            verdict_pass(verdicts, "object", "a shared object for this machine");
            return object;
        }
        cs_fail(&err, CS_EINPUT, "it has more than %d symbols", NAMES_MOST);
    }
    verdict_fail(verdicts, "object", "%s", err.text);
    object_free(object);
    return NULL;
}

void object_free(struct object *object)
{
    if (!object)
        return;
    free(object->exported.at);
    free(object->weak.at);
    free(object->asked.at);
    free(object->libraries.at);
    free(object->variables.at);
    free(object->at);
    free(object);
}

/* ---- What it shows ---- */

/* The first of them, and how many more there are. */
static void list(const struct names *names, bool (*wanted)(const char *name), struct text *out)
{
    size_t n = 0;

    for (size_t i = 0; i < names->n; i++)
        if (wanted(names->at[i]) && n++ < SHOWN)
            text_addf(out, "%s%s", n > 1 ? ", " : "", names->at[i]);
    if (n > SHOWN)
        text_addf(out, " and %zu more", n - SHOWN);
}

/* Names that begin with _ belong to the compiler, to linkers and sanitizers; but _Z is C++. */
static bool is_own(const char *name)
{
    return strcmp(name, "cs_plugin") != 0 && (*name != '_' || strncmp(name, "_Z", 2) == 0);
}

static bool is_any(const char *name)
{
    return *name != '\0';
}

static bool has(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i], name) == 0)
            return true;
    return false;
}

void object_judge(const struct object *object, struct verdicts *verdicts)
{
    struct text others = TEXT_MAX(800), weak = TEXT_MAX(800), variables = TEXT_MAX(800);

    list(&object->exported, is_own, &others);
    list(&object->weak, is_own, &weak);
    list(&object->variables, is_any, &variables);
    if (!has(&object->exported, "cs_plugin"))
        verdict_fail(verdicts, "exports", "cs_plugin is not among its symbols: write CS_PLUGIN(…) in one of its files");
    else if (others.len)
        verdict_fail(verdicts, "exports",
                     "besides cs_plugin it shows %s, which may clash with others' names: build it with "
                     "-fvisibility=hidden, or make them static",
                     text_of(&others));
    else
        verdict_pass(verdicts, "exports", "cs_plugin and nothing else");
    if (weak.len)
        verdict_note(verdicts, "exports", "weak names may be bound to another object's: %s", text_of(&weak));
    if (variables.len)
        verdict_note(verdicts, "variables",
                     "%s live outside of functions: several instances and threads share them, so state "
                     "belongs into what `open` makes",
                     text_of(&variables));
    text_free(&others);
    text_free(&weak);
    text_free(&variables);
}

/* ---- What it asks for ---- */

/* Their run-time library is the program's. */
static bool is_sanitizer(const char *name)
{
    static const char *const begins[] = { "__asan_", "__ubsan_",  "__tsan_", "__sanitizer_", "__lsan_",
                                          "__msan_", "__sancov_", "__gcov_", "__llvm_" };

    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

/* It is loaded: so are its libraries, each with those that it needs itself. */
static bool is_in_libraries(const struct object *object, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < object->libraries.n && !found; i++) {
        void *library = dlopen(object->libraries.at[i], RTLD_LAZY | RTLD_NOLOAD);

        found = library && dlsym(library, name);
        if (library)
            dlclose(library);
    }
    return found;
}

static const char *whence(const char *name)
{
    void *at = dlsym(RTLD_DEFAULT, name);
    Dl_info info;

    return at && dladdr(at, &info) && info.dli_fname ? info.dli_fname : "the server";
}

void object_judge_needs(const struct object *object, struct verdicts *verdicts)
{
    size_t of_api = 0, borrowed = 0;

    for (size_t i = 0; i < object->asked.n; i++) {
        const char *name = object->asked.at[i];

        if (strncmp(name, "cs_", 3) == 0) {
            of_api++;
        } else if (!is_sanitizer(name) && !is_in_libraries(object, name)) {
            borrowed++;
            verdict_fail(verdicts, "needs", "%s is there only because the server links %s: link that library yourself", name,
                         whence(name));
        }
    }
    if (!borrowed)
        verdict_pass(verdicts, "needs", "services of the server: %zu; everything else is in libraries of its own: %zu", of_api,
                     object->libraries.n);
}

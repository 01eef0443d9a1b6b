/* core/base/elf.c: what is read from the file of a shared object, and from what is left of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/elf.h"

static unsigned char file[1 << 20];
static size_t len;

struct seen {
    bool plugin, plugin_is_weak, helper, variable, log, library, foreign_variable;
    size_t names;
};

static void look(void *arg, enum elf_kind kind, const char *name, bool weak)
{
    struct seen *seen = arg;

    seen->names += strlen(name) < SIZE_MAX;
    if (kind == ELF_EXPORTED && strcmp(name, "cs_plugin") == 0) {
        seen->plugin = true;
        seen->plugin_is_weak = weak;
    }
    seen->helper = seen->helper || (kind == ELF_EXPORTED && strcmp(name, "helper_of_mine") == 0);
    seen->variable = seen->variable || (kind == ELF_VARIABLE && strcmp(name, "instances_so_far") == 0);
    seen->foreign_variable = seen->foreign_variable || (kind == ELF_VARIABLE && strcmp(name, "instances_so_far") != 0);
    seen->log = seen->log || (kind == ELF_ASKED && strcmp(name, "cs_log") == 0);
    seen->library = seen->library || (kind == ELF_LIBRARY && strncmp(name, "libc.so", 7) == 0);
}

static void read_plugin(const char *name)
{
    char path[PATH_MAX];
    FILE *f;

    assert_non_null(getenv("BAD_PLUGINS"));
    snprintf(path, sizeof path, "%s/%s.so", getenv("BAD_PLUGINS"), name);
    f = fopen(path, "r");
    assert_non_null(f);
    len = fread(file, 1, sizeof file, f);
    fclose(f);
    assert_true(len > 1000 && len < sizeof file);
}

static void assert_refused(const char *why)
{
    struct seen seen = { 0 };
    struct cs_error err = { 0 };

    assert_int_equal(elf_read(file, len, look, &seen, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" has no \"%s\"", err.text, why);
}

static void it_tells_exports_variables_services_and_libraries(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    read_plugin("loose");
    assert_int_equal(elf_read(file, len, look, &seen, NULL), 0);
    assert_true(seen.plugin && seen.helper && seen.variable);
    assert_false(seen.plugin_is_weak || seen.foreign_variable || seen.log);
    read_plugin("rude");
    seen = (struct seen){ 0 };
    assert_int_equal(elf_read(file, len, look, &seen, NULL), 0);
    assert_true(seen.plugin && seen.log && seen.library);
    assert_false(seen.helper || seen.variable || seen.foreign_variable);
}

static void what_is_no_shared_object_of_this_machine_is_named(void **state)
{
    (void)state;
    len = 0;
    assert_refused("it is no ELF file");
    memset(file, 'x', 4096);
    len = 4096;
    assert_refused("it is no ELF file");
    read_plugin("rude");
    file[offsetof(Elf64_Ehdr, e_machine)]++;
    assert_refused("another kind of machine");
    read_plugin("rude");
    file[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
    assert_refused("it is no shared object (ELF type 1)");
}

/* In a block of its exact size, so that a sanitizer sees the first byte behind it. */
static void read_cut(size_t n)
{
    unsigned char *cut = malloc(n ? n : 1);
    struct seen seen = { 0 };
    struct cs_error err = { 0 };

    assert_non_null(cut);
    memcpy(cut, file, n);
    if (elf_read(cut, n, look, &seen, &err) == 0)
        fail_msg("%zu of %zu bytes were enough", n, len);
    assert_true(err.text[0]);
    free(cut);
}

static void no_part_of_a_file_is_taken_for_the_whole(void **state)
{
    (void)state;
    read_plugin("rude");
    for (size_t n = 0; n < len; n += n < 512 ? 1 : 97)
        read_cut(n);
    read_cut(len - 1);
}

/* Any byte of the headers and tables may be anything: it ends, inside of the file. */
static void broken_tables_are_survived(void **state)
{
    size_t refused = 0;
    Elf64_Ehdr head;
    struct seen seen = { 0 };

    (void)state;
    read_plugin("rude");
    memcpy(&head, file, sizeof head);
    for (size_t at = head.e_shoff; at < len; at++) {
        const unsigned char was = file[at];

        file[at] = 0xff;
        refused += elf_read(file, len, look, &seen, NULL) < 0;
        file[at] = was;
    }
    assert_true(refused > 0);
    assert_int_equal(elf_read(file, len, look, &seen, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_exports_variables_services_and_libraries),
        cmocka_unit_test(what_is_no_shared_object_of_this_machine_is_named),
        cmocka_unit_test(no_part_of_a_file_is_taken_for_the_whole),
        cmocka_unit_test(broken_tables_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

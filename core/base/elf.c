/*
 * The ELF file of a shared object; see elf.h. Sections are gone through, not segments: linkers and strip leave the table of
 * sections, and the dynamic symbols can be counted by it.
 */
#include "base/elf.h"

#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <string.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#elif defined(__i386__)
#define MACHINE EM_386
#elif defined(__arm__)
#define MACHINE EM_ARM
#endif
#define CLASS      (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define DATA       (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)
#define BIND(info) ((info) >> 4) /* the same in both classes */
#define TYPE(info) ((info)&15)

struct file {
    const unsigned char *at;
    size_t len;
    ElfW(Ehdr) head;
    elf_fn *fn;
    void *arg;
};

static int broken(struct cs_error *err, const char *what)
{
    return cs_fail(err, CS_EINPUT, "its %s is broken: build it anew", what);
}

static bool is_inside(const struct file *f, uint64_t offset, uint64_t len)
{
    return offset <= f->len && len <= f->len - offset;
}

static int read_head(struct file *f, struct cs_error *err)
{
    if (f->len < sizeof f->head || memcmp(f->at, ELFMAG, SELFMAG) != 0)
        return cs_fail(err, CS_EINPUT, "it is no ELF file: build it with cc -shared -fPIC");
    memcpy(&f->head, f->at, sizeof f->head);
    if (f->head.e_ident[EI_CLASS] != CLASS || f->head.e_ident[EI_DATA] != DATA || f->head.e_machine != MACHINE)
        return cs_fail(err, CS_EINPUT, "it was built for another kind of machine (ELF machine %u): build it on this one",
                       (unsigned)f->head.e_machine);
    if (f->head.e_type != ET_DYN)
        return cs_fail(err, CS_EINPUT, "it is no shared object (ELF type %u): build it with cc -shared -fPIC",
                       (unsigned)f->head.e_type);
    if (f->head.e_shentsize != sizeof(ElfW(Shdr)) || f->head.e_shnum == 0 ||
        !is_inside(f, f->head.e_shoff, (uint64_t)f->head.e_shnum * sizeof(ElfW(Shdr))))
        return broken(err, "table of sections");
    return 0;
}

/* False: there is none of that number, or it reaches out of the file. */
static bool section_at(const struct file *f, size_t i, ElfW(Shdr) * out)
{
    if (i >= f->head.e_shnum)
        return false;
    memcpy(out, f->at + f->head.e_shoff + i * sizeof *out, sizeof *out);
    return out->sh_type == SHT_NOBITS || is_inside(f, out->sh_offset, out->sh_size);
}

/* NULL: there is no string that ends inside of the section. */
static const char *string_at(const struct file *f, const ElfW(Shdr) * strings, uint64_t offset)
{
    const char *at;

    if (strings->sh_type != SHT_STRTAB || offset >= strings->sh_size)
        return NULL;
    at = (const char *)f->at + strings->sh_offset + offset;
    return memchr(at, '\0', strings->sh_size - offset) ? at : NULL;
}

/* ---- Symbols ---- */

static void tell_dynamic(const struct file *f, const ElfW(Sym) * symbol, const char *name)
{
    const unsigned bind = BIND(symbol->st_info), visibility = symbol->st_other & 3;

    if (bind == STB_LOCAL || !*name)
        return;
    if (symbol->st_shndx == SHN_UNDEF)
        f->fn(f->arg, ELF_ASKED, name, bind == STB_WEAK);
    else if (visibility == STV_DEFAULT || visibility == STV_PROTECTED)
        f->fn(f->arg, ELF_EXPORTED, name, bind == STB_WEAK);
}

/* Tables of pointers lie in .data.rel.ro: they are read-only once they are filled. */
static bool is_writable(const struct file *f, const ElfW(Sym) * symbol)
{
    ElfW(Shdr) section, names;
    const char *name;

    if (symbol->st_shndx >= SHN_LORESERVE || !section_at(f, symbol->st_shndx, &section) || !(section.sh_flags & SHF_WRITE) ||
        !section_at(f, f->head.e_shstrndx, &names))
        return false;
    name = string_at(f, &names, section.sh_name);
    return name && strncmp(name, ".data.rel.ro", strlen(".data.rel.ro")) != 0 &&
           (strncmp(name, ".data", 5) == 0 || strncmp(name, ".bss", 4) == 0 || strncmp(name, ".tdata", 6) == 0 ||
            strncmp(name, ".tbss", 5) == 0);
}

/* Names that begin so are the compiler's and the sanitizers'. */
static void tell_variable(const struct file *f, const ElfW(Sym) * symbol, const char *name)
{
    const unsigned type = TYPE(symbol->st_info);

    if ((type == STT_OBJECT || type == STT_TLS) && symbol->st_size > 0 && *name && *name != '_' && *name != '.' &&
        strncmp(name, "completed.", strlen("completed.")) != 0 && is_writable(f, symbol))
        f->fn(f->arg, ELF_VARIABLE, name, false);
}

static int read_symbols(const struct file *f, const ElfW(Shdr) * section,
                        void (*tell)(const struct file *, const ElfW(Sym) *, const char *), struct cs_error *err)
{
    ElfW(Shdr) strings;
    ElfW(Sym) symbol;
    const char *name;

    if (section->sh_entsize != sizeof symbol || !section_at(f, section->sh_link, &strings))
        return broken(err, "table of symbols");
    for (size_t i = 0; i < section->sh_size / sizeof symbol; i++) {
        memcpy(&symbol, f->at + section->sh_offset + i * sizeof symbol, sizeof symbol);
        name = string_at(f, &strings, symbol.st_name);
        if (!name)
            return broken(err, "table of symbol names");
        tell(f, &symbol, name);
    }
    return 0;
}

/* ---- Libraries ---- */

static int read_dynamic(const struct file *f, const ElfW(Shdr) * section, struct cs_error *err)
{
    ElfW(Shdr) strings;
    ElfW(Dyn) entry;
    const char *name;

    if (section->sh_entsize != sizeof entry || !section_at(f, section->sh_link, &strings))
        return broken(err, "dynamic section");
    for (size_t i = 0; i < section->sh_size / sizeof entry; i++) {
        memcpy(&entry, f->at + section->sh_offset + i * sizeof entry, sizeof entry);
        if (entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag != DT_NEEDED)
            continue;
        name = string_at(f, &strings, entry.d_un.d_val);
        if (!name)
            return broken(err, "list of libraries");
        f->fn(f->arg, ELF_LIBRARY, name, false);
    }
    return 0;
}

/* ---- All of it ---- */

int elf_read(const void *at, size_t len, elf_fn *fn, void *arg, struct cs_error *err)
{
    struct file f = { .at = at, .len = len, .fn = fn, .arg = arg };
    ElfW(Shdr) section;
    bool dynamic = false;
    int rc = read_head(&f, err);

    for (size_t i = 0; rc == 0 && i < f.head.e_shnum; i++) {
        if (!section_at(&f, i, &section)) {
            rc = broken(err, "table of sections");
        } else if (section.sh_type == SHT_DYNSYM) {
            dynamic = true;
            rc = read_symbols(&f, &section, tell_dynamic, err);
        } else if (section.sh_type == SHT_SYMTAB) {
            rc = read_symbols(&f, &section, tell_variable, err);
        } else if (section.sh_type == SHT_DYNAMIC) {
            rc = read_dynamic(&f, &section, err);
        }
    }
    if (rc == 0 && !dynamic)
        return cs_fail(err, CS_EINPUT, "it has no dynamic symbols: build it with cc -shared -fPIC");
    return rc;
}

/* Line by line, with the section and the entry that a deeper line goes on with. What is deeper follows
 * Python's configparser, by which AWS's command line reads these files: compared with the last line that
 * began something, not with the section. All values share one block of the file's size: a value only grows
 * while it is the last one, and each of its bytes stands for one of the file, so that many short lines cost
 * no more than one long one. Inline comments aren't taken off: " #" may belong to a value. */
#include "worker/aws/ini.h"

#include <ctype.h>
#include <string.h>

#include "worker/aws/words.h"

struct reader {
    struct arena *arena;
    struct ini *ini;
    struct ini_section *section;
    struct ini_entry *entry;
    size_t indent; /* of the last line that began a section or an entry */
    char *free;    /* of the block for values */
};

/* Put a text, NUL and all, at the end of the block. */
static char *store(struct reader *r, struct bytes text)
{
    char *stored = r->free;
    if (text.len)
        memcpy(stored, text.data, text.len);
    stored[text.len] = 0;
    r->free += text.len + 1;
    return stored;
}

static int read_section(struct reader *r, struct bytes line, struct error *e)
{
    const char *end = memchr(line.data, ']', line.len), *const * words;
    size_t count;
    if (!end)
        return error_set(e, ERR_CREDENTIALS, "a section's name ends with \"]\"");
    struct bytes behind = bytes_trim(bytes_from(line, (size_t)(end - line.data) + 1));
    if (behind.len && behind.data[0] != '#' && behind.data[0] != ';')
        return error_set(e, ERR_CREDENTIALS, "there is something behind the \"]\" of a section's name");
    struct bytes name = bytes_trim((struct bytes){line.data + 1, (size_t)(end - line.data) - 1});
    if (!name.len)
        return error_set(e, ERR_CREDENTIALS, "a section without a name");
    struct ini_section *section = arena_zalloc(r->arena, sizeof *section);
    section->raw = section->name = arena_strdup(r->arena, name);
    section->kind = "";
    if (!words_split(r->arena, section->raw, &words, &count, NULL) && count == 2) {
        section->kind = words[0];
        section->name = words[1];
    }
    if (r->section)
        r->section->next = section;
    else
        r->ini->sections = section;
    r->section = section;
    r->entry = NULL;
    return 0;
}

/* "key = value" onto a list. */
static int read_entry(struct reader *r, struct bytes line, const char *delimiters, struct ini_entry **first,
                      struct ini_entry **last, struct error *e)
{
    size_t at = 0;
    while (at < line.len && !strchr(delimiters, line.data[at]))
        at++;
    struct bytes key = bytes_trim((struct bytes){line.data, at});
    if (at == line.len || !key.len)
        return error_set(e, ERR_CREDENTIALS, "neither \"[section]\" nor \"key = value\"");
    struct ini_entry *entry = arena_zalloc(r->arena, sizeof *entry);
    char *lower = arena_strdup(r->arena, key);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    entry->key = lower;
    entry->value = store(r, bytes_trim(bytes_from(line, at + 1)));
    if (*last)
        (*last)->next = entry;
    else
        *first = entry;
    *last = entry;
    return 0;
}

/* A line that is deeper than the entry it follows. */
static int read_deeper(struct reader *r, struct bytes line, struct error *e)
{
    if (!*r->entry->value)
        return read_entry(r, line, "=", &r->entry->inner, &r->entry->inner_last, e);
    r->free[-1] = '\n';
    store(r, line);
    return 0;
}

static int read_line(struct reader *r, struct bytes line, struct error *e)
{
    struct bytes text = bytes_trim(line);
    if (!text.len || text.data[0] == '#' || text.data[0] == ';')
        return 0;
    size_t indent = (size_t)(text.data - line.data);
    if (r->entry && indent > r->indent)
        return read_deeper(r, text, e);
    r->indent = indent;
    if (text.data[0] == '[')
        return read_section(r, text, e);
    if (!r->section)
        return error_set(e, ERR_CREDENTIALS, "comes before any \"[section]\"");
    int err = read_entry(r, text, "=:", &r->section->entries, &r->section->last, e);
    r->entry = err ? NULL : r->section->last;
    return err;
}

static int check_bytes(struct bytes line, struct error *e)
{
    if (memchr(line.data, 0, line.len))
        return error_set(e, ERR_CREDENTIALS, "a NUL byte: this is no text");
    if (!bytes_is_utf8(line, NULL))
        return error_set(e, ERR_CREDENTIALS, "no valid UTF-8");
    return 0;
}

int ini_parse(struct arena *arena, struct bytes text, struct ini *out, struct error *e)
{
    *out = (struct ini){0};
    if (bytes_starts(text, "\xef\xbb\xbf"))
        text = bytes_from(text, 3);
    struct reader r = {.arena = arena, .ini = out, .free = arena_alloc(arena, text.len + 1)};
    for (unsigned number = 1; text.len; number++) {
        const char *end = memchr(text.data, '\n', text.len);
        struct bytes line = {text.data, end ? (size_t)(end - text.data) : text.len};
        int err = check_bytes(line, e);
        if (!err)
            err = read_line(&r, line, e);
        if (err) {
            *out = (struct ini){0};
            return error_at(e, "%u", number);
        }
        text = bytes_from(text, line.len + 1);
    }
    return 0;
}

bool ini_section_is(const struct ini_section *section, const char *kind, const char *name)
{
    if (!kind)
        return strcmp(section->raw, name) == 0;
    return strcmp(section->kind, kind) == 0 && strcmp(section->name, name) == 0;
}

bool ini_has(const struct ini *ini, const char *kind, const char *name)
{
    const struct ini_section *section = ini->sections;
    while (section && !ini_section_is(section, kind, name))
        section = section->next;
    return section != NULL;
}

const char *ini_get(const struct ini *ini, const char *kind, const char *name, const char *key)
{
    const char *value = NULL;
    for (const struct ini_section *section = ini->sections; section; section = section->next) {
        if (!ini_section_is(section, kind, name))
            continue;
        for (const struct ini_entry *entry = section->entries; entry; entry = entry->next)
            if (strcmp(entry->key, key) == 0)
                value = entry->value;
    }
    return value;
}

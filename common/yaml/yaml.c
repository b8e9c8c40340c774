/* Files and nodes. The text is checked before libfyaml sees it: its size, UTF-8, and that it is text at
 * all, so that nothing a message shows can do harm to a terminal. */
#include "common/yaml/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/yaml/yaml_node.h"

/* libfyaml reads far ahead while brackets open, and takes long for millions of them. No file has so
 * many more opening than closing ones, not even in its texts. */
enum { BRACKETS_OPEN_MAX = 10000 };

static const struct yaml_place nowhere;

static bool check_brackets(struct yaml_report *r, const char *name, struct bytes text)
{
    unsigned open = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '[' || text.data[i] == '{')
            open++;
        else if (open && (text.data[i] == ']' || text.data[i] == '}'))
            open--;
        if (open < BRACKETS_OPEN_MAX)
            continue;
        yaml_report_error(r, name, text, yaml_place_of_offset(text, i),
                          "more than %d lists and maps within each other", LIMIT_DEPTH);
        return false;
    }
    return true;
}

static bool check_text(struct yaml_report *r, const char *name, struct bytes text)
{
    size_t bad = 0;
    if (text.len > LIMIT_YAML_BYTES) {
        yaml_report_error(r, name, text, nowhere, "is larger than %d MiB", LIMIT_YAML_BYTES >> 20);
        return false;
    }
    bool utf8 = bytes_is_utf8(text, &bad);
    size_t end = utf8 ? text.len : bad;
    for (size_t i = 0; i < end; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n' || c == '\r')
            continue;
        struct yaml_place at = yaml_place_of_offset(text, i);
        yaml_report_error(r, name, text, nowhere, "line %u, column %u: byte 0x%02x: this isn't a text file",
                          at.line, at.column, c);
        return false;
    }
    if (!utf8) {
        struct yaml_place at = yaml_place_of_offset(text, bad);
        yaml_report_error(r, name, text, nowhere, "line %u, column %u: byte 0x%02x is not valid UTF-8",
                          at.line, at.column, (unsigned char)text.data[bad]);
    }
    return utf8 && check_brackets(r, name, text);
}

struct yaml_file *yaml_open_text(const char *name, struct bytes text, struct yaml_report *report)
{
    if (bytes_starts(text, "\xef\xbb\xbf"))
        text = bytes_from(text, 3);
    if (!check_text(report, name, text))
        return NULL;
    struct yaml_file *file = mem_zalloc(sizeof *file);
    file->name = arena_strdup(&file->arena, bytes_of(name));
    file->text = arena_copy(&file->arena, text);
    file->root = yaml_build(file, report);
    if (file->root)
        return file;
    yaml_close(file);
    return NULL;
}

/* Read up to one byte more than is allowed. 0 or an errno. */
static int read_all(int fd, struct buffer *out)
{
    while (out->len <= LIMIT_YAML_BYTES) {
        size_t want = 64 << 10;
        buffer_reserve(out, want);
        ssize_t got = read(fd, out->data + out->len, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : 0;
        out->len += (size_t)got;
    }
    return 0;
}

struct yaml_file *yaml_open(const char *path, struct yaml_report *report)
{
    struct yaml_file *file = NULL;
    struct buffer text = {0};
    struct stat about = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        yaml_report_error(report, path, BYTES(""), nowhere, "can't be opened: %s", strerror(errno));
    else if (S_ISDIR(about.st_mode))
        yaml_report_error(report, path, BYTES(""), nowhere, "is a folder, not a file");
    else if ((errno = read_all(fd, &text)) != 0)
        yaml_report_error(report, path, BYTES(""), nowhere, "can't be read: %s", strerror(errno));
    else
        file = yaml_open_text(path, buffer_bytes(&text), report);
    if (fd >= 0)
        close(fd);
    buffer_close(&text);
    return file;
}

void yaml_close(struct yaml_file *file)
{
    if (!file)
        return;
    free(file->hidden);
    arena_close(&file->arena);
    free(file);
}

const yaml_node *yaml_root(const struct yaml_file *file)
{
    return file->root;
}

unsigned yaml_line(const yaml_node *node)
{
    return node->place.line;
}

enum yaml_kind yaml_kind(const yaml_node *node)
{
    return node->kind;
}

struct bytes yaml_text(const yaml_node *scalar)
{
    CHECK(scalar->kind == YAML_SCALAR);
    return scalar->text;
}

bool yaml_is_null(const yaml_node *node)
{
    return node->kind == YAML_SCALAR && node->plain &&
           (node->text.len == 0 || bytes_is(node->text, "~") || bytes_is(node->text, "null"));
}

uint32_t yaml_count(const yaml_node *list_or_map)
{
    CHECK(list_or_map->kind != YAML_SCALAR);
    return list_or_map->count;
}

const yaml_node *yaml_item(const yaml_node *list, uint32_t index)
{
    CHECK(list->kind == YAML_LIST && index < list->count);
    return list->items[index];
}

const yaml_node *yaml_key(const yaml_node *map, uint32_t index)
{
    CHECK(map->kind == YAML_MAP && index < map->count);
    return map->items[2 * (size_t)index];
}

const yaml_node *yaml_value(const yaml_node *map, uint32_t index)
{
    CHECK(map->kind == YAML_MAP && index < map->count);
    return map->items[2 * (size_t)index + 1];
}

const yaml_node *yaml_get(const yaml_node *map, const char *key)
{
    if (map->kind != YAML_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->count; i++)
        if (bytes_is(yaml_key(map, i)->text, key))
            return yaml_value(map, i);
    return NULL;
}

struct digest yaml_file_digest(const struct yaml_file *file)
{
    return hash128(file->text, NULL);
}

/* Nodes: how the parts of common/yaml see a file. Nobody else includes this. */
#ifndef GARNER_COMMON_YAML_NODE_H
#define GARNER_COMMON_YAML_NODE_H

#include "common/yaml/yaml.h"

struct yaml_place {
    uint32_t line, column; /* from 1; column in characters; line 0: the file as a whole */
    size_t offset;         /* in the text, in bytes */
};

struct yaml_node {
    enum yaml_kind kind;
    bool plain; /* a scalar without quotes: may be null, a number or a boolean */
    bool open;  /* its end isn't read yet: an alias to it would be a circle */
    struct yaml_place place;
    uint32_t count;  /* of items, or of pairs */
    uint32_t height; /* lists and maps within each other, itself included */
    uint64_t weight; /* nodes in it, aliases counted as often as they stand */
    union {
        struct bytes text;
        const yaml_node **items; /* of a map: key, value, key, value, … */
    };
};

struct yaml_file {
    struct arena arena;
    const char *name;
    struct bytes text;
    const yaml_node *root;
    size_t *hidden; /* offsets of secrets, which messages don't show */
    size_t hidden_count, hidden_cap;
};

/* Parse `file->text` into nodes. Null when it isn't YAML as we take it: then the report says why. */
const yaml_node *yaml_build(struct yaml_file *file, struct yaml_report *report);

/* The place of a byte, and of a line and column as libfyaml counts them. */
struct yaml_place yaml_place_of_offset(struct bytes text, size_t offset);
struct yaml_place yaml_place_of_line(struct bytes text, uint32_t line, uint32_t column);

/* What stands in a file, for a message: its beginning. */
struct bytes yaml_shown(const struct yaml_report *r, struct bytes text);

void yaml_report_error(struct yaml_report *r, const char *name, struct bytes text, struct yaml_place place,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif

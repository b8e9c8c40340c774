/* AWS's shared files (~/.aws/config, ~/.aws/credentials) as they are read by AWS's own tools. Pure.
 *
 * `[section]` lines, `key = value` lines (":" does as well), lines that begin with "#" or ";" are comments; a
 * line that is indented deeper than the one it follows goes on with that one's value, and after an empty
 * value is a property within it. Keys' case doesn't count. Sections of one name are one; of a repeated key
 * the last counts. */
#ifndef GARNER_AWS_INI_H
#define GARNER_AWS_INI_H

#include "common/arena.h"
#include "common/error.h"

struct ini_entry {
    const char *key, *value;              /* the key in lower case; lines of a value are parted by \n */
    struct ini_entry *inner, *inner_last; /* properties within it */
    struct ini_entry *next;
};

struct ini_section {
    const char *raw;         /* as it stands between the brackets, without white space around it */
    const char *kind, *name; /* of "[profile x]", "[services x]", …; else "" and raw */
    struct ini_entry *entries, *last;
    struct ini_section *next;
};

/* All zero is a file without anything in it. */
struct ini {
    struct ini_section *sections;
};

/* Parse a file; nothing points into `text`, all is in the arena. Returns 0; ERR_CREDENTIALS with
 * "LINE: cause" (values are never repeated: they may be secrets). */
int ini_parse(struct arena *arena, struct bytes text, struct ini *out, struct error *e);

/* Is a section that `ini_section_is` meant? By kind and name; with kind null by its raw name. */
bool ini_section_is(const struct ini_section *section, const char *kind, const char *name);
bool ini_has(const struct ini *ini, const char *kind, const char *name);

/* The value of a key in a section; null if there is none. Of an entry with inner properties it is "". */
const char *ini_get(const struct ini *ini, const char *kind, const char *name, const char *key);

#endif

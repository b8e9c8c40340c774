/* World: what a provider has, and how it shows it. A listing is a sequence of entries; each is a resource in
 * one of its states, written in one of many ways. Between listings the world changes: entries come, go, move,
 * are modified, written otherwise, shown twice; pages break elsewhere.
 *
 * All of it follows from a seed. Nothing here knows how Garner works. */
#ifndef GARNER_PROPERTY_WORLD_H
#define GARNER_PROPERTY_WORLD_H

#include "common/hash.h"
#include "common/random.h"
#include "common/value/value.h"

enum shape {
    JSON_ITEMS,   /* {"items": [ITEM, …]} */
    JSON_NESTED,  /* {"data": [{"list": [ITEM, …]}, …]} */
    JSON_ROOT,    /* [ITEM, …] */
    XML_SET,      /* <set><item>…</item>…</set> */
    XML_REPEATED, /* <Buckets><Bucket>…</Bucket>…</Buckets> */
    XML_CONTENTS, /* <Contents>…</Contents> among the root's children */
    XML_NESTED, /* <reservationSet><item><instancesSet><item>…</item>…</instancesSet></item>…</reservationSet>
                 */
    SHAPES
};
enum turn { /* of pages */
            TURN_NONE,
            TURN_TOKEN,
            TURN_TOKEN_HEADER,
            TURN_LINK_HEADER,
            TURN_LINK_BODY,
            TURN_MARKER,
            TURN_MARKER_ID,
            TURNS
};
enum naming { NAMED_BY_POINTER, NAMED_BY_PARTS, NAMED_BY_TEMPLATE, NAMINGS };

/* What a provider file says that stays the same over a history. */
struct kind {
    enum shape shape;
    enum turn turn;
    enum naming naming;
    bool refined; /* `unordered: [/tags]`, `parse: [/policy]`, `require: [/name]` */
};

/* What it says that may be edited: sets of ignored parts. */
enum { IGNORE_NOISE = 1, IGNORE_SEEN = 2, IGNORE_ALL = 3, IGNORE_SETS = 4 };

enum { ENTRIES_MAX = 400, RESOURCES_MAX = 480, PAGES_MAX = 40, ID_TEXT_BYTES = 160 };

struct entry {
    uint32_t resource;
    unsigned version; /* of what counts, 0 to 3: an old one may come back */
    unsigned noise;   /* of what may be ignored, 0 to 15: two bits for each part */
    unsigned order;   /* of its tags */
    unsigned style;   /* of white space, keys, escapes */
    bool bare;        /* lacks its name */
    bool unreadable;  /* has no id */
    /* What follows from these. */
    struct buffer text;  /* as it stands on a page */
    struct digest form;  /* of its document without what is ignored now */
    struct digest plain; /* … without all that is ever ignored */
};

struct world {
    struct random random;
    uint64_t seed;
    struct kind kind;
    unsigned ignores;
    uint32_t resources;         /* how many different ones there may be */
    char (*ids)[ID_TEXT_BYTES]; /* of resources, once they were asked for */
    uint32_t count, most;
    struct entry *entries;
    struct entry *gone; /* the block that went last, which may come back as it was */
    uint32_t gone_count, gone_from;
    bool uniform; /* all items are of one length */
    /* How it is shown. */
    uint32_t page_size, group_size;
    uint64_t page_seed, group_seed; /* 0: all of that size */
    unsigned separator, envelope;
    uint64_t listing; /* from 1 */
};

struct shown {
    uint32_t from, count; /* entries that it has */
    struct buffer body;
    size_t gap;    /* behind one of its items; 0: none */
    char next[64]; /* token, or the next link's path; "" on the last */
    bool hollow;   /* another, empty list of the same name follows, and that one counts */
};

struct layout {
    uint32_t count;
    struct shown pages[PAGES_MAX];
};

bool kind_is_xml(const struct kind *kind);

/* Make a world from a seed, with its first entries. `formats`: 1 JSON, 2 XML, 3 both. */
void world_open(struct world *w, uint64_t seed, unsigned formats);
void world_close(struct world *w);

/* Let some time pass. */
void world_change(struct world *w);

/* Make the texts and forms of an entry anew; of all of them, after an edit of `ignores`. */
void world_remake(struct world *w, struct entry *entry);
void world_remake_all(struct world *w);

/* Show the world as pages (page.c). `hollow`: let a page be one (never of a marker's listing, nor of XML). */
void world_show(struct world *w, bool hollow, struct layout *out);
void layout_close(struct layout *layout);

/* The resource's `id` as it stands in an item, and its id in the collection. They end in its number. */
const char *resource_raw_id(const struct world *w, uint32_t resource, char out[ID_TEXT_BYTES], bool *number);
const char *resource_id(const struct world *w, uint32_t resource);
const char *resource_zone(const struct world *w, uint32_t resource);
/* The resource of an id; RESOURCES_MAX if it is none of this world's. */
uint32_t resource_of_id(const struct world *w, struct bytes id);

/* An entry's item as a document (item.c): of a refined kind /policy is already what its text says. */
struct value item_make(struct arena *arena, const struct world *w, const struct entry *entry);

/* Write an item (write_json.c, write_xml.c). */
void item_write_json(const struct value *item, bool refined, unsigned style, struct buffer *out);
void item_write_xml(const char *name, const struct value *item, bool refined, unsigned style,
                    struct buffer *out);

/* What makes two documents the same, said as simply as can be (form.c). */
struct digest form_of(const struct value *document, bool refined, unsigned ignores);

#endif

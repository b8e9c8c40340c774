/* An entry's item. What it holds follows from the world's seed, the resource's number and the entry's state,
 * so a version that comes back is the same as before, to the byte if its style is. */
#include "tests/property/world.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"

/* /v of versions 0 to 3, as JSON; null: it isn't there. Some differ only in how they are written, and are
 * equal
 * (-0 and 0), some look equal and aren't. */
static const char *const json_versions[][4] = {
    {"1", "2", "3", "4"},
    {"\"a\"", "\"b\"", "\"\"", "null"},
    {"true", "false", "null", NULL},
    {"1.0", "1", "1.00", "10e-1"},
    {"-0", "0", "0.0", "-0.0"},
    {"[]", "{}", "[[]]", "[{}]"},
    {"{\"a\":1}", "{\"a\":2}", "{\"b\":1}", "{\"a\":1,\"b\":null}"},
    {"\"é\"", "\"e\\u0301\"", "\"\\u0000\"", "\"\\ud83d\\ude00\""},
    {"123456789012345678901234567890", "123456789012345678901234567891", "1e400", "1E400"},
    {"[1,2]", "[2,1]", "[1,2,1]", "[1]"},
    {"\"1\"", "1", "true", "\"true\""},
    {"\"]}\"", "\"},{\"", "\"\\\"\"", "\"\\\\\""},
};
static const char *const xml_versions[][4] = {
    {"1", "2", "3", "4"},          {"a", "A", "", NULL},
    {" a", "a", "a ", "a  "},      {"<b>", "&lt;", "]]>", "</item>"},
    {"é", "e\xcc\x81", "ü", "u"},  {"\"", "'", "\"'", "&#34;"},
    {"x\ny", "x y", "x\ty", "xy"},
};
enum { JSON_VERSIONS = sizeof json_versions / sizeof *json_versions };
enum { XML_VERSIONS = sizeof xml_versions / sizeof *xml_versions };

static const char *const names[] = {"plain",  "süß €",  "\xf0\x9f\x98\x80 a", "a\"b\\c/d", "tab\tnew\nline",
                                    "[{}],:", "<a&b>'", "x\"items\":[",       " "};
static const char *const zones[] = {"north", "süd", "a/b%", "w"};
static const char *const ids[] = {"i-",     "é-ü-",  "a/%b-",
                                  "q\"\\-", "<&>'-", "an id that is rather long, as some are: "};

/* What stands in an empty list, as XML has it. */
static struct value maybe_list(const struct world *w, struct value list)
{
    return list.count == 0 && kind_is_xml(&w->kind) ? value_string(BYTES("")) : list;
}

bool kind_is_xml(const struct kind *kind)
{
    return kind->shape >= XML_SET;
}

/* --- ids --- */

static uint64_t mix(const struct world *w, uint32_t resource, uint64_t what)
{
    uint64_t z = w->seed + (resource + 1) * UINT64_C(0x9e3779b97f4a7c15) +
                 what * UINT64_C(0xd1b54a32d192ed03);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 29);
}

const char *resource_zone(const struct world *w, uint32_t resource)
{
    return zones[w->uniform ? 0 : mix(w, resource, 1) % (sizeof zones / sizeof *zones)];
}

const char *resource_raw_id(const struct world *w, uint32_t resource, char out[ID_TEXT_BYTES], bool *number)
{
    uint64_t kind = mix(w, 0, 2) % (w->uniform ? 7 : 8); /* most providers have ids of one kind */
    if (kind == 7)
        kind = mix(w, resource, 2) % 7;
    *number = kind == 6 && !kind_is_xml(&w->kind);
    snprintf(out, ID_TEXT_BYTES, "%s%04u", *number ? "7" : ids[kind % 6], resource);
    return out;
}

/* As parts of an id of several are joined. */
static void add_part(char out[ID_TEXT_BYTES], const char *part)
{
    size_t len = strlen(out);
    for (; *part; part++) {
        const char *code = *part == '/' ? "%2F" : *part == '%' ? "%25" : NULL;
        len += (size_t)snprintf(out + len, ID_TEXT_BYTES - len, code ? "%s" : "%.1s", code ? code : part);
    }
}

static void make_id(const struct world *w, uint32_t resource, char out[ID_TEXT_BYTES])
{
    char raw[ID_TEXT_BYTES];
    bool number;
    resource_raw_id(w, resource, raw, &number);
    out[0] = 0;
    switch (w->kind.naming) {
    case NAMED_BY_PARTS:
        add_part(out, resource_zone(w, resource));
        strcat(out, "/");
        add_part(out, raw);
        break;
    case NAMED_BY_TEMPLATE:
        CHECK(snprintf(out, ID_TEXT_BYTES, "%s:%s", resource_zone(w, resource), raw) < ID_TEXT_BYTES);
        break;
    default:
        strcpy(out, raw);
        break;
    }
}

const char *resource_id(const struct world *w, uint32_t resource)
{
    if (!w->ids[resource][0])
        make_id(w, resource, w->ids[resource]);
    return w->ids[resource];
}

uint32_t resource_of_id(const struct world *w, struct bytes id)
{
    uint64_t number;
    if (id.len < 4 || !bytes_to_u64(bytes_from(id, id.len - 4), &number) || number >= w->resources)
        return RESOURCES_MAX;
    return bytes_is(id, resource_id(w, (uint32_t)number)) ? (uint32_t)number : RESOURCES_MAX;
}

/* --- documents --- */

static void put(struct value *object, const char *key, struct value value)
{
    value_put(object, bytes_of(key), value);
}

static struct value string(const char *text)
{
    return value_string(bytes_of(text));
}

static struct value json(struct arena *arena, const char *text)
{
    struct value v;
    struct error e;
    CHECK(!value_from_json(arena, bytes_of(text), &v, NULL, &e));
    return v;
}

/* A number below 16; in XML it is a text. */
static struct value scalar(const struct world *w, uint64_t number)
{
    static const char digits[] = "0123456789101112131415";
    struct bytes text = number < 10 ? (struct bytes){digits + number, 1}
                                    : (struct bytes){digits + 2 * number - 10, 2};
    return kind_is_xml(&w->kind) ? value_string(text) : value_number(text);
}

static struct value tags(struct arena *arena, const struct world *w, const struct entry *entry, uint64_t bits)
{
    static const char *const values[] = {"", "x", "y", "x"};
    uint32_t count = (uint32_t)(bits % 4) + (entry->version == 2 ? 1 : 0);
    struct value list = value_array(arena, count);
    for (uint32_t i = 0; i < count; i++) {
        struct value tag = value_object(arena, 2);
        put(&tag, "key", string(values[(bits >> (2 * i + 2)) & 3]));
        put(&tag, "value", scalar(w, i));
        list.items[(i + entry->order) % count] = tag;
    }
    return maybe_list(w, list);
}

static struct value meta(struct arena *arena, const struct world *w, const struct entry *entry, uint64_t bits)
{
    struct value object = value_object(arena, 3);
    put(&object, "seen", scalar(w, entry->noise >> 2));
    if (bits & 1)
        put(&object, "state", string(entry->version == 3 ? "on" : "off"));
    if (bits & 2) {
        struct value deep = value_object(arena, 1);
        put(&deep, "seen", scalar(w, entry->version / 2)); /* not the one that is ignored */
        put(&object, "deep", deep);
    }
    return object;
}

/* /policy: what its text says, or the text where it isn't read. */
static struct value policy(struct arena *arena, const struct world *w, const struct entry *entry)
{
    static const char *const texts[] = {
        "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"a\",\"b\"]}]}",
        "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":[\"a\",\"b\"]}]}",
    };
    const char *text = texts[entry->version & 1];
    return w->kind.refined ? json(arena, text) : string(text);
}

/* A text with what a careless reader would take for the end of an item. */
static struct value filler(struct arena *arena, uint64_t bits)
{
    static const char snippet[] =
        "lorem {ipsum} [dolor], \"sit\": \\ amet </item><item> ]]> &amp; \"next\":null}] ";
    size_t len = bits % 8 == 0 ? bits / 8 % 400 : bits % 24;
    char *text = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++)
        text[i] = snippet[i % (sizeof snippet - 1)];
    return value_string((struct bytes){text, len});
}

static struct value id_of(struct arena *arena, const struct world *w, const struct entry *entry)
{
    char raw[ID_TEXT_BYTES];
    bool number;
    struct bytes text = bytes_of(resource_raw_id(w, entry->resource, raw, &number));
    if (entry->unreadable)
        return entry->version == 1 ? value_null() : value_object(arena, 0);
    return number ? value_number(arena_copy(arena, text)) : value_string(arena_copy(arena, text));
}

/* Items of which one is as long as the other: who mistakes where one stands may hit another. */
static struct value make_uniform(struct arena *arena, const struct world *w, const struct entry *entry)
{
    struct value item = value_object(arena, 5);
    if (!entry->unreadable)
        put(&item, "id", id_of(arena, w, entry));
    put(&item, "zone", string(zones[0]));
    if (!entry->bare)
        put(&item, "name", string("n"));
    put(&item, "v", scalar(w, entry->version));
    put(&item, "noise", scalar(w, entry->noise & 3));
    return item;
}

struct value item_make(struct arena *arena, const struct world *w, const struct entry *entry)
{
    if (w->uniform)
        return make_uniform(arena, w, entry);
    struct value item = value_object(arena, 12);
    uint64_t bits = mix(w, entry->resource, 3);
    bool xml = kind_is_xml(&w->kind);
    const char *version = xml ? xml_versions[bits % XML_VERSIONS][entry->version]
                              : json_versions[bits % JSON_VERSIONS][entry->version];
    if (!entry->unreadable || (!xml && entry->version))
        put(&item, "id", id_of(arena, w, entry));
    put(&item, "zone", string(resource_zone(w, entry->resource)));
    if (!entry->bare)
        put(&item, "name", string(names[bits / 16 % (sizeof names / sizeof *names)]));
    if (version)
        put(&item, "v", xml ? string(version) : json(arena, version));
    bits >>= 12;
    put(&item, "noise", scalar(w, entry->noise & 3));
    if (bits & 1 || entry->noise >> 2)
        put(&item, "meta", meta(arena, w, entry, bits >> 1));
    bits >>= 3;
    if (bits & 3)
        put(&item, "tags", tags(arena, w, entry, bits >> 2));
    bits >>= 14;
    if ((bits & 3) == 0)
        put(&item, "policy", policy(arena, w, entry));
    if ((bits & 12) == 0 && xml) {
        struct value size = value_object(arena, 2);
        put(&size, "@unit", string(bits & 16 ? "G\"i'B" : "<&"));
        put(&size, "#text", string(entry->version == 1 ? "9" : "8"));
        put(&item, "size", size);
    }
    if (bits & 32)
        put(&item, "filler", filler(arena, bits >> 6));
    return item;
}

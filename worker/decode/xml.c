/* The reader hands out elements as they open and close. The values of closed elements wait on one stack until
 * their parent closes, which then makes its object or array of those that are its own; texts wait on another.
 * So no element has lists that grow, and what lands in the arena has its final size.
 *
 * libxml2 keeps each name once, so a name is known by its address: what is to be known of it (its key,
 * whether it is one of `list_elements`) is found out once a document, and objects are grouped by counting in
 * the names, not by comparing keys. The other way, libxml2's tree, would take five times the memory of the
 * body. */
#include "worker/decode/xml.h"

#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "common/limits.h"
#include "worker/decode/xml_check.h"

/* --- Names --- */

struct name {
    const xmlChar *text; /* libxml2's own */
    bool is_attribute, is_list_element;
    struct bytes key;
    /* Of the object being made: */
    uint32_t round; /* which one it is, if it has such a member */
    uint32_t times; /* children of this name */
    uint32_t place; /* of the member */
};

struct names {
    struct name *list;
    uint32_t count, cap;
    uint32_t *table; /* places in `list`, plus one; its size is twice `cap` */
    uint32_t round;
};

/* A child whose parent is still open. */
struct child {
    uint32_t name;
    struct value value;
};

/* An open element. */
struct frame {
    uint32_t name;
    uint32_t first, attributes; /* its part of the children, attributes in front */
    uint32_t namespaces;        /* declared by it and those around it */
    size_t text;                /* where its text begins */
    bool is_list;               /* so far */
};

struct reading {
    struct arena *arena;
    const struct xml_rules *rules;
    xmlTextReaderPtr reader;
    struct names names;
    struct child *children;
    uint32_t count, cap;
    struct buffer text;
    struct frame frames[LIMIT_DEPTH];
    uint32_t depth;
    struct value root;
    struct error *e;
    int code; /* of what libxml2 complained of first */
};

static uint32_t *slot_of(const struct names *names, const xmlChar *text, bool is_attribute)
{
    uint32_t mask = names->cap * 2 - 1;
    uint32_t at = (uint32_t)hash64((struct bytes){(const char *)&text, sizeof text}) + is_attribute;
    for (;; at++) {
        uint32_t *slot = &names->table[at & mask];
        const struct name *name = *slot ? &names->list[*slot - 1] : NULL;
        if (!name || (name->text == text && name->is_attribute == is_attribute))
            return slot;
    }
}

static void grow_names(struct names *names)
{
    names->cap = names->cap ? names->cap * 2 : 64;
    names->list = mem_resize(names->list, names->cap * sizeof *names->list);
    free(names->table);
    names->table = mem_zalloc(names->cap * 2 * sizeof *names->table);
    for (uint32_t i = 0; i < names->count; i++)
        *slot_of(names, names->list[i].text, names->list[i].is_attribute) = i + 1;
}

static bool is_list_element(const struct xml_rules *rules, struct bytes name)
{
    for (const char *const *known = rules ? rules->list_elements : NULL; known && *known; known++)
        if (bytes_is(name, *known))
            return true;
    return false;
}

static int too_much(struct reading *r, const char *what, int most)
{
    return error_set(r->e, ERR_LIMIT, "line %d: %s more than %d", xmlTextReaderGetParserLineNumber(r->reader),
                     what, most);
}

static int find_name(struct reading *r, const xmlChar *text, bool is_attribute, uint32_t *out)
{
    struct names *names = &r->names;
    if (names->count == names->cap)
        grow_names(names);
    text = xmlTextReaderConstString(r->reader, text);
    CHECK(text);
    uint32_t *slot = slot_of(names, text, is_attribute);
    if (!*slot) {
        if (names->count == LIMIT_XML_NAMES)
            return too_much(r, "different names of elements and attributes:", LIMIT_XML_NAMES);
        struct bytes local = bytes_of((const char *)text);
        names->list[names->count] = (struct name){
            .text = text,
            .is_attribute = is_attribute,
            .is_list_element = !is_attribute && is_list_element(r->rules, local),
            .key = bytes_of(arena_printf(r->arena, "%s%s", is_attribute ? "@" : "", local.data)),
        };
        *slot = ++names->count;
    }
    *out = *slot - 1;
    return 0;
}

/* The name of what the reader stands at. An undeclared prefix is part of it for libxml2, not for us. */
static int find_local_name(struct reading *r, bool is_attribute, uint32_t *out)
{
    const xmlChar *text = xmlTextReaderConstLocalName(r->reader), *colon = xmlStrchr(text, ':');
    return find_name(r, colon ? colon + 1 : text, is_attribute, out);
}

/* Names that are in no document, but in libxml2's memory, which gets slow when there are too many. */
static int note_name(struct reading *r, const xmlChar *text)
{
    uint32_t name;
    return text ? find_name(r, text, false, &name) : 0;
}

/* --- Values --- */

static struct value make_array(struct reading *r, const struct child *children, uint32_t count)
{
    struct value array = value_array(r->arena, count);
    for (uint32_t i = 0; i < count; i++)
        array.items[i] = children[i].value;
    return array;
}

/* How many members these children are, and of each name how many they are. */
static uint32_t count_members(struct names *names, const struct child *children, uint32_t count)
{
    uint32_t members = 0;
    names->round++;
    for (uint32_t i = 0; i < count; i++) {
        struct name *name = &names->list[children[i].name];
        if (name->round != names->round) {
            name->round = names->round;
            name->times = 0;
            name->place = members++;
        }
        name->times++;
    }
    return members;
}

static struct value make_object(struct reading *r, const struct child *children, uint32_t count,
                                struct bytes text)
{
    uint32_t members = count_members(&r->names, children, count);
    struct value object = value_object(r->arena, members + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct name *name = &r->names.list[children[i].name];
        if (name->place == object.count) {
            value_put(&object, name->key, children[i].value);
            if (name->times == 1)
                continue;
            object.members[name->place].value = value_array(r->arena, name->times);
            object.members[name->place].value.count = 0;
        }
        struct value *array = &object.members[name->place].value;
        array->items[array->count++] = children[i].value;
    }
    if (text.len)
        value_put(&object, BYTES("#text"), value_string(arena_copy(r->arena, text)));
    return object;
}

static struct value make_value(struct reading *r, const struct frame *frame)
{
    const struct child *children = r->children + frame->first;
    uint32_t count = r->count - frame->first, elements = count - frame->attributes;
    struct bytes text = bytes_from(buffer_bytes(&r->text), frame->text);
    if (elements && frame->is_list)
        return make_array(r, children + frame->attributes, elements);
    if (!count)
        return value_string(arena_copy(r->arena, text));
    return make_object(r, children, count, elements ? bytes_trim(text) : text);
}

/* --- The reader --- */

static void grow_children(struct reading *r)
{
    r->cap = r->cap ? r->cap * 2 : 256;
    r->children = mem_resize(r->children, r->cap * sizeof *r->children);
}

static void add_child(struct reading *r, uint32_t name, struct value value)
{
    if (r->count == r->cap)
        grow_children(r);
    r->children[r->count++] = (struct child){name, value};
}

static void close_element(struct reading *r)
{
    const struct frame *frame = &r->frames[--r->depth];
    struct value value = make_value(r, frame);
    r->count = frame->first;
    r->text.len = frame->text;
    if (!r->depth) {
        r->root = value;
        return;
    }
    struct frame *parent = &r->frames[r->depth - 1];
    parent->is_list = parent->is_list && r->names.list[frame->name].is_list_element;
    add_child(r, frame->name, value);
}

/* Declarations of namespaces are no data; libxml2 looks through all that are in force for each prefix. */
static int take_attribute(struct reading *r, struct frame *frame)
{
    uint32_t name;
    if (xmlTextReaderIsNamespaceDecl(r->reader) == 1) {
        if (++frame->namespaces > LIMIT_XML_ATTRIBUTES)
            return too_much(r, "namespaces in force:", LIMIT_XML_ATTRIBUTES);
        return note_name(r, xmlTextReaderConstValue(r->reader));
    }
    int code = find_local_name(r, true, &name);
    if (!code) {
        struct bytes text = bytes_of((const char *)xmlTextReaderConstValue(r->reader));
        add_child(r, name, value_string(arena_copy(r->arena, text)));
        frame->attributes++;
    }
    return code;
}

static int open_element(struct reading *r)
{
    if (r->depth == LIMIT_DEPTH)
        return too_much(r, "elements within each other:", LIMIT_DEPTH);
    struct frame *frame = &r->frames[r->depth];
    *frame = (struct frame){.first = r->count,
                            .text = r->text.len,
                            .namespaces = r->depth ? frame[-1].namespaces : 0,
                            .is_list = true};
    r->depth++;
    bool is_empty = xmlTextReaderIsEmptyElement(r->reader) == 1;
    int code = find_local_name(r, false, &frame->name);
    if (!code && xmlTextReaderHasAttributes(r->reader) == 1) {
        for (int more = xmlTextReaderMoveToFirstAttribute(r->reader); more == 1 && !code;
             more = xmlTextReaderMoveToNextAttribute(r->reader))
            code = take_attribute(r, frame);
        xmlTextReaderMoveToElement(r->reader);
    }
    if (!code && is_empty)
        close_element(r);
    return code;
}

static int take_node(struct reading *r)
{
    switch (xmlTextReaderNodeType(r->reader)) {
    case XML_READER_TYPE_ELEMENT:
        return open_element(r);
    case XML_READER_TYPE_END_ELEMENT:
        close_element(r);
        return 0;
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA:
    case XML_READER_TYPE_WHITESPACE:
    case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
        buffer_add_bytes(&r->text, bytes_of((const char *)xmlTextReaderConstValue(r->reader)));
        return 0;
    case XML_READER_TYPE_PROCESSING_INSTRUCTION:
        return note_name(r, xmlTextReaderConstName(r->reader));
    default:
        return 0;
    }
}

/* Did it meet a limit of libxml2's? Older versions have no code of their own for most of them. */
static bool is_limit(int code, const char *message)
{
#if LIBXML_VERSION >= 21300
    if (code == XML_ERR_RESOURCE_LIMIT)
        return true;
#endif
    if (code == XML_ERR_INTERNAL_ERROR)
        return strcasestr(message, "huge") || strcasestr(message, "depth");
    return code == XML_ERR_NO_MEMORY || code == XML_ERR_NAME_TOO_LONG;
}

/* Undeclared prefixes and other oddities of namespaces don't matter to what falls away. Where a message goes
 * on with a second line, that is bytes of the body. */
#if LIBXML_VERSION >= 21200
static void complain(void *context, const xmlError *error)
#else
static void complain(void *context, xmlErrorPtr error)
#endif
{
    struct reading *r = context;
    if (r->code || error->level == XML_ERR_WARNING || error->domain == XML_FROM_NAMESPACE)
        return;
    const char *message = error->message ? error->message : "it is not well-formed";
    if (error->code ==
        XML_ERR_DOCUMENT_END) /* which for libxml2 is extra content, also where there is none */
        message = "it breaks off, or goes on behind its end";
    if (!is_limit(error->code, message))
        r->code = error_set(r->e, ERR_BODY, "line %d, column %d: %.*s", error->line, error->int2,
                            (int)strcspn(message, "\n"), message);
    else if (strcasestr(message, "depth"))
        r->code = too_much(r, "elements within each other:", LIMIT_DEPTH);
    else
        r->code = error_set(r->e, ERR_LIMIT,
                            "line %d: a name, attribute, comment or text is longer than libxml2 reads",
                            error->line);
}

static int read_all(struct reading *r)
{
    int got = 1, code = 0;
    while (!code && (got = xmlTextReaderRead(r->reader)) == 1)
        code = take_node(r);
    if (code || r->code)
        return code ? code : r->code;
    if (got < 0 || r->depth)
        return error_set(r->e, ERR_BODY, "line %d: it is not well-formed",
                         xmlTextReaderGetParserLineNumber(r->reader));
    return 0;
}

/* --- The document --- */

static int finish(struct reading *r, struct value *out)
{
    const struct xml_rules *rules = r->rules;
    if (rules && rules->array_count)
        pointer_make_arrays(r->arena, &r->root,
                            pointers_walk_single(r->arena, rules->arrays, rules->array_count),
                            rules->array_count);
    if (value_is_deeper(&r->root, LIMIT_DEPTH))
        return error_set(r->e, ERR_LIMIT, "arrays and objects more than %d deep in each other", LIMIT_DEPTH);
    *out = r->root;
    return 0;
}

void xml_begin(void)
{
    xmlInitParser();
}

int xml_decode(struct arena *arena, struct bytes body, struct bytes charset, const struct xml_rules *rules,
               struct value *out, struct error *e)
{
    const char *encoding = NULL;
    if (body.len > LIMIT_BODY_BYTES)
        return error_set(e, ERR_LIMIT, "%zu bytes of XML, at most %d are read", body.len, LIMIT_BODY_BYTES);
    int code = xml_check(body, charset, &encoding, e);
    if (code)
        return code;
    struct reading r = {.arena = arena, .rules = rules, .e = e};
    grow_children(&r);
    buffer_reserve(&r.text, 256);
    xmlInitParser();
    r.reader = xmlReaderForMemory(body.data, (int)body.len, NULL, encoding, XML_PARSE_NONET);
    CHECK(r.reader);
    xmlTextReaderSetStructuredErrorHandler(r.reader, complain, &r);
    code = read_all(&r);
    if (!code)
        code = finish(&r, out);
    xmlFreeTextReader(r.reader);
    buffer_close(&r.text);
    free(r.children);
    free(r.names.list);
    free(r.names.table);
    return code;
}

/* Items as XML, in one of many ways that mean the same (docs/provider-files.md, XML): lists are made of
 * <item>,
 * "@name" is an attribute and "#text" the text beside it. Every other value is a text. */
#include "tests/property/world.h"

#include <string.h>

#include "common/check.h"

struct hand {
    unsigned space;   /* 0: none, to 3: a comment, too */
    unsigned keys;    /* 0: as they come, 1: backwards, 2: from the middle on */
    unsigned escapes; /* 0: what must be, 1: by number, 2: CDATA */
    bool prefixed;    /* names have a prefix */
    bool refined;
};

static struct hand hand_of(unsigned style, bool refined)
{
    return (struct hand){style % 4, style / 4 % 3, style / 12 % 3, style % 5 == 4, refined};
}

static void add_space(const struct hand *hand, struct buffer *out)
{
    static const char *const spaces[] = {"", "\n    ", "\t", " <!-- <item> --> "};
    buffer_add_text(out, spaces[hand->space]);
}

static void add_char(char c, unsigned escapes, struct buffer *out)
{
    static const char special[] = "&<>\"'";
    static const char *const named[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    const char *at = c ? strchr(special, c) : NULL;
    if (escapes == 1 && (at || c == 'a'))
        buffer_printf(out, "&#x%x;", (unsigned)c);
    else if (at)
        buffer_add_text(out, named[at - special]);
    else
        buffer_add_char(out, c);
}

static void add_text(struct bytes text, const struct hand *hand, struct buffer *out)
{
    if (hand->escapes == 2 && text.len && !memmem(text.data, text.len, "]]>", 3)) {
        buffer_add_text(out, "<![CDATA[");
        buffer_add_bytes(out, text);
        buffer_add_text(out, "]]>");
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        add_char(text.data[i], hand->escapes, out);
}

static void add_attribute(const struct member *m, const struct hand *hand, struct buffer *out)
{
    char quote = hand->keys == 1 ? '\'' : '"';
    buffer_add_char(out, ' ');
    buffer_add(out, m->key.data + 1, m->key.len - 1);
    buffer_add_text(out, hand->space ? " = " : "=");
    buffer_add_char(out, quote);
    for (size_t i = 0; i < m->value.text.len; i++)
        add_char(m->value.text.data[i], hand->escapes, out);
    buffer_add_char(out, quote);
}

static void add_name(struct bytes name, const struct hand *hand, struct buffer *out)
{
    if (hand->prefixed)
        buffer_add_text(out, "n:");
    buffer_add_bytes(out, name);
}

static void add_element(struct bytes name, const struct value *v, const struct hand *hand, bool is_item,
                        struct buffer *out);

static void add_embedded(struct bytes name, const struct value *v, const struct hand *hand,
                         struct buffer *out)
{
    struct buffer text = {0};
    item_write_json(v, false, hand->space, &text);
    struct value as_text = value_string(buffer_bytes(&text));
    add_element(name, &as_text, hand, false, out);
    buffer_close(&text);
}

static void add_members(const struct value *v, const struct hand *hand, bool is_item, struct buffer *out)
{
    for (uint32_t i = 0; i < v->count; i++) {
        uint32_t at = hand->keys == 1   ? v->count - 1 - i
                      : hand->keys == 2 ? (i + v->count / 2) % v->count
                                        : i;
        const struct member *m = &v->members[at];
        if (bytes_is(m->key, "#text")) {
            add_text(m->value.text, hand, out);
        } else if (!bytes_starts(m->key, "@")) {
            add_space(hand, out);
            if (is_item && hand->refined && bytes_is(m->key, "policy"))
                add_embedded(m->key, &m->value, hand, out);
            else
                add_element(m->key, &m->value, hand, false, out);
        }
    }
}

static void add_content(const struct value *v, const struct hand *hand, bool is_item, struct buffer *out)
{
    bool leaf = v->type == VALUE_STRING || value_get_text(v, "#text");
    if (v->type == VALUE_STRING)
        add_text(v->text, hand, out);
    else if (v->type == VALUE_OBJECT)
        add_members(v, hand, is_item, out);
    for (uint32_t i = 0; v->type == VALUE_ARRAY && i < v->count; i++) {
        add_space(hand, out);
        add_element(BYTES("item"), &v->items[i], hand, false, out);
    }
    if (!leaf)
        add_space(hand, out);
}

static void add_element(struct bytes name, const struct value *v, const struct hand *hand, bool is_item,
                        struct buffer *out)
{
    CHECK(v->type == VALUE_STRING || v->type == VALUE_OBJECT || v->type == VALUE_ARRAY);
    buffer_add_char(out, '<');
    add_name(name, hand, out);
    for (uint32_t i = 0; v->type == VALUE_OBJECT && i < v->count; i++)
        if (bytes_starts(v->members[i].key, "@"))
            add_attribute(&v->members[i], hand, out);
    if (v->type == VALUE_STRING && v->text.len == 0 && hand->keys != 1) {
        buffer_add_text(out, hand->space ? " />" : "/>");
        return;
    }
    buffer_add_char(out, '>');
    add_content(v, hand, is_item, out);
    buffer_add_text(out, "</");
    add_name(name, hand, out);
    buffer_add_text(out, hand->space == 1 ? "\n>" : ">");
}

void item_write_xml(const char *name, const struct value *item, bool refined, unsigned style,
                    struct buffer *out)
{
    struct hand hand = hand_of(style, refined);
    add_element(bytes_of(name), item, &hand, true, out);
}

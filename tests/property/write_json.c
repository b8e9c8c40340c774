/* Items as JSON, in one of many ways that mean the same. Not Garner's writer: that one knows a single way. */
#include "tests/property/world.h"

#include <string.h>

/* What a style's number means. */
struct hand {
    unsigned space; /* 0: none, to 3: all that is allowed */
    unsigned keys;  /* 0: as they come, 1: backwards, 2: from the middle on */
    bool escapes;   /* whatever may be escaped */
    bool twice;     /* /v stands twice, and the last one counts */
    bool refined;
};

static struct hand hand_of(unsigned style, bool refined)
{
    return (struct hand){style % 4, style / 4 % 3, style / 12 % 2 == 1, style >= 24, refined};
}

static void add_space(const struct hand *hand, struct buffer *out)
{
    static const char *const spaces[] = {"", " ", "\n  ", "\t\r\n "};
    buffer_add_text(out, spaces[hand->space]);
}

static void add_escape(uint32_t unit, struct buffer *out)
{
    buffer_printf(out, "\\u%04x", unit);
}

/* One character of UTF-8 as an escape, or two. Returns its length. */
static size_t add_escaped(const unsigned char *at, struct buffer *out)
{
    size_t len = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    uint32_t code = len == 1 ? *at : *at & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (at[i] & 0x3f);
    if (code >= 0x10000) {
        add_escape(0xd800 + ((code - 0x10000) >> 10), out);
        code = 0xdc00 + ((code - 0x10000) & 0x3ff);
    }
    add_escape(code, out);
    return len;
}

static void add_string(struct bytes text, const struct hand *hand, struct buffer *out)
{
    buffer_add_char(out, '"');
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\' || (c == '/' && hand->escapes)) {
            buffer_add_char(out, '\\');
            buffer_add_char(out, (char)c);
            i++;
        } else if (c < 0x20 || (hand->escapes && (c >= 0x80 || c == 'a' || c == '{'))) {
            i += add_escaped((const unsigned char *)text.data + i, out);
        } else {
            buffer_add_char(out, (char)c);
            i++;
        }
    }
    buffer_add_char(out, '"');
}

static void add(const struct value *v, const struct hand *hand, bool is_item, struct buffer *out);

static void add_embedded(const struct value *v, const struct hand *hand, struct buffer *out)
{
    struct buffer text = {0};
    struct hand inner = *hand;
    inner.refined = inner.twice = false;
    add_space(hand, &text);
    add(v, &inner, false, &text);
    add_space(hand, &text);
    add_string(buffer_bytes(&text), hand, out);
    buffer_close(&text);
}

static void add_member(const struct member *m, const struct hand *hand, bool is_item, struct buffer *out)
{
    add_string(m->key, hand, out);
    add_space(hand, out);
    buffer_add_char(out, ':');
    add_space(hand, out);
    if (is_item && hand->refined && bytes_is(m->key, "policy"))
        add_embedded(&m->value, hand, out);
    else
        add(&m->value, hand, false, out);
}

static void add_object(const struct value *v, const struct hand *hand, bool is_item, struct buffer *out)
{
    buffer_add_char(out, '{');
    add_space(hand, out);
    if (is_item && hand->twice && value_get_text(v, "v"))
        buffer_add_text(out, "\"v\":\"earlier\",");
    for (uint32_t i = 0; i < v->count; i++) {
        uint32_t at = hand->keys == 1   ? v->count - 1 - i
                      : hand->keys == 2 ? (i + v->count / 2) % v->count
                                        : i;
        if (i) {
            buffer_add_char(out, ',');
            add_space(hand, out);
        }
        add_member(&v->members[at], hand, is_item, out);
        add_space(hand, out);
    }
    buffer_add_char(out, '}');
}

static void add_array(const struct value *v, const struct hand *hand, struct buffer *out)
{
    buffer_add_char(out, '[');
    for (uint32_t i = 0; i < v->count; i++) {
        if (i)
            buffer_add_char(out, ',');
        add_space(hand, out);
        add(&v->items[i], hand, false, out);
    }
    add_space(hand, out);
    buffer_add_char(out, ']');
}

static void add(const struct value *v, const struct hand *hand, bool is_item, struct buffer *out)
{
    switch (v->type) {
    case VALUE_NULL:
        buffer_add_text(out, "null");
        break;
    case VALUE_BOOL:
        buffer_add_text(out, v->boolean ? "true" : "false");
        break;
    case VALUE_NUMBER:
        buffer_add_bytes(out, v->text);
        break;
    case VALUE_STRING:
        add_string(v->text, hand, out);
        break;
    case VALUE_ARRAY:
        add_array(v, hand, out);
        break;
    case VALUE_OBJECT:
        add_object(v, hand, is_item, out);
        break;
    }
}

void item_write_json(const struct value *item, bool refined, unsigned style, struct buffer *out)
{
    struct hand hand = hand_of(style, refined);
    add(item, &hand, true, out);
}

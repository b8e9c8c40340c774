/* The items of XML. What an items pointer leads to depends on what xml.c makes of elements, so this says of
 * each element on the way what it will be, by its tag and its first child element alone:
 *
 * - By a name, the child element of that name. It must be there, and only once; and the name is none of
 *   `list_elements`, so what holds it is an object.
 * - By a name and `*`, one of three:
 *   - a list: an element whose first child element is one of `list_elements`. Then all of its children must
 * be, and they are what `*` walks;
 *   - repeated: its first child element is none of them, or it has a text. Then each element of that name is
 *     what `*` walks, also a single one, and all must be of this kind. It isn't looked for below another
 *     `*`: a list that isn't there differs from an empty one;
 *   - empty: no items, and no other element of that name may be there.
 *
 * Whatever contradicts that, now or later, up to the root's end, makes the finder lost. So do text and CDATA
 * beside elements on the way (without the items between them two texts may become what is no XML), attributes
 * of a list that may become empty, a DOCTYPE, and pointers of `arrays` by which a document depends on how
 * many items there are, or where (so equal bytes of an item always mean an equal document).
 *
 * A stretch that is skipped may hold the ends of lists and the beginnings of others. When its bytes were
 * found one by one they were looked at; what they are can't have changed, as they began in the same kind of
 * list. Without it, one list's start tag comes together with another one's end tag: so below a `*` the
 * elements on the way have no prefixes, and those in lists are all of one name.
 *
 * What the users of a finder see to: of a page that has items, one is never cut. The last one of a list
 * would leave an empty element behind, which is the same as no items; of repeated elements, nothing. */
#include <string.h>

#include "worker/decode/finder_internal.h"
#include "worker/decode/xml_scan.h"

/* Where it stands between two steps. */
struct place {
    enum { IN_ELEMENT, IN_LIST } kind;
    uint32_t level; /* the segment that is looked for here: a name in an element, `*` in a list */
    bool seen;      /* an element of that name, before */
};

/* A step's outcome: another one is needed, or what finder_next says. */
enum step { STEP_ON, STEP_ITEM, STEP_END, STEP_LOST };

/* What `*` finds in an element. */
enum holding { HOLDS_LIST, HOLDS_ITSELF, HOLDS_NOTHING, HOLDS_UNKNOWN };

static bool is_list_element(struct finder *f, struct bytes name)
{
    if (f->element && bytes_is(name, f->element))
        return true;
    for (const char *const *known = f->rules ? f->rules->list_elements : NULL; known && *known; known++)
        if (bytes_is(name, *known)) {
            f->element = *known;
            return true;
        }
    return false;
}

/* --- Pointers --- */

/* Could a pointer of `arrays` make of an item, or of what is on the way to it, another thing if there were
 * more items, or less? */
static bool is_harmless(const struct pointer *items, const struct pointer *array)
{
    uint32_t i = 0;
    for (; i < items->count && i < array->count; i++) {
        if (items->walks[i] != array->walks[i])
            return false;
        if (!items->walks[i] && !bytes_equal(items->segments[i], array->segments[i]))
            return true;
    }
    if (i < items->count)
        return i > 0 && items->walks[i];
    while (i < array->count && array->walks[i])
        i++;
    return i < array->count;
}

/* Neither `*` after `*`, nor names of `list_elements`. */
static bool is_fit(struct finder *f)
{
    const struct pointer *items = f->items;
    for (uint32_t i = 0; i < items->count; i++) {
        if (items->walks[i] && i > 0 && items->walks[i - 1])
            return false;
        if (!items->walks[i] && is_list_element(f, items->segments[i]))
            return false;
    }
    for (uint32_t i = 0; f->rules && i < f->rules->array_count; i++)
        if (!is_harmless(items, &f->rules->arrays[i]))
            return false;
    return true;
}

void xml_finder_open(struct finder *f)
{
    if (bytes_starts(f->body, "\xef\xbb\xbf"))
        f->at = 3;
    if (!is_fit(f))
        f->state = FINDER_IS_LOST;
}

/* --- Places --- */

/* Is this `*` below another? */
static bool is_inner(const struct finder *f, uint32_t level)
{
    while (level-- > 0)
        if (f->items->walks[level])
            return true;
    return false;
}

/* Behind what `*` at this level walked. */
static struct place behind_walked(const struct finder *f, uint32_t level)
{
    if (f->listed[level])
        return (struct place){IN_LIST, level, true};
    return (struct place){IN_ELEMENT, level - 1, true};
}

/* Behind the end of what the place is in. */
static enum step leave(const struct finder *f, struct place *p)
{
    if (p->level == 0)
        return STEP_END;
    uint32_t level = p->level - 1;
    if (p->kind == IN_ELEMENT && f->items->walks[level])
        *p = behind_walked(f, level);
    else
        *p = (struct place){IN_ELEMENT, level, true};
    return STEP_ON;
}

/* Has the tag at `at` one? */
static bool has_prefix(const struct finder *f, const struct xml_tag *tag)
{
    return tag->name.data != f->body.data + f->at + 1;
}

/* Into the element at `at`, which the pointer leads to by its segments up to this one. */
static enum step enter(struct finder *f, struct place *p, uint32_t level)
{
    if (level + 1 == f->items->count)
        return STEP_ITEM;
    struct xml_tag tag;
    if (!xml_read_tag(f->body, f->at, &tag) || tag.is_empty ||
        (is_inner(f, level + 1) && has_prefix(f, &tag)))
        return STEP_LOST;
    f->at = tag.end;
    *p = (struct place){IN_ELEMENT, level + 1, false};
    return STEP_ON;
}

static bool skip_element(struct finder *f)
{
    size_t end = xml_end_of_element(f->body, f->at);
    if (end)
        f->at = end;
    return end > 0;
}

/* --- Elements that `*` follows --- */

/* To the `<` behind a text. A reference may stand for white space, and CDATA hold nothing else: then nobody
 * knows whether there is a text. */
static bool skip_text(struct bytes body, size_t *at)
{
    if (*at >= body.len || body.data[*at] == '<' || body.data[*at] == '&')
        return false;
    const char *end = memchr(body.data + *at, '<', body.len - *at);
    *at = end ? (size_t)(end - body.data) : body.len;
    return end;
}

/* What the element at `at` holds, by its first child element, or else by its text. */
static enum holding look_into(struct finder *f, struct xml_tag *tag)
{
    if (!xml_read_tag(f->body, f->at, tag))
        return HOLDS_UNKNOWN;
    bool has_text = false;
    for (size_t at = tag->end; !tag->is_empty;) {
        switch (xml_look(f->body, &at)) {
        case XML_START: {
            struct bytes name = xml_local_name(f->body, at);
            if (!name.len)
                return HOLDS_UNKNOWN;
            return is_list_element(f, name) ? HOLDS_LIST : HOLDS_ITSELF;
        }
        case XML_END:
            return has_text ? HOLDS_ITSELF : HOLDS_NOTHING;
        case XML_TEXT:
            has_text = skip_text(f->body, &at);
            if (!has_text)
                return HOLDS_UNKNOWN;
        }
    }
    return HOLDS_NOTHING;
}

/* At an element of the name that comes before the `*` at `level`. */
static enum step enter_holder(struct finder *f, struct place *p, uint32_t level)
{
    struct xml_tag tag;
    enum holding holding = look_into(f, &tag);
    bool is_again = p->seen;
    p->seen = true;
    if (holding == HOLDS_ITSELF && !is_inner(f, level)) {
        f->listed[level] = false;
        return enter(f, p, level);
    }
    if (is_again || holding == HOLDS_ITSELF || holding == HOLDS_UNKNOWN)
        return STEP_LOST;
    if (tag.has_attributes && (holding == HOLDS_NOTHING || is_inner(f, level)))
        return STEP_LOST;
    if (is_inner(f, level) && has_prefix(f, &tag))
        return STEP_LOST;
    f->listed[level] = true;
    if (holding == HOLDS_NOTHING)
        return skip_element(f) ? STEP_ON : STEP_LOST;
    f->at = tag.end;
    *p = (struct place){IN_LIST, level, false};
    return STEP_ON;
}

/* --- Steps --- */

static enum step step_in_list(struct finder *f, struct place *p)
{
    if (!is_list_element(f, xml_local_name(f->body, f->at)))
        return STEP_LOST;
    if (p->level + 1 < f->items->count) {
        if (!f->outer)
            f->outer = f->element;
        if (f->outer != f->element)
            return STEP_LOST;
    }
    return enter(f, p, p->level);
}

static enum step step_in_element(struct finder *f, struct place *p)
{
    if (!bytes_equal(xml_local_name(f->body, f->at), f->items->segments[p->level]))
        return skip_element(f) ? STEP_ON : STEP_LOST;
    uint32_t next = p->level + 1;
    bool is_walked = f->items->walks[next];
    if (p->seen && (!is_walked || f->listed[next]))
        return STEP_LOST;
    return is_walked ? enter_holder(f, p, next) : enter(f, p, p->level);
}

/* To the next child of where it stands, or behind the end of that. */
static enum step step(struct finder *f, struct place *p)
{
    switch (xml_look(f->body, &f->at)) {
    case XML_START:
        return p->kind == IN_LIST ? step_in_list(f, p) : step_in_element(f, p);
    case XML_END:
        f->at = xml_end_of_end_tag(f->body, f->at);
        return f->at && p->seen ? leave(f, p) : STEP_LOST;
    case XML_TEXT:
        break;
    }
    return STEP_LOST;
}

/* Into the root. */
static enum step begin(struct finder *f, struct place *p)
{
    *p = (struct place){IN_ELEMENT, 0, false};
    struct xml_tag tag;
    if (xml_look(f->body, &f->at) != XML_START)
        return STEP_LOST;
    enum holding holding = look_into(f, &tag);
    if (holding == HOLDS_UNKNOWN || tag.is_empty)
        return STEP_LOST;
    f->at = tag.end;
    if (!f->items->walks[0])
        return STEP_ON;
    f->listed[0] = true;
    *p = (struct place){IN_LIST, 0, false};
    return holding == HOLDS_LIST ? STEP_ON : STEP_LOST;
}

enum finder_found xml_finder_next(struct finder *f)
{
    struct place place;
    enum step next = STEP_ON;
    if (f->state == FINDER_IS_NEW)
        next = begin(f, &place);
    else
        place = behind_walked(f, f->items->count - 1);
    while (next == STEP_ON)
        next = step(f, &place);
    if (next == STEP_ITEM)
        return FINDER_ITEM;
    return next == STEP_END ? FINDER_END : FINDER_LOST;
}

size_t xml_finder_measure(const struct finder *f)
{
    size_t end = xml_end_of_element(f->body, f->at);
    return end ? end - f->at : 0;
}

bool xml_finder_skip(struct finder *f, size_t len)
{
    return f->body.data[f->at + len - 1] == '>';
}

void xml_finder_cut(const struct finder *f, const struct finder_cut *cuts, size_t count, struct buffer *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        buffer_add_bytes(out, (struct bytes){f->body.data + kept, cuts[i].from - kept});
        kept = cuts[i].to;
    }
    buffer_add_bytes(out, bytes_from(f->body, kept));
}

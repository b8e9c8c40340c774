/* Behind an item, the items pointer says how all that is open came to be: an array for each `*`, an object
 * for each name. So nothing is kept but the place. When an array ends, the objects around it are skipped to
 * their ends, up to the next array on the way out; the elements of that one are gone into by the names again.
 *
 * Nothing is validated: who cuts items out has the rest parsed. But what is wrong between two items is lost
 * or stays where it is, so that cutting never makes a valid body of another: a comma goes with the item
 * before it, or with the last before the `]`, and only where it has an item on its other side. */
#include "worker/decode/finder_internal.h"
#include "worker/decode/json_scan.h"

static bool is_at(const struct finder *f, char c)
{
    return f->at < f->body.len && f->body.data[f->at] == c;
}

static void skip_space(struct finder *f)
{
    f->at = json_skip_space(f->body, f->at);
}

/* Behind such a character and the white space that follows; false if another one is here. */
static bool take(struct finder *f, char c)
{
    if (!is_at(f, c))
        return false;
    f->at++;
    skip_space(f);
    return true;
}

/* Behind what ends there, if it does. */
static bool move(struct finder *f, size_t end)
{
    if (end == JSON_NO_END)
        return false;
    f->at = end;
    return true;
}

static bool begins_value(const struct finder *f)
{
    if (f->at == f->body.len)
        return false;
    char c = f->body.data[f->at];
    return c == '{' || c == '"' || c == '[' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' ||
           c == 'n';
}

/* From an object's `{` to the value of that name. A name with an escape in it may be this one, too. */
static bool enter_member(struct finder *f, struct bytes name)
{
    if (!take(f, '{'))
        return false;
    for (;;) {
        size_t begin = f->at + 1;
        if (!is_at(f, '"') || !move(f, json_end_of_string(f->body, f->at)))
            return false;
        struct bytes key = {f->body.data + begin, f->at - 1 - begin};
        skip_space(f);
        if (!take(f, ':') || (key.len && memchr(key.data, '\\', key.len)))
            return false;
        if (bytes_equal(key, name))
            return true;
        if (!move(f, json_end_of_value(f->body, f->at)))
            return false;
        skip_space(f);
        if (!take(f, ','))
            return false;
    }
}

/* From a value to the first item in it, *level segments down from the root. FINDER_END if there is an empty
 * array on the way: then `at` is behind that array, and *level is the array's. */
static enum finder_found descend(struct finder *f, uint32_t *level)
{
    for (; *level < f->items->count; ++*level) {
        if (!f->items->walks[*level]) {
            if (!enter_member(f, f->items->segments[*level]))
                return FINDER_LOST;
            continue;
        }
        if (!take(f, '['))
            return FINDER_LOST;
        if (is_at(f, ']')) {
            f->at++;
            return FINDER_END;
        }
    }
    return begins_value(f) ? FINDER_ITEM : FINDER_LOST;
}

static bool is_in_walk(const struct finder *f, uint32_t level)
{
    while (level > 0)
        if (f->items->walks[--level])
            return true;
    return false;
}

/* From behind a value that is *level segments down to the next element of the array that it is in, or that
 * what it is in is in; *level is then that element's. FINDER_END: there is no such array. */
static enum finder_found climb(struct finder *f, uint32_t *level)
{
    while (is_in_walk(f, *level)) {
        if (!f->items->walks[*level - 1]) {
            if (!move(f, json_end_of_open(f->body, f->at)))
                return FINDER_LOST;
        } else {
            skip_space(f);
            if (take(f, ','))
                return FINDER_ITEM;
            if (!is_at(f, ']'))
                return FINDER_LOST;
            f->at++;
        }
        --*level;
    }
    return FINDER_END;
}

void json_finder_open(struct finder *f)
{
    f->at = bytes_starts(f->body, "\xef\xbb\xbf") ? 3 : 0;
    skip_space(f);
}

/* The usual case: behind an item comes a comma and the next one. */
static bool step(struct finder *f)
{
    size_t comma = json_skip_space(f->body, f->at), before = f->at;
    if (comma == f->body.len || f->body.data[comma] != ',')
        return false;
    f->at = json_skip_space(f->body, comma + 1);
    if (begins_value(f))
        return true;
    f->at = before;
    return false;
}

enum finder_found json_finder_next(struct finder *f)
{
    uint32_t level = f->items->count;
    enum finder_found found = FINDER_ITEM;
    if (f->state == FINDER_IS_BEHIND && step(f))
        return FINDER_ITEM;
    if (f->state == FINDER_IS_NEW)
        level = 0;
    else
        found = climb(f, &level);
    while (found == FINDER_ITEM) {
        found = descend(f, &level);
        if (found != FINDER_END)
            return found;
        found = climb(f, &level);
    }
    return found;
}

size_t json_finder_measure(const struct finder *f)
{
    size_t end = json_end_of_value(f->body, f->at);
    return end == JSON_NO_END ? 0 : end - f->at;
}

bool json_finder_skip(struct finder *f, size_t len)
{
    size_t behind = json_skip_space(f->body, f->at + len);
    return behind < f->body.len && (f->body.data[behind] == ',' || f->body.data[behind] == ']');
}

/* Where to go on behind a cut item: behind its comma, if another item follows. */
static size_t behind_comma(struct bytes body, size_t at)
{
    size_t comma = json_skip_space(body, at);
    if (comma == body.len || body.data[comma] != ',')
        return at;
    size_t next = json_skip_space(body, comma + 1);
    return next < body.len && body.data[next] != ']' ? next : at;
}

/* Take back the comma at the end of what was written, if another one isn't needed: a `]` follows. */
static void drop_comma(struct buffer *out, size_t begin)
{
    size_t end = out->len;
    while (end > begin && memchr(" \n\r\t", out->data[end - 1], 4))
        end--;
    if (end > begin && out->data[end - 1] == ',') {
        out->len = end - 1;
        out->data[out->len] = 0;
    }
}

void json_finder_cut(const struct finder *f, const struct finder_cut *cuts, size_t count, struct buffer *out)
{
    size_t begin = out->len, at = 0;
    for (size_t i = 0; i < count; i++) {
        if (cuts[i].from > at)
            buffer_add(out, f->body.data + at, cuts[i].from - at);
        at = behind_comma(f->body, cuts[i].to);
        size_t next = json_skip_space(f->body, at);
        if (next < f->body.len && f->body.data[next] == ']')
            drop_comma(out, begin);
    }
    buffer_add(out, f->body.data + at, f->body.len - at);
}

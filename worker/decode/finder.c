/* Here is what is the same for JSON and XML: a finder's states, and that it stays within its body. How the
 * bytes are read is in finder_json.c and finder_xml.c. */
#include "worker/decode/finder_internal.h"

static bool is_fit(const struct pointer *items)
{
    return items->count > 0 && items->count <= FINDER_SEGMENTS && items->walks[items->count - 1];
}

void finder_open(struct finder *f, enum format_kind format, struct bytes body, const struct pointer *items,
                 const struct xml_rules *rules)
{
    *f = (struct finder){.body = body, .items = items, .rules = rules, .is_xml = format == FORMAT_XML};
    if (!is_fit(items) || (format != FORMAT_JSON && format != FORMAT_XML)) {
        f->state = FINDER_IS_LOST;
        return;
    }
    f->state = FINDER_IS_NEW;
    if (f->is_xml)
        xml_finder_open(f);
    else
        json_finder_open(f);
}

enum finder_found finder_next(struct finder *f)
{
    if (f->state == FINDER_IS_AT_ITEM) {
        size_t len = finder_measure(f);
        if (len == 0 || !finder_skip(f, len))
            f->state = FINDER_IS_LOST;
    }
    if (f->state == FINDER_IS_LOST)
        return FINDER_LOST;
    if (f->state == FINDER_IS_AT_END)
        return FINDER_END;
    enum finder_found found = f->is_xml ? xml_finder_next(f) : json_finder_next(f);
    static const int states[] = {
        [FINDER_ITEM] = FINDER_IS_AT_ITEM, [FINDER_END] = FINDER_IS_AT_END, [FINDER_LOST] = FINDER_IS_LOST};
    f->state = states[found];
    return found;
}

size_t finder_measure(struct finder *f)
{
    if (f->state != FINDER_IS_AT_ITEM)
        return 0;
    size_t len = f->is_xml ? xml_finder_measure(f) : json_finder_measure(f);
    if (len == 0)
        f->state = FINDER_IS_LOST;
    return len;
}

bool finder_is_enclosed(const struct finder *f)
{
    uint32_t level = 0;
    if (!f->is_xml)
        return true;
    while (!f->items->walks[level])
        level++;
    return f->listed[level];
}

bool finder_skip(struct finder *f, size_t len)
{
    if (f->state != FINDER_IS_AT_ITEM || len == 0 || len > f->body.len - f->at)
        return false;
    if (!(f->is_xml ? xml_finder_skip(f, len) : json_finder_skip(f, len)))
        return false;
    f->at += len;
    f->state = FINDER_IS_BEHIND;
    return true;
}

void finder_cut(const struct finder *f, const struct finder_cut *cuts, size_t count, struct buffer *out)
{
    if (f->is_xml)
        xml_finder_cut(f, cuts, count, out);
    else
        json_finder_cut(f, cuts, count, out);
}

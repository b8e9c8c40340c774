/* Of XML nothing is found. */
#include "worker/decode/finder_internal.h"

void xml_finder_open(struct finder *f)
{
    f->state = FINDER_IS_LOST;
}

enum finder_found xml_finder_next(struct finder *f)
{
    (void)f;
    return FINDER_LOST;
}

size_t xml_finder_measure(const struct finder *f)
{
    (void)f;
    return 0;
}

bool xml_finder_skip(struct finder *f, size_t len)
{
    (void)f;
    (void)len;
    return false;
}

void xml_finder_cut(const struct finder *f, const struct finder_cut *cuts, size_t count, struct buffer *out)
{
    (void)cuts;
    (void)count;
    buffer_add_bytes(out, f->body);
}

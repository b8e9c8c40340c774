#include "common/base64.h"

static void add_group(const unsigned char *group, size_t len, struct buffer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)group[0] << 16;
    if (len > 1)
        bits |= (uint32_t)group[1] << 8;
    if (len > 2)
        bits |= group[2];
    char text[4] = {digits[bits >> 18], digits[bits >> 12 & 63], len > 1 ? digits[bits >> 6 & 63] : '=',
                    len > 2 ? digits[bits & 63] : '='};
    buffer_add(out, text, sizeof text);
}

void base64_encode(struct bytes data, struct buffer *out)
{
    const unsigned char *from = (const unsigned char *)data.data;
    buffer_reserve(out, (data.len + 2) / 3 * 4); /* at once: a secret leaves no copies in freed memory */
    for (size_t i = 0; i < data.len; i += 3)
        add_group(from + i, data.len - i, out);
}

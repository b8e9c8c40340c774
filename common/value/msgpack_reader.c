/* `owed` is what bounds it: each value not yet read owes its first byte, so `at + owed` never passes the
 * end, a count is held against what nobody else needs, and all counts together can't exceed the record. */
#include "common/value/msgpack_reader.h"

#include <math.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"

int msgpack_reader_corrupt(struct msgpack_reader *r, const char *cause)
{
    return error_set(r->e, ERR_CORRUPT, "MessagePack at byte %zu: %s", r->at, cause);
}

static size_t left(const struct msgpack_reader *r)
{
    return r->packed.len - r->at - r->owed;
}

/* A big-endian number of so many bytes. */
static int take_number(struct msgpack_reader *r, size_t len, uint64_t *out)
{
    *out = 0;
    if (left(r) < len)
        return msgpack_reader_corrupt(r, "a header is cut off");
    for (size_t i = 0; i < len; i++)
        *out = *out << 8 | (unsigned char)r->packed.data[r->at++];
    return 0;
}

static int take_span(struct msgpack_reader *r, uint64_t len, struct bytes *out)
{
    if (left(r) < len)
        return msgpack_reader_corrupt(r, "longer than what is left");
    *out = (struct bytes){r->packed.data + r->at, (size_t)len};
    r->at += (size_t)len;
    return 0;
}

static int take_string(struct msgpack_reader *r, uint64_t len, struct msgpack_head *out)
{
    out->value = (struct value){.type = VALUE_STRING};
    int rc = take_span(r, len, &out->value.text);
    if (rc)
        return rc;
    return bytes_is_utf8(out->value.text, NULL) ? 0
                                                : msgpack_reader_corrupt(r, "a string before it isn't UTF-8");
}

/* The items' own first bytes, at least, must be there. */
static int take_container(struct msgpack_reader *r, enum value_type type, uint64_t count,
                          struct msgpack_head *out)
{
    uint64_t need = type == VALUE_OBJECT ? count * 2 : count;
    if (left(r) < need)
        return msgpack_reader_corrupt(r, "more items than bytes left");
    r->owed += (size_t)need;
    out->value = (struct value){.type = type, .count = (uint32_t)count};
    return 0;
}

static int take_literal(struct msgpack_reader *r, uint64_t len, struct msgpack_head *out)
{
    int rc;
    uint64_t type;
    out->value = (struct value){.type = VALUE_NUMBER};
    if ((rc = take_number(r, 1, &type)) || (rc = take_span(r, len, &out->value.text)))
        return rc;
    if (type != VALUE_EXT_NUMBER)
        return msgpack_reader_corrupt(r, "an extension that isn't ours before it");
    if (len > LIMIT_NUMBER_BYTES || !number_is_literal(out->value.text))
        return msgpack_reader_corrupt(r, "an extension that is no number before it");
    return 0;
}

static int take_double(struct msgpack_reader *r, size_t len, struct msgpack_head *out)
{
    uint64_t bits;
    int rc = take_number(r, len, &bits);
    if (rc)
        return rc;
    double number;
    if (len == sizeof(float)) {
        uint32_t few = (uint32_t)bits;
        float single;
        memcpy(&single, &few, sizeof single);
        number = single;
    } else {
        memcpy(&number, &bits, sizeof number);
    }
    if (!isfinite(number))
        return msgpack_reader_corrupt(r, "a number that JSON doesn't have before it");
    out->value = (struct value){.type = VALUE_NUMBER};
    out->value.text = (struct bytes){out->literal, number_print_double(number, out->literal)};
    return 0;
}

static void print_integer(uint64_t size, bool negative, struct msgpack_head *out)
{
    char *end = out->literal + sizeof out->literal, *to = end;
    do {
        *--to = (char)('0' + size % 10);
        size /= 10;
    } while (size);
    if (negative)
        *--to = '-';
    out->value = (struct value){.type = VALUE_NUMBER, .text = {to, (size_t)(end - to)}};
}

static int take_unsigned(struct msgpack_reader *r, size_t len, struct msgpack_head *out)
{
    uint64_t number;
    int rc = take_number(r, len, &number);
    if (rc == 0)
        print_integer(number, false, out);
    return rc;
}

static int take_signed(struct msgpack_reader *r, size_t len, struct msgpack_head *out)
{
    uint64_t bits;
    int rc = take_number(r, len, &bits);
    if (rc)
        return rc;
    uint64_t sign = (uint64_t)1 << (len * 8 - 1);
    bits = (bits ^ sign) - sign; /* extends the sign to 64 bits */
    bool negative = bits >> 63;
    print_integer(negative ? 0 - bits : bits, negative, out);
    return 0;
}

/* Headers 0xc0 to 0xdf. */
static int take_tagged(struct msgpack_reader *r, unsigned char tag, struct msgpack_head *out)
{
    int rc;
    uint64_t len;
    size_t width = (size_t)1 << (tag & 3); /* of what follows a number's tag */
    switch (tag) {
    case 0xc0:
        out->value = value_null();
        return 0;
    case 0xc2:
    case 0xc3:
        out->value = value_bool(tag == 0xc3);
        return 0;
    case 0xc7: /* ext 8, 16, 32 */
    case 0xc8:
    case 0xc9:
        return (rc = take_number(r, (size_t)1 << (tag - 0xc7), &len)) ? rc : take_literal(r, len, out);
    case 0xca:
    case 0xcb:
        return take_double(r, tag == 0xca ? 4 : 8, out);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return take_unsigned(r, width, out);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return take_signed(r, width, out);
    case 0xd4: /* fixext 1 to 16 */
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return take_literal(r, (uint64_t)1 << (tag - 0xd4), out);
    case 0xd9: /* str 8, 16, 32 */
    case 0xda:
    case 0xdb:
        return (rc = take_number(r, (size_t)1 << (tag - 0xd9), &len)) ? rc : take_string(r, len, out);
    case 0xdc: /* array 16, 32; map 16, 32 */
    case 0xdd:
    case 0xde:
    case 0xdf:
        rc = take_number(r, tag & 1 ? 4 : 2, &len);
        return rc ? rc : take_container(r, tag < 0xde ? VALUE_ARRAY : VALUE_OBJECT, len, out);
    default:
        return msgpack_reader_corrupt(r, "a header that Garner doesn't write before it");
    }
}

int msgpack_reader_take(struct msgpack_reader *r, struct msgpack_head *out)
{
    if (r->at == r->packed.len)
        return msgpack_reader_corrupt(r, "nothing is left");
    CHECK(r->owed > 0);
    r->owed--; /* this very byte */
    unsigned char tag = (unsigned char)r->packed.data[r->at++];
    if (tag < 0x80 || tag >= 0xe0) {
        int number = tag < 0x80 ? tag : tag - 0x100;
        print_integer((uint64_t)(number < 0 ? -number : number), number < 0, out);
        return 0;
    }
    if (tag < 0x90)
        return take_container(r, VALUE_OBJECT, tag & 0x0f, out);
    if (tag < 0xa0)
        return take_container(r, VALUE_ARRAY, tag & 0x0f, out);
    if (tag < 0xc0)
        return take_string(r, tag & 0x1f, out);
    return take_tagged(r, tag, out);
}

void msgpack_reader_open(struct msgpack_reader *r, struct bytes packed, struct error *e)
{
    *r = (struct msgpack_reader){.packed = packed, .owed = packed.len > 0, .e = e};
}

int msgpack_reader_end(struct msgpack_reader *r)
{
    CHECK(r->owed == 0);
    return r->at == r->packed.len ? 0 : msgpack_reader_corrupt(r, "something follows the value");
}

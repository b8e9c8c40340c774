/* 64 bytes at a time: a bit for each byte that is a quote, a backslash, a bracket. Quotes that aren't escaped
 * open and close strings, so the parity of those up to a byte says whether it is within one (as simdjson
 * does it); what is left are brackets outside of strings, few enough to be counted one by one.
 *
 * A search from quote to quote, 16 bytes at a time, had a third of the speed: in what APIs send, strings are
 * short, and each end of one is a branch that can't be foreseen. */
#include "worker/decode/json_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 64 };

struct masks {
    uint64_t quotes, slashes, opens, closes;
};

struct scan {
    uint64_t depth;
    uint64_t in_string;  /* all ones within a string at the block's start, else 0 */
    uint64_t is_escaped; /* 1: the block's first byte is escaped */
};

#ifdef __SSE2__
static uint64_t equal(const __m128i at[4], char c)
{
    __m128i wanted = _mm_set1_epi8(c);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++)
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(at[i], wanted)) << (16 * i);
    return mask;
}

/* Brackets and braces differ in one bit, 0x20. */
static struct masks classify(const char *block)
{
    __m128i at[4], folded[4];
    for (int i = 0; i < 4; i++) {
        at[i] = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
        folded[i] = _mm_or_si128(at[i], _mm_set1_epi8(0x20));
    }
    return (struct masks){.quotes = equal(at, '"'),
                          .slashes = equal(at, '\\'),
                          .opens = equal(folded, '{'),
                          .closes = equal(folded, '}')};
}
#else
/* A bit for each of eight bytes, the first one's lowest. */
static uint64_t equal(uint64_t bytes, char c)
{
    static const uint64_t lows = 0x7f7f7f7f7f7f7f7f, ones = 0x0101010101010101;
    uint64_t x = bytes ^ (ones * (unsigned char)c), zeros = ~(((x & lows) + lows) | x | lows);
    return ((zeros >> 7) * 0x0102040810204080) >> 56;
}

static struct masks classify(const char *block)
{
    struct masks m = {0};
    for (int i = 0; i < BLOCK; i += 8) {
        uint64_t bytes = 0;
        for (int j = 0; j < 8; j++)
            bytes |= (uint64_t)(unsigned char)block[i + j] << (8 * j);
        m.quotes |= equal(bytes, '"') << i;
        m.slashes |= equal(bytes, '\\') << i;
        m.opens |= equal(bytes | 0x2020202020202020, '{') << i;
        m.closes |= equal(bytes | 0x2020202020202020, '}') << i;
    }
    return m;
}
#endif

/* The bytes behind a backslash that isn't escaped itself. */
static uint64_t find_escaped(struct scan *s, uint64_t slashes)
{
    uint64_t escaped = s->is_escaped;
    slashes &= ~escaped;
    s->is_escaped = 0;
    while (slashes) {
        uint64_t slash = slashes & -slashes;
        s->is_escaped = slash >> 63;
        escaped |= slash << 1;
        slashes &= ~(slash | slash << 1);
    }
    return escaped;
}

/* Each bit: the parity of all up to it. */
static uint64_t parities(uint64_t bits)
{
    for (unsigned by = 1; by < BLOCK; by *= 2)
        bits ^= bits << by;
    return bits;
}

/* Which byte of the block closes the last that is open; BLOCK if none does. */
static unsigned scan_block(struct scan *s, const char *block)
{
    struct masks m = classify(block);
    if (m.slashes | s->is_escaped)
        m.quotes &= ~find_escaped(s, m.slashes);
    uint64_t in_string = parities(m.quotes) ^ s->in_string;
    s->in_string = (uint64_t)0 - (in_string >> 63);
    uint64_t opens = m.opens & ~in_string, closes = m.closes & ~in_string;
    for (uint64_t brackets = opens | closes; brackets; brackets &= brackets - 1) {
        uint64_t bracket = brackets & -brackets;
        if (opens & bracket)
            s->depth++;
        else if (--s->depth == 0)
            return (unsigned)__builtin_ctzll(bracket);
    }
    return BLOCK;
}

/* From `at` on, at that depth. */
static size_t scan_brackets(struct bytes body, size_t at, uint64_t depth)
{
    struct scan s = {.depth = depth};
    char last[BLOCK];
    for (; body.len - at >= BLOCK; at += BLOCK) {
        unsigned end = scan_block(&s, body.data + at);
        if (end < BLOCK)
            return at + end + 1;
    }
    memset(last, ' ', sizeof last);
    if (at < body.len)
        memcpy(last, body.data + at, body.len - at);
    unsigned end = scan_block(&s, last);
    return end < BLOCK ? at + end + 1 : JSON_NO_END;
}

size_t json_end_of_open(struct bytes body, size_t at)
{
    return scan_brackets(body, at, 1);
}

/* A quote behind an odd number of backslashes is escaped. */
size_t json_end_of_string(struct bytes body, size_t at)
{
    for (const char *quote = body.data + at;
         (quote = memchr(quote + 1, '"', (size_t)(body.data + body.len - quote) - 1));) {
        const char *slash = quote;
        while (slash[-1] == '\\')
            slash--;
        if ((quote - slash) % 2 == 0)
            return (size_t)(quote - body.data) + 1;
    }
    return JSON_NO_END;
}

static size_t end_of_scalar(struct bytes body, size_t at)
{
    size_t end = at;
    while (end < body.len && !memchr(",]}:[{\" \n\r\t", body.data[end], 11))
        end++;
    return end > at && end < body.len ? end : JSON_NO_END;
}

size_t json_end_of_value(struct bytes body, size_t at)
{
    if (at >= body.len)
        return JSON_NO_END;
    char c = body.data[at];
    if (c == '{' || c == '[')
        return scan_brackets(body, at, 0);
    return c == '"' ? json_end_of_string(body, at) : end_of_scalar(body, at);
}

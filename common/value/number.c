/* A literal may be kept as a machine number only if that prints back byte for byte, so the printers
 * decide: parse, print, compare. Doubles are printed by printf and strtod of the C library, which are
 * exact, and put into one form here; yyjson's printer is faster, but its form may change with its
 * version, and then stored doubles would read differently. Both need the C locale for their decimal
 * point; Garner sets no other for numbers. */
#include "common/value/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

enum {
    DIGITS_ENOUGH = 17, /* always identify a double */
    DIGITS_KEPT = 15,   /* as many always survive a double, outside of the subnormal ones */
    PLAIN_EXPONENT_MIN = -6,
    PLAIN_EXPONENT_MAX = 20, /* beyond these a printed double has an exponent, as in ECMAScript */
};

static size_t digits(struct bytes text, size_t at)
{
    size_t start = at;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at - start;
}

bool number_is_literal(struct bytes text)
{
    size_t at = text.len && text.data[0] == '-';
    size_t whole = digits(text, at);
    if (whole == 0 || (whole > 1 && text.data[at] == '0'))
        return false;
    at += whole;
    if (at < text.len && text.data[at] == '.') {
        size_t fraction = digits(text, at + 1);
        if (fraction == 0)
            return false;
        at += 1 + fraction;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        size_t exponent = digits(text, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == text.len;
}

struct bytes number_canonical(struct bytes literal)
{
    /* JSON allows no leading zeros and no "+", so only zero has two integer literals. */
    return bytes_is(literal, "-0") ? BYTES("0") : literal;
}

bool number_to_u64(struct bytes literal, uint64_t *out)
{
    return bytes_to_u64(literal, out);
}

bool number_to_i64(struct bytes literal, int64_t *out)
{
    uint64_t size;
    bool negative = literal.len && literal.data[0] == '-';
    if (!bytes_to_u64(bytes_from(literal, negative), &size) || (negative && size == 0))
        return false;
    if (size > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

bool number_to_double(struct bytes literal, double *out)
{
    char text[NUMBER_TEXT_BYTES], printed[NUMBER_TEXT_BYTES];
    bool is_integer = !memchr(literal.data, '.', literal.len) && !memchr(literal.data, 'e', literal.len);
    if (is_integer || literal.len >= sizeof text) /* never printed so */
        return false;
    memcpy(text, literal.data, literal.len);
    text[literal.len] = 0;
    *out = strtod(text, NULL);
    return isfinite(*out) &&
           bytes_equal((struct bytes){printed, number_print_double(*out, printed)}, literal);
}

/* The fewest digits that read back, as "d.ddde-xx". */
static void print_scientific(double number, char out[NUMBER_TEXT_BYTES])
{
    int count = number < DBL_MIN ? 1 : DIGITS_KEPT;
    for (; count <= DIGITS_ENOUGH; count++) {
        snprintf(out, NUMBER_TEXT_BYTES, "%.*e", count - 1, number);
        if (strtod(out, NULL) == number)
            return;
    }
    CHECK(number == 0);
}

static size_t print_plain(const char *digit, int count, int exponent, char *out)
{
    char *to = out;
    if (exponent < 0) {
        *to++ = '0';
        *to++ = '.';
        for (int i = exponent + 1; i < 0; i++)
            *to++ = '0';
        memcpy(to, digit, (size_t)count);
        return (size_t)(to + count - out);
    }
    for (int i = 0; i <= exponent || i < count || i == exponent + 1; i++) {
        if (i == exponent + 1)
            *to++ = '.';
        *to++ = i < count ? digit[i] : '0';
    }
    return (size_t)(to - out);
}

static size_t print_exponent(const char *digit, int count, int exponent, char *out)
{
    char *to = out;
    *to++ = digit[0];
    if (count > 1) {
        *to++ = '.';
        memcpy(to, digit + 1, (size_t)count - 1);
        to += count - 1;
    }
    return (size_t)(to - out) + (size_t)snprintf(to, 8, "e%+d", exponent);
}

size_t number_print_double(double number, char out[NUMBER_TEXT_BYTES])
{
    CHECK(isfinite(number));
    size_t sign = signbit(number) ? 1 : 0;
    out[0] = '-';
    char text[NUMBER_TEXT_BYTES], digit[DIGITS_ENOUGH];
    print_scientific(fabs(number), text);

    int count = 0;
    const char *from = text;
    for (; *from != 'e'; from++)
        if (*from != '.')
            digit[count++] = *from;
    int exponent = atoi(from + 1);
    while (count > 1 && digit[count - 1] == '0')
        count--;
    if (exponent >= PLAIN_EXPONENT_MIN && exponent <= PLAIN_EXPONENT_MAX)
        return sign + print_plain(digit, count, exponent, out + sign);
    return sign + print_exponent(digit, count, exponent, out + sign);
}

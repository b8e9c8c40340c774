#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/check.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* The leading digits as a number, and what follows them. */
static bool split(struct bytes text, uint64_t *number, struct bytes *unit)
{
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    *unit = bytes_from(text, digits);
    return bytes_to_u64((struct bytes){text.data, digits}, number);
}

static bool scale(struct bytes text, const struct unit *units, uint64_t *out)
{
    uint64_t number;
    struct bytes name;
    if (!split(text, &number, &name))
        return false;
    for (; units->name; units++)
        if (bytes_is(name, units->name))
            return !__builtin_mul_overflow(number, units->factor, out);
    return false;
}

bool units_size(struct bytes text, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"B", 1},
        {"kB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", 1000000000000},
        {"KiB", 1 << 10},
        {"MiB", 1 << 20},
        {"GiB", 1 << 30},
        {"TiB", (uint64_t)1 << 40},
        {NULL, 0},
    };
    return scale(text, units, bytes);
}

bool units_duration(struct bytes text, int64_t *ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
    };
    uint64_t value;
    if (!scale(text, units, &value) || value > (uint64_t)INT64_MAX / 4)
        return false;
    *ms = (int64_t)value;
    return true;
}

bool units_share(struct bytes text, uint32_t *millionths)
{
    uint64_t whole, value;
    struct bytes rest;
    if (!split(text, &whole, &rest) || whole > 100)
        return false;
    value = whole * 10000;
    if (rest.len > 1 && rest.data[0] == '.') {
        uint64_t weight = 1000;
        size_t i = 1;
        for (; i < rest.len && rest.data[i] >= '0' && rest.data[i] <= '9'; i++, weight /= 10)
            value += (uint64_t)(rest.data[i] - '0') * weight;
        if (i == 1)
            return false;
        rest = bytes_from(rest, i);
    }
    *millionths = (uint32_t)value;
    return bytes_is(rest, "%") && value <= 1000000;
}

char *units_time(int64_t time_ms, char out[UNITS_TIME_BYTES])
{
    int64_t seconds = time_ms / 1000, ms = time_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm parts;
    CHECK(gmtime_r(&when, &parts));
    char date[24];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, UNITS_TIME_BYTES, "%s.%03dZ", date, (int)ms);
    return out;
}

bool units_http_date(struct bytes text, int64_t *time_ms)
{
    char copy[64];
    if (text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    struct tm parts = {0};
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!end || *end)
        return false;
    *time_ms = (int64_t)timegm(&parts) * 1000;
    return true;
}

/* Take a number of exactly `digits` digits, from min to max, off the text, then `stop` (0: none). */
static bool take_number(struct bytes *text, size_t digits, int min, int max, char stop, int *out)
{
    uint64_t number;
    if (text->len < digits + (stop != 0) || (stop && text->data[digits] != stop) ||
        !bytes_to_u64((struct bytes){text->data, digits}, &number))
        return false;
    *out = (int)number;
    *text = bytes_from(*text, digits + (stop != 0));
    return *out >= min && *out <= max;
}

/* ".5" -> 500; anything beyond milliseconds is dropped. */
static bool take_fraction(struct bytes *text, int *ms)
{
    size_t i = 1;
    *ms = 0;
    if (!bytes_starts(*text, "."))
        return true;
    for (int weight = 100; i < text->len && text->data[i] >= '0' && text->data[i] <= '9'; i++, weight /= 10)
        *ms += (text->data[i] - '0') * weight;
    *text = bytes_from(*text, i);
    return i > 1;
}

static bool take_zone(struct bytes text, int *offset_minutes)
{
    int hours, minutes;
    *offset_minutes = 0;
    if (bytes_is_nocase(text, "Z"))
        return true;
    if (!bytes_starts(text, "+") && !bytes_starts(text, "-"))
        return false;
    int sign = text.data[0] == '-' ? -1 : 1;
    text = bytes_from(text, 1);
    if (!take_number(&text, 2, 0, 23, ':', &hours) || !take_number(&text, 2, 0, 59, 0, &minutes))
        return false;
    *offset_minutes = sign * (hours * 60 + minutes);
    return text.len == 0;
}

bool units_rfc3339(struct bytes text, int64_t *time_ms)
{
    struct tm parts = {0};
    int ms, offset, day;
    if (!take_number(&text, 4, 0, 9999, '-', &parts.tm_year) ||
        !take_number(&text, 2, 1, 12, '-', &parts.tm_mon) ||
        !take_number(&text, 2, 1, 31, 0, &parts.tm_mday) || !text.len || !strchr("Tt ", text.data[0]))
        return false;
    text = bytes_from(text, 1);
    if (!take_number(&text, 2, 0, 23, ':', &parts.tm_hour) ||
        !take_number(&text, 2, 0, 59, ':', &parts.tm_min) ||
        !take_number(&text, 2, 0, 60, 0, &parts.tm_sec) || !take_fraction(&text, &ms) ||
        !take_zone(text, &offset))
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon--;
    day = parts.tm_mday;
    bool leap = parts.tm_sec == 60; /* counts as the second before it */
    parts.tm_sec -= leap;
    *time_ms = (int64_t)timegm(&parts) * 1000 + ms - (int64_t)offset * 60000;
    return parts.tm_mday == day; /* else the month has no such day */
}

char *units_count(uint64_t n, char out[UNITS_TEXT_BYTES])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *to = out;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return out;
}

char *units_ago(int64_t ms, char out[UNITS_TEXT_BYTES])
{
    long long s = ms / 1000;
    if (ms < 1000)
        snprintf(out, UNITS_TEXT_BYTES, "%lld ms", (long long)ms);
    else if (s < 60)
        snprintf(out, UNITS_TEXT_BYTES, "%lld s", s);
    else if (s < 3600)
        snprintf(out, UNITS_TEXT_BYTES, "%lld m %lld s", s / 60, s % 60);
    else
        snprintf(out, UNITS_TEXT_BYTES, "%lld h %lld m", s / 3600, s / 60 % 60);
    return out;
}

char *units_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES])
{
    if (bytes < 1 << 10)
        snprintf(out, UNITS_TEXT_BYTES, "%" PRIu64 " bytes", bytes);
    else if (bytes < 1 << 20)
        snprintf(out, UNITS_TEXT_BYTES, "%" PRIu64 " KiB", bytes >> 10);
    else if (bytes < 1 << 30)
        snprintf(out, UNITS_TEXT_BYTES, "%" PRIu64 " MiB", bytes >> 20);
    else
        snprintf(out, UNITS_TEXT_BYTES, "%.1f GiB", (double)bytes / (1 << 30));
    return out;
}

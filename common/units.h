/* Units as people write them: sizes, durations, shares, times. Pure. */
#ifndef GARNER_COMMON_UNITS_H
#define GARNER_COMMON_UNITS_H

#include <stdint.h>

#include "common/bytes.h"

enum { UNITS_TIME_BYTES = 32, UNITS_TEXT_BYTES = 32 };

/* "10GB", "64MiB", "512": kB, MB, GB, TB are powers of ten, KiB, MiB, GiB, TiB of two; "B" or nothing
 * is bytes. False if it is anything else or doesn't fit. */
bool units_size(struct bytes text, uint64_t *bytes);

/* "500ms", "30s", "5m", "1h", "7d": whole numbers only, the unit is needed. False otherwise. */
bool units_duration(struct bytes text, int64_t *ms);

/* "50%" -> 500000 millionths; "12.5%" works, above 100% or without "%" doesn't. */
bool units_share(struct bytes text, uint32_t *millionths);

/* 2026-11-22T10:00:00.123Z, of milliseconds since 1970 (UTC). Returns `out`. */
char *units_time(int64_t time_ms, char out[UNITS_TIME_BYTES]);

/* An HTTP date (RFC 9110, 5.6.7, the preferred form) -> milliseconds since 1970. */
bool units_http_date(struct bytes text, int64_t *time_ms);

/* A time of RFC 3339 ("2026-11-22T10:00:00Z", "…10:00:00.5+01:00"; the zone is needed) -> milliseconds
 * since 1970. False if it is anything else. */
bool units_rfc3339(struct bytes text, int64_t *time_ms);

/* "1,234,567". Returns `out`. */
char *units_count(uint64_t n, char out[UNITS_TEXT_BYTES]);

/* "850 ms", "12 s", "3 m 20 s", "2 h 5 m". Returns `out`. */
char *units_ago(int64_t ms, char out[UNITS_TEXT_BYTES]);

/* "512 bytes", "3 KiB", "20 MiB", "4.2 GiB". Returns `out`. */
char *units_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES]);

#endif

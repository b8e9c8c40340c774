/* Where a value of JSON ends, found by its quotes and brackets alone. Pure; internal to decode.
 *
 * Of valid JSON the answers are right; of anything else they are places within `body`, or JSON_NO_END. */
#ifndef GARNER_JSON_SCAN_H
#define GARNER_JSON_SCAN_H

#include <stdint.h>
#include <string.h>

#include "common/bytes.h"

#define JSON_NO_END SIZE_MAX

/* The first byte from `at` on that is not white space; the body's length if there is none. */
static inline size_t json_skip_space(struct bytes body, size_t at)
{
    while (at < body.len &&
           (body.data[at] == ' ' || body.data[at] == '\n' || body.data[at] == '\r' || body.data[at] == '\t'))
        at++;
    return at;
}

/* Behind the value that begins at `at`. JSON_NO_END if it breaks off, as a number at the very end may; or if
 * no value begins there. */
size_t json_end_of_value(struct bytes body, size_t at);

/* Behind the bracket that closes what is open at `at`, which is outside of strings. */
size_t json_end_of_open(struct bytes body, size_t at);

/* Behind the string whose opening quote is at `at`. */
size_t json_end_of_string(struct bytes body, size_t at);

#endif

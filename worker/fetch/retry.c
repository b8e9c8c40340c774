/* What is throttled waits longer: the limiter needs a second or some until it goes as fast as it may, and
 * until then every try may meet the limit again (the AWS SDKs, too, tell the two apart).
 *
 * Full jitter spreads the retries of many clients evenly over the back-off window. A Retry-After moves
 * the window, it doesn't replace it: a server that told a thousand clients the same second would
 * meet all of them in that second again. */
#include "worker/fetch/retry.h"

#include "common/limits.h"
#include "common/units.h"

bool retry_makes_sense(int code)
{
    switch (code) {
    case ERR_RESOLVE:
    case ERR_CONNECT:
    case ERR_TRANSFER:
    case ERR_THROTTLED:
    case ERR_SERVER:
    case ERR_BODY:
        return true;
    default:
        return false;
    }
}

static int64_t window_ms(const struct retry *retry, unsigned tries, int64_t times)
{
    int64_t window = times * (retry->first_ms ? retry->first_ms : LIMIT_RETRY_FIRST_MS);
    while (--tries > 0 && window < LIMIT_RETRY_MAX_MS)
        window *= 2;
    return window < LIMIT_RETRY_MAX_MS ? window : LIMIT_RETRY_MAX_MS;
}

bool retry_decide(int code, unsigned tries, int64_t retry_after_ms, int64_t now_ms, struct retry *retry,
                  int64_t *at_ms)
{
    if (tries < 1 || tries >= LIMIT_TRIES || !retry_makes_sense(code) ||
        retry_after_ms > LIMIT_RETRY_AFTER_MS)
        return false;
    int64_t times = code == ERR_THROTTLED && retry_after_ms <= 0 ? LIMIT_RETRY_THROTTLED_TIMES : 1;
    int64_t jitter_ms = (int64_t)random_below(&retry->random, (uint64_t)window_ms(retry, tries, times) + 1);
    *at_ms = now_ms + (retry_after_ms > 0 ? retry_after_ms : 0) + jitter_ms;
    return true;
}

int64_t retry_after_read(struct bytes value, int64_t wall_ms)
{
    uint64_t seconds;
    int64_t at_ms;
    value = bytes_trim(value);
    if (bytes_to_u64(value, &seconds))
        return seconds < INT64_MAX / 1000 ? (int64_t)seconds * 1000 : INT64_MAX;
    if (units_http_date(value, &at_ms))
        return at_ms > wall_ms ? at_ms - wall_ms : 0;
    return -1;
}

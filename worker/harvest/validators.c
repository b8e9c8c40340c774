/* One of the two is enough, and an ETag says more: a server that minds both asks the ETag only (RFC
 * 9110, 13.2.2), and one that minds neither answers in full. */
#include "worker/harvest/validators.h"

#include <string.h>

#include "common/limits.h"
#include "common/units.h"
#include "worker/winnow/forecast.h"

uint64_t validators_request(const struct request_parts *parts, const struct collection_def *def,
                            const struct placeholders *values)
{
    uint64_t request = request_hash(parts);
    if (def->id_kind != ID_TEMPLATE)
        return request;
    uint64_t both[2] = {request, forecast_rules_of(def, values)};
    uint64_t hash = hash64((struct bytes){(const char *)both, sizeof both});
    return hash ? hash : 1;
}

/* What can be sent back as it came, and kept. */
static bool is_keepable(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
            return false;
    return value.len > 0 && value.len <= LIMIT_VALIDATOR_BYTES;
}

static bool is_settled(const struct answer *answer, struct bytes modified)
{
    int64_t date_ms, modified_ms;
    return answer_date(answer, &date_ms) && units_http_date(modified, &modified_ms) &&
           modified_ms <= date_ms - LIMIT_MODIFIED_AGE_MS;
}

bool validators_read(const struct answer *answer, uint64_t request, struct arena *arena,
                     struct validators *out)
{
    struct bytes value;
    *out = (struct validators){0};
    if (answer->status != 200)
        return false;
    if (answer_header(answer, "ETag", &value)) {
        value = bytes_trim(value);
        if (is_keepable(value))
            *out = (struct validators){.request = request, .etag = arena_copy(arena, value)};
    } else if (answer_header(answer, "Last-Modified", &value)) {
        value = bytes_trim(value);
        if (is_keepable(value) && is_settled(answer, value))
            *out = (struct validators){.request = request, .modified = arena_copy(arena, value)};
    }
    return out->request != 0;
}

/* The provider file's own conditions stand, and are not mixed with others. */
static bool is_condition(struct bytes name)
{
    return (name.len > 3 && strncasecmp(name.data, "If-", 3) == 0) || bytes_is_nocase(name, "Range");
}

bool validators_apply(const struct validators *known, uint64_t request, struct request_parts *parts)
{
    if (!known || !known->request || known->request != request || strcmp(parts->method, "GET") != 0)
        return false;
    for (uint32_t i = 0; i < parts->headers.count; i++)
        if (is_condition(parts->headers.items[i].name))
            return false;
    if (known->etag.len)
        request_set_header(parts, "If-None-Match", known->etag);
    else if (known->modified.len)
        request_set_header(parts, "If-Modified-Since", known->modified);
    return known->etag.len || known->modified.len;
}

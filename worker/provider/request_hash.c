/* Hashes of hashes, so that a request need not be put together to be told from another. Each list ends with
 * its count, and each text counts by itself: what moves from one to the next is seen. */
#include "common/hash.h"
#include "worker/provider/request.h"

static uint64_t add_number(uint64_t sum, uint64_t number)
{
    uint64_t both[2] = {sum, number};
    return hash64((struct bytes){(const char *)both, sizeof both});
}

static uint64_t add_text(uint64_t sum, struct bytes text)
{
    return add_number(sum, hash64(text));
}

static uint64_t add_pairs(uint64_t sum, const struct pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        sum = add_text(sum, pairs->items[i].name);
        sum = add_text(sum, pairs->items[i].value);
    }
    return add_number(sum, pairs->count);
}

uint64_t request_hash(const struct request_parts *parts)
{
    uint64_t sum = add_text(hash64(bytes_of(parts->method)), parts->url.text);
    sum = add_pairs(sum, &parts->query);
    sum = add_pairs(sum, &parts->headers);
    sum = add_pairs(sum, &parts->form);
    if (parts->has_body) {
        struct buffer body = {0};
        value_to_json(&parts->body, &body);
        sum = add_text(sum, buffer_bytes(&body));
        buffer_wipe(&body);
    }
    return sum ? sum : 1;
}

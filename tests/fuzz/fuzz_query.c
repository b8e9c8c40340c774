/* Queries of the gateway: lines "name=value"; and what a tenant may have of
 * it. A filter that a tenant of one account is left with names that account, and no other. */
#include "gateway/query.h"
#include "tests/fuzz/fuzz.h"

static void take_line(struct query *query, struct bytes line)
{
    const char *equals = line.len ? memchr(line.data, '=', line.len) : NULL;
    size_t len = equals ? (size_t)(equals - line.data) : line.len;
    query_take(query, (struct bytes){line.data, len}, bytes_from(line, equals ? len + 1 : len));
}

static void try_query(struct bytes text, enum query_kind kind)
{
    static const struct bytes account = {"aws/1", 5};
    const struct tenant tenant = {.name = "t", .accounts = &account, .count = 1};
    struct query query;
    query_begin(&query, kind);
    while (text.len)
        take_line(&query, fuzz_line(&text));
    if (query_end(&query, &tenant))
        CHECK(query.filter.accounts.count == 1 && bytes_equal(query.filter.accounts.items[0], account));
    else
        CHECK(query.fault.kind != FAULT_NONE);
    query_close(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = {size ? (const char *)data : "", size};
    try_query(text, QUERY_CHANGES);
    try_query(text, QUERY_RESOURCES);
    try_query(text, QUERY_STATUS);
    return 0;
}

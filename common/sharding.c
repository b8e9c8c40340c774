#include "common/sharding.h"

#include "common/check.h"
#include "common/hash.h"

uint32_t sharding_of_split(struct bytes provider, struct bytes account, uint32_t split, uint32_t shards)
{
    char packed[8];
    struct buffer name = {0};
    CHECK(shards > 0);
    be64_put(packed, split);
    buffer_add_bytes(&name, provider);
    buffer_add_char(&name, '/');
    buffer_add_bytes(&name, account);
    buffer_add(&name, packed, sizeof packed);
    uint32_t shard = (uint32_t)(hash64(buffer_bytes(&name)) % shards);
    buffer_close(&name);
    return shard;
}

uint32_t sharding_of(struct bytes provider, struct bytes account, struct bytes region, uint32_t splits,
                     uint32_t shards)
{
    CHECK(splits > 0);
    uint64_t scope = hash64((struct bytes){region.data ? region.data : "", region.len});
    return sharding_of_split(provider, account, (uint32_t)(scope % splits), shards);
}

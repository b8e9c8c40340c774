/* Sink key: each part with its length in front, so that no two lists of parts give the same bytes. These keys
 * are stored: how they are made never changes. */
#include "cli/sink/sink_key.h"

#include <openssl/evp.h>

#include "common/bytes.h"
#include "common/check.h"

static struct digest digest_of(struct buffer *parts)
{
    unsigned char full[EVP_MAX_MD_SIZE];
    size_t len;
    struct digest digest;
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, parts->data, parts->len, full, &len));
    memcpy(digest.bytes, full, sizeof digest.bytes);
    buffer_close(parts);
    return digest;
}

static void add_part(struct buffer *parts, struct garner_bytes part)
{
    char len[8];
    be64_put(len, part.data ? part.len : UINT64_MAX);
    buffer_add(parts, len, sizeof len);
    if (part.data)
        buffer_add(parts, part.data, part.len);
}

struct digest sink_key_collection(const struct garner_collection *collection)
{
    struct buffer parts = {0};
    add_part(&parts, collection->provider);
    add_part(&parts, collection->account);
    add_part(&parts, collection->region);
    add_part(&parts, collection->type);
    add_part(&parts, collection->parent);
    return digest_of(&parts);
}

struct digest sink_key_resource(struct digest collection, struct garner_bytes id)
{
    struct buffer parts = {0};
    buffer_add(&parts, collection.bytes, sizeof collection.bytes);
    add_part(&parts, id);
    return digest_of(&parts);
}

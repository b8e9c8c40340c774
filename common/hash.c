/* Where xxHash can choose its vector instructions at run time (CMakeLists.txt looks), it does: its header
 * then puts other functions under the same names, with the same results. */
#include "common/hash.h"

#include <string.h>
#ifdef GARNER_HASH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

_Static_assert(HASH_SECRET_BYTES >= XXH3_SECRET_SIZE_MIN, "XXH3 wants a longer secret");

uint64_t hash64(struct bytes span)
{
    return XXH3_64bits(span.data, span.len);
}

struct digest hash128(struct bytes span, const struct hash_secret *secret)
{
    XXH128_hash_t hash = secret
                             ? XXH3_128bits_withSecret(span.data, span.len, secret->bytes, HASH_SECRET_BYTES)
                             : XXH3_128bits(span.data, span.len);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    struct digest digest;
    memcpy(digest.bytes, canonical.digest, sizeof digest.bytes);
    return digest;
}

bool digest_equal(struct digest a, struct digest b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

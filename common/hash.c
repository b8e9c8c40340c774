/* Where xxHash can choose its vector instructions at run time (CMakeLists.txt looks), it does: its header
 * then puts other functions under the same names, with the same results. */
#include "common/hash.h"

#include <string.h>
#ifdef GARNER_HASH_DISPATCH
#include <immintrin.h>
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

_Static_assert(HASH_SECRET_BYTES >= XXH3_SECRET_SIZE_MIN, "XXH3 wants a longer secret");

/* The library's widest functions leave the upper halves of vector registers in use (0.8.1 as Debian has it).
 * On some processors each change from there to SSE, which all else is compiled to, and back then takes as
 * long as it does to digest 1 kB. */
#ifdef GARNER_HASH_DISPATCH
__attribute__((target("avx"))) static void clear_upper_halves(void)
{
    _mm256_zeroupper();
}

static void leave_vectors(void)
{
    if (__builtin_cpu_supports("avx"))
        clear_upper_halves();
}
#else
static void leave_vectors(void)
{
}
#endif

uint64_t hash64(struct bytes span)
{
    uint64_t hash = XXH3_64bits(span.data, span.len);
    leave_vectors();
    return hash;
}

struct digest hash128(struct bytes span, const struct hash_secret *secret)
{
    XXH128_hash_t hash = secret
                             ? XXH3_128bits_withSecret(span.data, span.len, secret->bytes, HASH_SECRET_BYTES)
                             : XXH3_128bits(span.data, span.len);
    leave_vectors();
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

/* Hashes are XXH3's, whichever instructions made them: they are stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/hash.h"
#include "common/random.h"

enum { LONGEST = 70000 };

static struct digest canonical(XXH128_hash_t hash)
{
    XXH128_canonical_t form;
    struct digest digest;
    XXH128_canonicalFromHash(&form, hash);
    memcpy(digest.bytes, form.digest, sizeof digest.bytes);
    return digest;
}

/* Of any length, from any address, with and without a key, a hash is what XXH3 as the compiler made it gives.
 */
static void hashes_are_those_of_xxh3(void **state)
{
    (void)state;
    struct random random;
    struct hash_secret secret;
    char *data = malloc(LONGEST);
    assert_non_null(data);
    random_seed(&random, 4);
    for (size_t i = 0; i < LONGEST; i++)
        data[i] = (char)random_u64(&random);
    for (size_t i = 0; i < sizeof secret.bytes; i++)
        secret.bytes[i] = (uint8_t)random_u64(&random);
    for (size_t len = 0; len < LONGEST; len += len < 2100 ? 1 : 1 + (size_t)random_below(&random, 2000)) {
        size_t from = (size_t)random_below(&random, LONGEST - len < 64 ? LONGEST - len : 64);
        struct bytes span = {data + from, len};
        assert_true(hash64(span) == XXH3_64bits(span.data, len));
        assert_true(digest_equal(hash128(span, NULL), canonical(XXH3_128bits(span.data, len))));
        assert_true(digest_equal(
            hash128(span, &secret),
            canonical(XXH3_128bits_withSecret(span.data, len, secret.bytes, sizeof secret.bytes))));
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes_are_those_of_xxh3)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

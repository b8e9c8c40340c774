/* A growing hash set of 64-bit hashes, at most three quarters full: 16 MiB for a million tokens, where
 * the tokens themselves could take 64 GiB. Two different tokens of a million-page listing share a hash
 * once in some ten million listings; that listing then fails, and the next one is well. */
#include <stdlib.h>

#include "common/check.h"
#include "common/hash.h"
#include "worker/provider/paging_state.h"

enum { CAP_MIN = 16 };

static bool insert(struct paging_seen *seen, uint64_t hash)
{
    size_t mask = seen->cap - 1, i = hash & mask;
    for (; seen->slots[i]; i = (i + 1) & mask)
        if (seen->slots[i] == hash)
            return false;
    seen->slots[i] = hash;
    seen->count++;
    return true;
}

static void grow(struct paging_seen *seen)
{
    struct paging_seen bigger = {.cap = seen->cap ? seen->cap * 2 : CAP_MIN};
    bigger.slots = mem_zalloc(bigger.cap * sizeof *bigger.slots);
    for (size_t i = 0; i < seen->cap; i++)
        if (seen->slots[i])
            insert(&bigger, seen->slots[i]);
    free(seen->slots);
    *seen = bigger;
}

bool paging_seen_add(struct paging_seen *seen, struct bytes text)
{
    struct digest digest = hash128(text, NULL);
    uint64_t hash = be64_get(digest.bytes);
    if (seen->count >= seen->cap / 4 * 3)
        grow(seen);
    return insert(seen, hash ? hash : 1);
}

void paging_seen_close(struct paging_seen *seen)
{
    free(seen->slots);
    *seen = (struct paging_seen){0};
}

/* Messages with random content: what tests of the cluster's messages share. */
#ifndef GARNER_TEST_CLUSTER_LAB_H
#define GARNER_TEST_CLUSTER_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/random.h"

enum { ROUNDS = 200 };

struct lab {
    struct arena arena;
    struct buffer out;
    struct random random;
    struct error e;
};

static inline int setup(void **state)
{
    static struct lab lab;
    lab = (struct lab){0};
    random_seed(&lab.random, 7);
    *state = &lab;
    return 0;
}

static inline int teardown(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    buffer_close(&lab->out);
    return 0;
}

static inline uint32_t below(struct lab *lab, uint32_t bound)
{
    return (uint32_t)random_below(&lab->random, bound);
}

/* Of any size, so that all lengths of a varint are met. */
static inline uint64_t any(struct lab *lab)
{
    return random_u64(&lab->random) >> below(lab, 64);
}

static inline struct bytes some_text(struct lab *lab, size_t bytes_max)
{
    size_t len = 1 + below(lab, (uint32_t)bytes_max);
    char *text = arena_alloc(&lab->arena, len);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(' ' + below(lab, 95));
    return (struct bytes){text, len};
}

static inline struct bytes some_feed(struct lab *lab)
{
    enum { FEED_BYTES = 16 };
    uint8_t *feed = arena_alloc(&lab->arena, FEED_BYTES);
    for (int i = 0; i < FEED_BYTES; i++)
        feed[i] = (uint8_t)below(lab, 256);
    return (struct bytes){(const char *)feed, FEED_BYTES};
}

static inline struct bytes long_text(struct lab *lab, size_t len)
{
    char *text = arena_alloc(&lab->arena, len);
    memset(text, 'x', len);
    return (struct bytes){text, len};
}

static inline void assert_same_bytes(struct bytes a, struct bytes b)
{
    assert_true(bytes_equal(a, b));
    assert_true((a.data != NULL) == (b.data != NULL));
}

#endif

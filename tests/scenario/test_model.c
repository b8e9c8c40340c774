/* Random histories against a naive model: a provider that changes between harvests and fails in the middle
 * of some. After each: the store verifies (its changes replayed give its documents), nothing that the
 * provider still has was ever deleted, and a sound listing without a guard leaves the store equal to the
 * provider. Every failure names its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/scenario/lab.h"

enum { RESOURCES = 12, HARVESTS = 14, SEEDS = 150 };

struct world {
    struct random random;
    int v[RESOURCES]; /* 0: not there */
    int order[RESOURCES];
};

static const char *const deletes[] = {
    "    delete: {guard: none}\n",
    "    delete: {confirm: relist, guard: none}\n",
    "    delete: {guard: 50%}\n",
};

static void change_world(struct world *w)
{
    for (uint64_t i = random_below(&w->random, 5); i > 0; i--) {
        int *v = &w->v[random_below(&w->random, RESOURCES)];
        *v = random_below(&w->random, 3) == 0 ? 0 : (int)random_below(&w->random, 4) + 1;
    }
    uint64_t a = random_below(&w->random, RESOURCES), b = random_below(&w->random, RESOURCES);
    int order = w->order[a];
    w->order[a] = w->order[b];
    w->order[b] = order;
}

static void add_word(const struct world *w, int resource, struct buffer *words)
{
    if (w->v[resource])
        buffer_printf(words, "%sr%02d=%d", words->len ? " " : "", resource, w->v[resource]);
}

/* The provider's listing, in pages; a harvest may fail on one of them. Returns true when nothing was wrong.
 */
static bool list_world(struct lab *lab, struct world *w)
{
    struct buffer words = {0};
    uint64_t bad = random_below(&w->random, 12);
    for (int i = 0, page = 0; i < RESOURCES; i++) {
        add_word(w, w->order[i], &words);
        bool last = i == RESOURCES - 1;
        if (!last && random_below(&w->random, 3))
            continue;
        char next[16];
        snprintf(next, sizeof next, "t%d", i);
        if ((uint64_t)page == bad) {
            if (random_below(&w->random, 2))
                lab_answers(lab, 403, NULL, "no");
            else
                lab_answers(lab, 200, NULL, "{\"items\":null}");
            buffer_close(&words);
            return false;
        }
        lab_page(lab, buffer_text(&words), last ? NULL : next);
        buffer_reset(&words);
        page++;
    }
    buffer_close(&words);
    return true;
}

static int check_deleted(void *context, uint64_t seq, struct bytes packed)
{
    struct world *w = context;
    struct arena arena = {0};
    struct change change;
    struct error e;
    assert_int_equal(change_unpack(&arena, packed, &change, &e), 0);
    if (change.op == CHANGE_DELETED) {
        int resource = 0;
        assert_int_equal(sscanf(change.id.data, "r%2d", &resource), 1);
        if (w->v[resource])
            fail_msg("change %llu deletes r%02d, which is there", (unsigned long long)seq, resource);
        assert_true(change.receipt_count > 0);
    }
    arena_close(&arena);
    return 0;
}

static void check(struct lab *lab, struct world *w, uint64_t from, bool equal)
{
    struct buffer words = {0};
    struct error e;
    assert_int_equal(store_read(lab_store(lab), &e), 0);
    assert_int_equal(store_changes_each(lab_store(lab), from, check_deleted, w, &e), 0);
    store_done(lab_store(lab));
    for (int i = 0; i < RESOURCES; i++)
        add_word(w, i, &words);
    if (equal)
        lab_expect_store(lab, "item", buffer_text(&words));
    buffer_close(&words);
}

static void one_history(uint64_t seed)
{
    struct world w = {0};
    char yaml[512];
    random_seed(&w.random, seed);
    uint64_t kind = random_below(&w.random, 3);
    snprintf(yaml, sizeof yaml,
             "provider: lab\n"
             "collections:\n"
             "  - type: item\n"
             "    request: {url: 'http://lab/items'}\n"
             "    items: /items/*\n"
             "    id: /id\n"
             "    page: {style: token, from: 'body:/next', to: 'query:t'}\n%s",
             deletes[kind]);
    struct lab *lab = lab_open(yaml);
    lab_expires(lab);
    for (int i = 0; i < RESOURCES; i++)
        w.order[i] = i;
    for (int harvest = 0; harvest < HARVESTS; harvest++) {
        uint64_t head = store_head(lab_store(lab));
        change_world(&w);
        bool fine = list_world(lab, &w);
        lab_harvest(lab, "item");
        lab_forget(lab);
        assert_int_equal(lab_outcome(lab)->complete, fine);
        if (random_below(&w.random, 4) == 0)
            lab_reopen(lab);
        check(lab, &w, head + 1, fine && kind == 0);
    }
    lab_close(lab);
}

static void random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %llu\r", (unsigned long long)seed);
        one_history(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

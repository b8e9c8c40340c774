#include "tests/sim/truth.h"

#include "tests/sim/plan.h"

static void create(struct truth *t, struct random *r, unsigned i, tick *now)
{
    t->things[i].lives = true;
    t->things[i].version = (uint8_t)chance(r, VERSIONS);
    t->things[i].since = ++*now;
}

static void end(struct truth *t, unsigned i, tick *now)
{
    t->things[i].lives = false;
    t->things[i].since = ++*now;
}

static void swap(struct truth *t, unsigned a, unsigned b)
{
    uint16_t rank = t->things[a].rank;
    t->things[a].rank = t->things[b].rank;
    t->things[b].rank = rank;
}

void truth_open(struct truth *t, struct random *r, unsigned most, bool moves, tick *now)
{
    *t = (struct truth){.most = most < THINGS ? most : THINGS, .moves = moves};
    unsigned percent = chance(r, 101);
    for (unsigned i = 0; i < t->most; i++) {
        t->things[i].rank = (uint16_t)i;
        if (chance(r, 100) < percent)
            create(t, r, i, now);
    }
}

/* One that lives, or doesn't; `most` when there is none. */
static unsigned some(const struct truth *t, struct random *r, bool lives)
{
    unsigned from = chance(r, t->most);
    for (unsigned k = 0; k < t->most; k++)
        if (t->things[(from + k) % t->most].lives == lives)
            return (from + k) % t->most;
    return t->most;
}

static const char *change_one(struct truth *t, struct random *r, tick *now)
{
    unsigned kind = chance(r, 10), i = some(t, r, kind >= 4);
    if (i == t->most)
        return "nothing";
    if (kind < 4) {
        create(t, r, i, now);
        return "one came";
    }
    if (kind < 7) {
        end(t, i, now);
        return "one went";
    }
    if (kind == 7 && t->moves) {
        swap(t, i, chance(r, t->most));
        ++*now;
        return "two changed places";
    }
    t->things[i].version = (uint8_t)chance(r, VERSIONS);
    ++*now;
    return "one changed";
}

static const char *change_many(struct truth *t, struct random *r, tick *now)
{
    unsigned from = chance(r, t->most), to = from + chance(r, t->most - from + 1), kind = chance(r, 5);
    for (unsigned i = from; i < to; i++) {
        if (kind < 2 && t->things[i].lives)
            end(t, i, now);
        else if (kind == 2 && !t->things[i].lives)
            create(t, r, i, now);
        else if (kind == 3)
            t->things[i].version = (uint8_t)chance(r, VERSIONS);
        else if (kind == 4 && t->moves)
            swap(t, i, chance(r, t->most));
    }
    ++*now;
    static const char *const told[] = {"many went", "many went", "many came", "many changed",
                                       "many changed places"};
    return kind == 4 && !t->moves ? "nothing" : told[kind];
}

const char *truth_change(struct truth *t, struct random *r, tick *now)
{
    if (one_in(r, 60)) {
        truth_end(t, now);
        return "all went";
    }
    return one_in(r, 8) ? change_many(t, r, now) : change_one(t, r, now);
}

void truth_end(struct truth *t, tick *now)
{
    for (unsigned i = 0; i < t->most; i++)
        if (t->things[i].lives)
            end(t, i, now);
}

struct bits truth_living(const struct truth *t)
{
    struct bits living = {{0}};
    for (unsigned i = 0; i < t->most; i++)
        if (t->things[i].lives)
            bits_add(&living, i);
    return living;
}

/* Ranks are a permutation: a bucket for each. */
unsigned truth_order(const struct truth *t, uint8_t out[THINGS])
{
    uint8_t by_rank[THINGS];
    unsigned count = 0;
    for (unsigned i = 0; i < t->most; i++)
        by_rank[t->things[i].rank] = (uint8_t)i;
    for (unsigned rank = 0; rank < t->most; rank++)
        if (t->things[by_rank[rank]].lives)
            out[count++] = by_rank[rank];
    return count;
}

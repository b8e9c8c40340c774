/* Whatever an owner does meanwhile, and whenever either is killed, the copy comes to hold what the owner
 * holds, verifies whenever it says that it is whole, and goes on as an owner itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_copy_lab.h"

enum { SEEDS = 40, STEPS = 120 };

static void owner_does_something(struct copy_lab *lab)
{
    struct history *h = &lab->history;
    struct store *store = copy_owner(lab)->store;
    uint64_t kept = store_head(store) + 1 - store_oldest(store);
    if (history_chance(h, 8))
        copy_owner_compacts(lab, store_oldest(store) + history_pick(h, (uint32_t)(kept + 1)));
    else
        copy_owner_writes(lab, 1 + history_pick(h, 4));
}

/* What its follower hasn't seen of the owner's changes is lost. */
static void change_sides(struct copy_lab *lab)
{
    if (copy_phase(lab->copy) != COPY_WHOLE || lab->taking || !lab->met)
        return;
    copy_promote(lab);
}

static void try_seed(uint64_t seed, uint32_t crashes, uint32_t changes_of_sides)
{
    struct copy_lab *lab = copy_lab_open(seed);
    struct history *h = &lab->history;
    copy_owner_writes(lab, history_pick(h, 40));
    for (unsigned i = 0; i < STEPS; i++) {
        if (history_chance(h, 50))
            owner_does_something(lab);
        else if (history_chance(h, crashes))
            copy_crash(lab);
        else if (history_chance(h, changes_of_sides))
            change_sides(lab);
        else
            copy_go_on(lab);
    }
    copy_catch_up(lab);
    copy_compare(lab);
    copy_lab_close(lab);
}

static void copies_come_to_hold_what_the_owner_holds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        try_seed(seed, 0, 0);
}

static void copies_that_are_killed_go_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        try_seed(1000 + seed, 15, 0);
}

static void promoted_copies_go_on_as_owners_and_old_owners_as_copies(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        try_seed(2000 + seed, 5, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_come_to_hold_what_the_owner_holds),
        cmocka_unit_test(copies_that_are_killed_go_on),
        cmocka_unit_test(promoted_copies_go_on_as_owners_and_old_owners_as_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Deletes: only by a sound listing, by the confirmation the provider file asks for, and within the guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/lab.h"

#define FILE_WITH(more)                                                                                      \
    "provider: lab\n"                                                                                        \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: 'http://lab/items'}\n"                                                               \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n" more "  - type: part\n"                                                                  \
    "    scope: {parent: item}\n"                                                                            \
    "    request: {url: 'http://lab/items/{parent.id}/parts'}\n"                                             \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n"

#define HOUR INT64_C(3600000)

static struct lab *lab_with(const char *yaml, const char *words)
{
    struct lab *lab = lab_open(yaml);
    lab_page(lab, words, NULL);
    lab_harvest(lab, "item");
    lab_pass(lab, 60000);
    lab_forget(lab);
    return lab;
}

static void harvest(struct lab *lab, const char *words)
{
    lab_page(lab, words, NULL);
    lab_harvest(lab, "item");
}

/* An empty answer where there was plenty is held back; it is said once, and what returns is held no more. */
static void guard_holds_an_empty_listing(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b c d e");
    harvest(lab, "");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] status held\n"
                    "[60000] complete, sound: 0 items on 1 pages\n"
                    "[60000] held back: 5\n");
    harvest(lab, "");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] complete, sound: 0 items on 1 pages\n"
                    "[60000] held back: 5\n");
    harvest(lab, "a b c d e");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] status held\n"
                    "[60000] complete, sound: 5 items on 1 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1");
    lab_close(lab);
}

/* Replacing everything counts against what was there, not against what came with it. */
static void guard_counts_what_was_there(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b c");
    harvest(lab, "x y z u v w");
    assert_int_equal(lab_outcome(lab)->held, 3);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 u=1 v=1 w=1 x=1 y=1 z=1");
    lab_close(lab);
}

/* Three sound listings over an hour that all miss a row let it go, and the delete names them all. */
static void guard_lets_go_in_time(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b c d e");
    harvest(lab, "e");
    lab_pass(lab, HOUR / 2);
    harvest(lab, "d e");
    lab_pass(lab, HOUR / 4);
    harvest(lab, "e");
    assert_int_equal(lab_outcome(lab)->held, 4);
    lab_pass(lab, HOUR / 4);
    lab_forget(lab);
    harvest(lab, "c e");
    lab_expect(lab, "[3660000] asks /items\n"
                    "[3660000] deleted a\n"
                    "        by 3-1-2\n"
                    "        by 3-1-3\n"
                    "        by 3-1-4\n"
                    "        by 3-1-5\n"
                    "[3660000] deleted b\n"
                    "        by 3-1-2\n"
                    "        by 3-1-3\n"
                    "        by 3-1-4\n"
                    "        by 3-1-5\n"
                    "[3660000] complete, sound: 2 items on 1 pages\n"
                    "[3660000] held back: 1\n");
    lab_expect_store(lab, "item", "c=1 d=1 e=1");
    lab_close(lab);
}

/* A confirmation lets the next sound listing delete what was held and is still missed, and nothing else. */
static void confirm_is_for_what_was_held(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b c d e f g h");
    harvest(lab, "f g h");
    lab_pass(lab, 1000);
    lab_confirm(lab, "item");
    lab_pass(lab, 1000);
    harvest(lab, "e h"); /* e is back, f and g are newly missing */
    assert_int_equal(lab_outcome(lab)->deleted, 4);
    assert_int_equal(lab_outcome(lab)->held, 2);
    lab_expect_store(lab, "item", "e=1 f=1 g=1 h=1");
    harvest(lab, "");
    assert_int_equal(lab_outcome(lab)->deleted, 0); /* it was for one listing */
    lab_close(lab);
}

/* A confirmation waits for a sound listing. */
static void confirm_survives_an_unsound_listing(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b c d");
    harvest(lab, "");
    lab_confirm(lab, "item");
    lab_answers(lab, 403, NULL, "");
    lab_harvest(lab, "item");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_pass(lab, 1);
    harvest(lab, "");
    lab_expect_store(lab, "item", "");
    lab_close(lab);
}

/* relist: a row goes when two sound listings miss it and none between saw it. */
static void relist_wants_two_listings(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH("    delete: {confirm: relist}\n"), "a b c d e");
    harvest(lab, "a b c d");
    assert_int_equal(lab_outcome(lab)->deleted, 0);
    harvest(lab, "a b c d e");
    harvest(lab, "a b c d");
    assert_int_equal(lab_outcome(lab)->deleted, 0);
    lab_answers(lab, 403, NULL, ""); /* an error is no evidence */
    lab_harvest(lab, "item");
    lab_forget(lab);
    harvest(lab, "a b c d");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] deleted e\n"
                    "        by 3-1-4\n"
                    "        by 3-1-6\n"
                    "[60000] status recovered\n"
                    "[60000] complete, sound: 4 items on 1 pages\n");
    lab_close(lab);
}

/* A failed harvest that saw a row takes it off what is missing. */
static void partial_sight_counts_for_relist(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH("    page: {style: token, from: 'body:/next', to: 'query:t'}\n"
                                         "    delete: {confirm: relist}\n"),
                               "a b c d e");
    harvest(lab, "a b c d");
    lab_page(lab, "e", "2");
    lab_answers(lab, 403, NULL, "");
    lab_harvest(lab, "item");
    harvest(lab, "a b c d");
    assert_int_equal(lab_outcome(lab)->deleted, 0);
    lab_close(lab);
}

#define GET "    get: {url: 'http://lab/items/{id}'}\n"

/* get: a 404 deletes, a 2xx counts as seen, anything else deletes nothing and is an error. */
static void get_asks_before_it_deletes(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(GET "    delete: {confirm: get}\n"), "a b c d e f g h");
    lab_page(lab, "a b c d e", NULL);
    lab_answers(lab, 404, NULL, "");
    lab_answers(lab, 200, NULL, "not even JSON");
    lab_answers(lab, 403, NULL, "");
    lab_harvest(lab, "item");
    lab_expect(lab,
               "[60000] asks /items\n"
               "[60000] asks /items/f\n"
               "[60000] asks /items/g\n"
               "[60000] asks /items/h\n"
               "[60000] deleted f\n"
               "        by 3-1-2\n"
               "[60000] complete, sound: 5 items on 1 pages\n"
               "[60000] fault: asking whether 'h' is gone: HTTP 403: allow the account's credentials to read "
               "this\n");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 g=1 h=1");
    lab_close(lab);
}

/* A run that stops while it asks has listed all the same: what a later delete rests on is a sound receipt. */
static void stop_while_asking_ends_a_sound_listing(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(GET "    delete: {confirm: get}\n"), "a b c d e f");
    lab_page(lab, "a b c d", NULL);
    lab_answers(lab, 404, NULL, "");
    lab_breaks(lab, ERR_STOPPED, "told to stop");
    lab_harvest(lab, "item");
    lab_page(lab, "a b c d", NULL);
    lab_answers(lab, 404, NULL, "");
    lab_harvest(lab, "item");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] asks /items/e\n"
                    "[60000] asks /items/f\n"
                    "[60000] deleted e\n"
                    "        by 3-1-2\n"
                    "[60000] complete, sound: 4 items on 1 pages\n"
                    "[60000] fault: asking whether what it missed is gone: told to stop\n"
                    "[60000] asks /items\n"
                    "[60000] asks /items/f\n"
                    "[60000] deleted f\n"
                    "        by 3-1-2\n"
                    "        by 3-1-3\n"
                    "[60000] complete, sound: 4 items on 1 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_close(lab);
}

/* The guard counts candidates before any get: nothing is asked for what it holds. */
static void guard_comes_before_get(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(GET "    delete: {confirm: get}\n"), "a b c d");
    harvest(lab, "a");
    assert_int_equal(lab_outcome(lab)->held, 3);
    lab_close(lab);
}

/* Offset paging without `order: stable` and without `get` needs two listings. */
static void offset_defaults_to_relist(void **state)
{
    (void)state;
    struct lab *lab = lab_open(FILE_WITH("    page: {style: offset, to: 'query:offset'}\n"));
    lab_page(lab, "a b c d", NULL);
    lab_page(lab, "", NULL);
    lab_harvest(lab, "item");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lab_outcome(lab)->deleted, 0);
        lab_page(lab, "a b c", NULL);
        lab_page(lab, "", NULL);
        lab_harvest(lab, "item");
    }
    assert_int_equal(lab_outcome(lab)->deleted, 1);
    lab_close(lab);
}

/* A deleted parent deletes its children, citing its own receipt. */
static void children_go_with_their_parent(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b c");
    lab_page(lab, "p q", NULL);
    lab_harvest_child(lab, "part", "item", "b");
    lab_forget(lab);
    harvest(lab, "a c");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] deleted p\n"
                    "        by 3-1-2\n"
                    "[60000] deleted q\n"
                    "        by 3-1-2\n"
                    "[60000] deleted b\n"
                    "        by 3-1-2\n"
                    "[60000] complete, sound: 2 items on 1 pages\n");
    harvest(lab, "a b c"); /* it comes back: its parts are a new collection */
    lab_page(lab, "p", NULL);
    lab_forget(lab);
    lab_harvest_child(lab, "part", "item", "b");
    lab_expect(lab, "[60000] asks /items/b/parts\n"
                    "[60000] initially created p\n"
                    "[60000] status listed\n"
                    "[60000] complete, sound: 1 items on 1 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1 c=1");
    lab_close(lab);
}

/* A child of an unsound parent listing is harvested, and deletes nothing that run. */
static void child_of_unsound_parent_deletes_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b c");
    lab_page(lab, "p q", NULL);
    lab_harvest_child(lab, "part", "item", "b");
    lab_answers(lab, 403, NULL, "");
    lab_harvest(lab, "item");
    lab_page(lab, "q=2 r", NULL);
    lab_forget(lab);
    lab_harvest_child(lab, "part", "item", "b");
    lab_expect(lab, "[60000] asks /items/b/parts\n"
                    "[60000] updated q [{\"op\":\"replace\",\"path\":\"/v\",\"value\":2}]\n"
                    "[60000] created r\n"
                    "[60000] complete, its parent's listing was not sound: 2 items on 1 pages\n");
    harvest(lab, "a b c");
    lab_page(lab, "q=2 r", NULL);
    lab_forget(lab);
    lab_harvest_child(lab, "part", "item", "b");
    lab_expect(lab, "[60000] asks /items/b/parts\n"
                    "[60000] deleted p\n"
                    "        by 3-1-3\n"
                    "        by 3-2-3\n"
                    "[60000] complete, sound: 2 items on 1 pages\n");
    lab_close(lab);
}

/* An edited provider file: what both rules together don't see is its doing, not the world's. */
static void definition_changes_are_told_apart(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b=2 c");
    lab_edit(lab, FILE_WITH("    ignore: [/v]\n"));
    harvest(lab, "a b=3 c");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] updated a by definition [{\"op\":\"remove\",\"path\":\"/v\"}]\n"
                    "[60000] updated b by definition [{\"op\":\"remove\",\"path\":\"/v\"}]\n"
                    "[60000] updated c by definition [{\"op\":\"remove\",\"path\":\"/v\"}]\n"
                    "[60000] status definition\n"
                    "[60000] complete, sound: 3 items on 1 pages\n");
    harvest(lab, "a b=4 c");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] complete, sound: 3 items on 1 pages\n");
    lab_expect_store(lab, "item", "a= b= c=");
    lab_close(lab);
}

/* A listing under an edited file that fails half-way leaves documents of both rules: the store verifies, and
 * the next listing still tells the file's doing from the world's. So does a row that comes back later. */
static void definition_change_may_be_cut_off(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH("    page: {style: token, from: 'body:/next', to: 'query:t'}\n"),
                               "a b c d");
    lab_edit(lab, FILE_WITH("    page: {style: token, from: 'body:/next', to: 'query:t'}\n"
                            "    ignore: [/v]\n"
                            "    delete: {confirm: relist}\n"));
    lab_page(lab, "a b", "2");
    lab_answers(lab, 403, NULL, "");
    lab_harvest(lab, "item");
    lab_expect_store(lab, "item", "a= b= c=1 d=1");
    lab_forget(lab);
    lab_expires(lab);
    harvest(lab, "a b c");
    lab_expect(lab, "[60000] asks /items?t=2\n"
                    "[60000] asks /items\n"
                    "[60000] updated c by definition [{\"op\":\"remove\",\"path\":\"/v\"}]\n"
                    "[60000] status definition\n"
                    "[60000] status recovered\n"
                    "[60000] complete, sound: 3 items on 1 pages\n");
    lab_expect_store(lab, "item", "a= b= c= d=1");
    harvest(lab, "a b c d");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] updated d by definition [{\"op\":\"remove\",\"path\":\"/v\"}]\n"
                    "[60000] complete, sound: 4 items on 1 pages\n");
    lab_expect_store(lab, "item", "a= b= c= d=");
    lab_close(lab);
}

/* A changed `id` starts the collection anew, once an answer came. */
static void changed_id_starts_anew(void **state)
{
    (void)state;
    struct lab *lab = lab_with(FILE_WITH(""), "a b");
    lab_edit(lab, "provider: lab\n"
                  "collections:\n"
                  "  - type: item\n"
                  "    request: {url: 'http://lab/items'}\n"
                  "    items: /items/*\n"
                  "    id: '{item:/id}!'\n");
    lab_answers(lab, 403, NULL, "");
    lab_harvest(lab, "item");
    lab_expect_store(lab, "item", "a=1 b=1");
    lab_forget(lab);
    harvest(lab, "a b");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] status definition, void\n"
                    "[60000] initially created a!\n"
                    "[60000] initially created b!\n"
                    "[60000] status listed\n"
                    "[60000] status recovered\n"
                    "[60000] complete, sound: 2 items on 1 pages\n");
    lab_expect_store(lab, "item", "a!=1 b!=1");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_holds_an_empty_listing),
        cmocka_unit_test(guard_counts_what_was_there),
        cmocka_unit_test(guard_lets_go_in_time),
        cmocka_unit_test(confirm_is_for_what_was_held),
        cmocka_unit_test(confirm_survives_an_unsound_listing),
        cmocka_unit_test(relist_wants_two_listings),
        cmocka_unit_test(partial_sight_counts_for_relist),
        cmocka_unit_test(get_asks_before_it_deletes),
        cmocka_unit_test(stop_while_asking_ends_a_sound_listing),
        cmocka_unit_test(guard_comes_before_get),
        cmocka_unit_test(offset_defaults_to_relist),
        cmocka_unit_test(children_go_with_their_parent),
        cmocka_unit_test(child_of_unsound_parent_deletes_nothing),
        cmocka_unit_test(definition_changes_are_told_apart),
        cmocka_unit_test(definition_change_may_be_cut_off),
        cmocka_unit_test(changed_id_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

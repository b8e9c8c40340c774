/* `require`: a page on which many items lack what earlier ones had is degraded, and nothing of it is taken;
 * whether the earlier ones were parsed or recognised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/lab.h"

static const char *const file = "provider: lab\n"
                                "collections:\n"
                                "  - type: item\n"
                                "    request: {url: 'http://lab/items'}\n"
                                "    items: /items/*\n"
                                "    id: /id\n"
                                "    require: [/v]\n"
                                "    page: {style: token, from: 'body:/next', to: 'query:from'}\n";

/* Items `from` up to before `to`, as "i1"; those from `lack` on have no `v`. */
static void page(struct lab *lab, int from, int to, int lack, const char *more, const char *next)
{
    struct buffer body = {0};
    buffer_add_text(&body, "{\"items\":[");
    for (int i = from; i < to; i++)
        buffer_printf(&body, "%s{\"id\":\"i%d\"%s}", i > from ? "," : "", i, i < lack ? ",\"v\":1" : "");
    buffer_printf(&body, "%s],\"next\":%s%s%s}", more, next ? "\"" : "", next ? next : "null",
                  next ? "\"" : "");
    lab_answers(lab, 200, NULL, buffer_text(&body));
    buffer_close(&body);
}

static struct lab *lab_with_ten(void)
{
    struct lab *lab = lab_open(file);
    page(lab, 0, 10, 10, "", NULL);
    lab_harvest(lab, "item");
    lab_pass(lab, 60000);
    lab_forget(lab);
    return lab;
}

/* Those that are as they were count as items of the page, not as ones that lack anything. */
static void recognised_items_count(void **state)
{
    (void)state;
    struct lab *lab = lab_with_ten();
    page(lab, 0, 10, 8, "", NULL); /* two of ten: no more than a fifth */
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->updated, 2);
    assert_int_equal(lab_receipt(lab)->tier1 + lab_receipt(lab)->tier2, 8);
    page(lab, 0, 10, 5, "", NULL); /* three more: i5, i6, i7 */
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DEGRADED);
    lab_expect_store(lab, "item", "i0=1 i1=1 i2=1 i3=1 i4=1 i5=1 i6=1 i7=1 i8= i9=");
    lab_close(lab);
}

/* A page that is recognised as a whole tells what the next one, of new items, must have. */
static void recognised_page_comes_before_a_degraded_one(void **state)
{
    (void)state;
    struct lab *lab = lab_with_ten();
    page(lab, 0, 10, 10, "", "2");
    page(lab, 10, 14, 0, "", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] asks /items?from=2\n"
                    "[60000] status unreachable\n"
                    "[60000] failed on page 2: degraded: 4 of 4 items lack '/v', which earlier ones had: the "
                    "answer is degraded, and nothing of this page was taken\n");
    assert_int_equal(lab_receipt(lab)->tier1, 10);
    assert_int_equal(lab_outcome(lab)->kept, 10);
    lab_pass(lab, 60000);
    lab_expires(lab);
    page(lab, 0, 14, 14, "", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[120000] asks /items?from=2\n"
                    "[120000] asks /items\n"
                    "[120000] created i10\n"
                    "[120000] created i11\n"
                    "[120000] created i12\n"
                    "[120000] created i13\n"
                    "[120000] status recovered\n"
                    "[120000] complete, sound: 14 items on 1 pages\n");
    lab_close(lab);
}

/* What nobody had before nobody lost. */
static void new_kind_of_items_is_no_degradation(void **state)
{
    (void)state;
    struct lab *lab = lab_open(file);
    page(lab, 0, 10, 0, "", NULL);
    for (int i = 0; i < 2; i++) {
        lab_harvest(lab, "item");
        assert_true(lab_outcome(lab)->sound);
        page(lab, 0, 10, 10, "", NULL);
    }
    lab_close(lab);
}

/* Nothing of a degraded page is taken: no item of it goes into quarantine, either. */
static void degraded_page_quarantines_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_with_ten();
    page(lab, 0, 10, 0, ",{\"w\":1}", NULL);
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DEGRADED);
    assert_int_equal(lab_receipt(lab)->quarantined, 0);
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recognised_items_count),
        cmocka_unit_test(recognised_page_comes_before_a_degraded_one),
        cmocka_unit_test(new_kind_of_items_is_no_degradation),
        cmocka_unit_test(degraded_page_quarantines_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

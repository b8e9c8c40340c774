/* An account's `splits` stays what it was when the account came to its cluster, wherever it is said. */
#include "tests/unit/test_coordinator_lab.h"

#define SPLIT(id, splits) "{\"id\":\"" id "\",\"provider\":\"p\",\"splits\":" splits "}"

static int open_with(struct lab *lab, const char *accounts)
{
    close_coordinator(lab);
    lab->sole = NULL;
    lab->config = config_of(lab, accounts);
    return open_coordinator(lab);
}

static void splits_of_the_file_stay_what_they_were(void **state)
{
    struct lab *lab = *state;
    OK(lab, open_with(lab, "[" SPLIT("1", "2") "," TWO "]"));
    assert_int_equal(open_with(lab, "[" SPLIT("1", "4") "," TWO "]"), ERR_CONFIG);
    assert_non_null(strstr(lab->e.text, "account p/1: its `splits` is 4 and was 2"));
    assert_int_equal(open_with(lab, "[" SPLIT("1", "2") "," SPLIT("2", "3") "]"), ERR_CONFIG);
    OK(lab, open_with(lab, "[" SPLIT("1", "2") "]"));
    assert_int_equal(open_with(lab, "[" SPLIT("2", "3") "]"),
                     ERR_CONFIG); /* also of one that was taken out */
    OK(lab, open_with(lab, "[" SPLIT("2", "1") "]"));
}

static void splits_stay_what_they_were_where_an_account_stands_elsewhere(void **state)
{
    struct lab *lab = *state;
    OK(lab, open_with(lab, "[" SPLIT("1", "2") "]"));
    OK(lab, open_with(lab, "[]"));
    add(lab, SPLIT("1", "4"), true);
    add(lab, SPLIT("1", "2"), false);
    add(lab, SPLIT("3", "5"), false);
    assert_int_equal(open_with(lab, "[" SPLIT("3", "6") "]"), ERR_CONFIG);
    OK(lab, open_with(lab, "[" SPLIT("3", "5") "," SPLIT("1", "2") "]"));
    OK(lab, open_with(lab, "[]"));
    assert_string_equal(listed(lab), "p/1 added, p/3 added");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(splits_of_the_file_stay_what_they_were),
        TEST(splits_stay_what_they_were_where_an_account_stands_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The forecast: what it recognises of a listing that is like the last one, what it writes where they differ,
 * and when it doesn't trust itself. Random listings are in test_forecast_random.c. */
#include "test_forecast_listing.h"

static struct lab *lab_with(enum lab_shape shape, const char *pages)
{
    struct lab *lab = lab_open(shape);
    lab_lists(lab, pages);
    buffer_reset(&lab->diary);
    return lab;
}

/* A listing that is as the last one is recognised by its stretches, and nothing is written. */
static void unchanged_is_recognised_together(void **state)
{
    (void)state;
    for (enum lab_shape shape = LAB_JSON; shape <= LAB_NESTED; shape++) {
        struct lab *lab = lab_open(shape);
        lab_lists(lab, "0-99 | 100-349");
        lab_says(lab, "page 1: 100 new; put 3\n"
                      "page 2: 250 new; put 7\n");
        lab_lists(lab, "0-99 | 100-349");
        lab_says(lab, "page 1: 100 together\n"
                      "page 2: 250 together\n");
        lab_close(lab);
    }
}

/* Where a page's last item is always decoded, its stretch is read one by one; still nothing is written. */
static void last_items_are_left(void **state)
{
    (void)state;
    for (enum lab_shape shape = LAB_MARKER; shape <= LAB_XML; shape++) {
        struct lab *lab = lab_with(shape, "0-99 | 100-199");
        for (int times = 0; times < 3; times++) {
            lab_lists(lab, "0-99 | 100-199");
            lab_says(lab, "page 1: 70 together, 29 one by one, 1 new\n"
                          "page 2: 70 together, 29 one by one, 1 new\n");
        }
        lab_close(lab);
    }
}

/* One item that is inserted, modified or removed is all that is parsed, and the stretch that it is in is all
 * that is written. */
static void one_difference_is_one_stretch(void **state)
{
    static const char *const tales[][2] = {
        {"500 0-159 | 160-319", "page 1: 120 together, 40 one by one, 1 new; put 2, over 1\n"
                                "page 2: 160 together\n"},
        {"0-99 500 100-159 | 160-319", "page 1: 120 together, 40 one by one, 1 new; put 2, over 1\n"
                                       "page 2: 160 together\n"},
        {"0-159 | 160-319 500", "page 1: 160 together\n"
                                "page 2: 160 together, 1 new; put 1\n"},
        {"0-99 100=1 101-159 | 160-319", "page 1: 120 together, 39 one by one, 1 new; put 1, over 1\n"
                                         "page 2: 160 together\n"},
        {"0=1 1-159 | 160-319", "page 1: 120 together, 39 one by one, 1 new; put 1, over 1\n"
                                "page 2: 160 together\n"},
        {"0-99 101-159 | 160-319", "page 1: 120 together, 39 one by one; put 1, over 1\n"
                                   "page 2: 160 together\n"},
        {"1-159 | 160-319", "page 1: 120 together, 39 one by one; put 1, over 1\n"
                            "page 2: 160 together\n"},
    };
    (void)state;
    for (enum lab_shape shape = LAB_JSON; shape <= LAB_NESTED; shape++)
        for (size_t i = 0; i < sizeof tales / sizeof *tales; i++) {
            struct lab *lab = lab_with(shape, "0-159 | 160-319");
            lab_lists(lab, tales[i][0]);
            lab_says(lab, tales[i][1]);
            lab_close(lab);
        }
}

/* Where pages begin and end makes no difference to what is recognised; nothing is written, so the way back
 * makes none either. */
static void borders_move(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-159 | 160-319");
    lab_lists(lab, "0-99 | 100-199 | 200-299 | 300-319");
    lab_says(lab, "page 1: 80 together, 20 one by one\n"
                  "page 2: 80 together, 20 one by one\n"
                  "page 3: 80 together, 20 one by one\n"
                  "page 4: 20 one by one\n");
    lab_lists(lab, "0-159 | 160-319");
    lab_says(lab, "page 1: 160 together\n"
                  "page 2: 160 together\n");
    lab_close(lab);
}

/* White space between items costs the stretches that it is in, and once only. */
static void white_space_changes(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-159");
    lab->space = "\n  ";
    lab_lists(lab, "0-159");
    lab_says(lab, "page 1: 160 one by one; put 4, over 4\n");
    lab_lists(lab, "0-159");
    lab_says(lab, "page 1: 160 together\n");
    lab_close(lab);
}

/* When thousands vanish in front, one page is parsed, and the rest is found where it is now. */
static void thousands_vanish_in_front(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-2999 | 3000-5999 | 6000-8999 | 9000-9999");
    lab_lists(lab, "6000-6179 | 6180-8999 | 9000-9999");
    lab_says(lab, "page 1: 180 new; put 5, dropped 155; unsettled\n"
                  "page 2: 2800 together, 20 one by one; put 1\n"
                  "page 3: 1000 together\n"
                  "end; settled\n");
    lab_close(lab);
}

/* A page that can't be read ahead of is parsed, and behind it all goes on. */
static void page_without_forecast(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-199 | 200-399 | 400-599");
    lab_begin(lab);
    lab_pages(lab, "0-199");
    lab->is_lines = true;
    lab_pages(lab, "200-399");
    lab->is_lines = false;
    lab_pages(lab, "400-599");
    lab_end(lab, true);
    lab_says(lab, "page 1: 200 together\n"
                  "page 2: 200 as a whole; unsettled\n"
                  "page 3: 200 together; dropped 5\n"
                  "end; settled\n");
    lab_close(lab);
}

/* Listings that grow in front, one item at a time, are recognised but for that item, however often. */
static void growth_in_front_has_room(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "9000-9199");
    uint32_t parsed = 0, stretches = 0;
    for (unsigned first = 8999; first >= 4000; first--) {
        char pages[64];
        snprintf(pages, sizeof pages, "%u-%u", first, first + 199);
        lab_lists(lab, pages);
        parsed += lab->parsed;
        stretches = lab->world.count > stretches ? lab->world.count : stretches;
        assert_true(lab->world.noted.rules != 0);
    }
    assert_int_equal(parsed, 5000);
    assert_in_range(stretches, 1, 10); /* of 200 items */
    lab_close(lab);
}

/* So are listings that grow somewhere within, by items that are newer than those before them, or older. */
static void growth_within_has_room(void **state)
{
    (void)state;
    for (unsigned is_up = 0; is_up <= 1; is_up++) {
        struct lab *lab = lab_with(LAB_JSON, "0-99 5000-5199 9000-9099");
        uint32_t parsed = 0, stretches = 0;
        for (unsigned step = 1; step <= 2000; step++) {
            char pages[64];
            unsigned first = is_up ? 5000 + step : 5000 - step;
            snprintf(pages, sizeof pages, "0-99 %u-%u 9000-9099", first, first + 199);
            lab_lists(lab, pages);
            parsed += lab->parsed;
            stretches = lab->world.count > stretches ? lab->world.count : stretches;
            assert_true(lab->world.noted.rules != 0);
        }
        assert_int_equal(parsed, 2000);
        assert_in_range(stretches, 1, 20); /* of 400 items */
        lab_close(lab);
    }
}

/* Where there is no more room between two stretches all are dropped, and the next listing learns anew. */
static void no_room_is_no_forecast(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-39 | 40-79 | 80-119");
    for (uint32_t i = 0; i < 3; i++)
        lab->world.stretches[i].place = 10 + i;
    lab_lists(lab, "0-39 | 500 40-79 | 80-119");
    lab_says(lab, "page 1: 40 together\n"
                  "page 2: 40 one by one, 1 new; put 1, over 1, dropped 3; mute\n"
                  "page 3: 40 new; mute\n");
    assert_int_equal(lab->world.noted.rules, 0);
    lab_lists(lab, "0-39 | 500 40-79 | 80-119");
    lab_says(lab, "page 1: 40 new; put 1\n"
                  "page 2: 41 new; put 2\n"
                  "page 3: 40 new; put 1\n");
    lab_lists(lab, "0-39 | 500 40-79 | 80-119");
    lab_says(lab, "page 1: 40 together\n"
                  "page 2: 41 together\n"
                  "page 3: 40 together\n");
    lab_close(lab);
}

/* A row that is found elsewhere than expected unsettles the forecast, and a complete listing settles it. */
static void row_is_found_elsewhere(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-9 | 10-19 | 20-29");
    lab_lists(lab, "0-9 25=1 | 10-19 | 20-24 26-29");
    lab_says(lab, "page 1: 10 together, 1 new; put 1; unsettled\n"
                  "page 2: 10 together\n"
                  "page 3: 9 one by one; put 1, over 1\n"
                  "end; settled\n");
    lab_lists(lab, "0-9 25=1 | 10-19 | 20-24 26-29");
    lab_says(lab, "page 1: 11 together\n"
                  "page 2: 10 together\n"
                  "page 3: 9 together\n");
    lab_close(lab);
}

/* When it fails first, the next listing learns anew. */
static void unsettled_learns_anew(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-9 | 10-19 | 20-29");
    lab_fails(lab, "0-9 15=1");
    lab_says(lab, "page 1: 10 together, 1 new; put 1; unsettled\n");
    lab_lists(lab, "0-9 | 10-19 | 20-29");
    lab_says(lab, "page 1: 10 new; put 1, dropped 4\n"
                  "page 2: 10 new; put 1\n"
                  "page 3: 10 new; put 1\n");
    lab_lists(lab, "0-9 | 10-19 | 20-29");
    lab_says(lab, "page 1: 10 together\n"
                  "page 2: 10 together\n"
                  "page 3: 10 together\n");
    lab_close(lab);
}

/* A value that returns after a listing that failed is never taken for what is stored: wherever it was seen,
 * and wherever that listing broke off. */
static void returning_value_is_parsed(void **state)
{
    static const char *const failing[] = {
        "0 2=1",         /* elsewhere */
        "0 1 2=1",       /* in its place */
        "0 3 2=1",       /* moved in front of what was before it */
        "0 1 2!",        /* where it is to be in no stretch */
        "2!",            /* … elsewhere */
        "9 3=1 2=1 | 1", /* taken for passed, and then its stretch is come to */
    };
    (void)state;
    for (enum lab_shape shape = 0; shape < LAB_SHAPES; shape++)
        for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
            struct lab *lab = lab_with(shape, "0 1 | 2 3 | 4 5");
            lab_fails(lab, failing[i]);
            lab_lists(lab, "0 1 | 2 3 | 4 5"); /* the lab holds what is recognised against what is stored */
            for (uint32_t row = 0; row < 6; row++)
                assert_int_equal(lab->world.v_of[row], 0);
            lab_close(lab);
        }
}

/* Something else that stands between repeated elements of XML is in no stretch, and always left to be
 * decoded. */
static void stretches_end_at_other_elements(void **state)
{
    (void)state;
    struct lab *lab = lab_open(LAB_S3);
    lab->marker_after = 60;
    lab_lists(lab, "0-159");
    lab_says(lab, "page 1: 160 new; put 4\n");
    lab_lists(lab, "0-159");
    lab_says(lab, "page 1: 80 together, 79 one by one, 1 new\n");
    lab->marker_after = 160;
    lab_lists(lab, "0-159");
    lab_says(lab, "page 1: 80 together, 79 one by one, 1 new; put 1, over 1\n");
    lab_lists(lab, "0-159"); /* the page's last item and its stretch are always looked at */
    lab_says(lab, "page 1: 120 together, 39 one by one, 1 new\n");
    lab->marker_after = 60;
    lab_lists(lab, "0-159");
    lab_says(lab, "page 1: 80 together, 79 one by one, 1 new\n");
    lab_close(lab);
}

/* An earlier version put more items together: they are recognised, and smaller once something changes. */
static void larger_stretches_are_recognised(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-79");
    struct stretch *one = lab->world.stretches;
    assert_int_equal(lab->world.count, 2);
    memcpy(one->items + one->count, one[1].items, one[1].count * sizeof *one->items);
    one->count = STRETCH_ITEMS_MAX;
    lab->world.count = 1;
    lab_make_body(lab);
    size_t from = lab->spans[0].from, to = lab->spans[79].to;
    one->bytes = (uint32_t)(to - from);
    one->digest = hash128((struct bytes){lab->body.data + from, to - from}, &lab->secret);
    lab_lists(lab, "0-79");
    lab_says(lab, "page 1: 80 together\n");
    lab_lists(lab, "0-39 | 40-79");
    lab_says(lab, "page 1: 40 one by one\n"
                  "page 2: 40 one by one\n");
    lab_lists(lab, "0-9 10=1 11-79");
    lab_says(lab, "page 1: 79 one by one, 1 new; put 2, over 1\n");
    lab_lists(lab, "0-9 10=1 11-79");
    lab_says(lab, "page 1: 80 together\n");
    lab_close(lab);
}

/* Where something else is read among the items, or there is no list of them, there is no forecast. */
static void some_collections_have_none(void **state)
{
    static const struct {
        const char *yaml;
        bool json, xml;
    } tales[] = {
        {"    items: /items/*\n", true, true},
        {"    items: ''\n", false, false},
        {"    items: /a/0/*\n", true, true},
        {"    items: /items/*\n    page: {style: token, from: 'body:/next', to: 'query:a'}\n", true, true},
        {"    items: /items/*\n    page: {style: token, from: 'body:/items/next', to: 'query:a'}\n", true,
         false},
        {"    items: /items/*\n    page: {style: token, from: 'body:/items/0/next', to: 'query:a'}\n", false,
         false},
        {"    items: /items/*\n    page: {style: token, from: 'item:/id', to: 'query:a'}\n", true, true},
        {"    items: /items/*\n    page: {style: marker, to: 'query:a'}\n", true, true},
        {"    items: /items/*\n    page: {style: offset, to: 'query:a'}\n", true, true},
        {"    items: /items/*\n    page: {style: number, to: 'query:a', last: 'body:/last'}\n", true, true},
        {"    items: /items/*\n    page: {style: link, from: 'body:/next'}\n", true, true},
        {"    items: /items/*\n    page: {style: link, from: 'body:/items/0'}\n", false, false},
        {"    items: /items/*\n    errors: {code_at: 'body:/items/0/code'}\n", false, false},
        {"    items: /items/*\n    errors: {code_at: 'body:/items'}\n", false, false},
        {"    items: /items/*\n    errors: {code_at: 'body:/error/code'}\n", true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof tales / sizeof *tales; i++) {
        char yaml[1024];
        struct forecast f;
        struct forecast_store store = {0};
        struct forecast_noted noted = {0};
        struct placeholders values = {0};
        snprintf(yaml, sizeof yaml, "%s%s", LAB_HEAD, tales[i].yaml);
        struct provider *provider = lab_provider(yaml);
        forecast_open(&f, provider->collections, &values, NULL, &store, &noted, false);
        if (f.is_on != tales[i].json || f.is_on_xml != tales[i].xml)
            fail_msg("%s%d %d", tales[i].yaml, f.is_on, f.is_on_xml);
        forecast_close(&f);
        provider_close(provider);
    }
}

/* Stretches that can't be read or written are the listing's error. */
static void errors_of_the_store_are_told(void **state)
{
    (void)state;
    struct lab *lab = lab_with(LAB_JSON, "0-9 | 10-19");
    struct error e;
    lab_begin(lab);
    lab->each_fails = true;
    assert_int_equal(lab_page(lab, "0-9", &e), ERR_STORE);
    assert_string_equal(e.text, "can't be read");
    lab->each_fails = false;
    forecast_close(&lab->forecast);
    lab_begin(lab);
    lab->put_fails = true;
    assert_int_equal(lab_page(lab, "0-8", &e), 0); /* it may still be all of the stretch */
    assert_int_equal(lab_page(lab, "9=1", &e), ERR_STORE);
    assert_string_equal(e.text, "can't be written");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unchanged_is_recognised_together),
        cmocka_unit_test(last_items_are_left),
        cmocka_unit_test(one_difference_is_one_stretch),
        cmocka_unit_test(borders_move),
        cmocka_unit_test(white_space_changes),
        cmocka_unit_test(thousands_vanish_in_front),
        cmocka_unit_test(page_without_forecast),
        cmocka_unit_test(growth_in_front_has_room),
        cmocka_unit_test(growth_within_has_room),
        cmocka_unit_test(no_room_is_no_forecast),
        cmocka_unit_test(row_is_found_elsewhere),
        cmocka_unit_test(unsettled_learns_anew),
        cmocka_unit_test(returning_value_is_parsed),
        cmocka_unit_test(stretches_end_at_other_elements),
        cmocka_unit_test(larger_stretches_are_recognised),
        cmocka_unit_test(some_collections_have_none),
        cmocka_unit_test(errors_of_the_store_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tables: columns are as wide as what is in them, and appear when something is. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/table.h"

static const struct table_column columns[] = {
    {.title = "ID", .always = true}, {.title = "REGION"}, {.title = "N", .right = true}, {.title = "WHAT"}};

static void row(struct table *t, const char *id, const char *region, uint64_t n, const char *what)
{
    table_add(t, bytes_of(id));
    table_add(t, bytes_of(region));
    table_add_count(t, n);
    table_add(t, bytes_of(what));
}

/* Right-aligned numbers, padding by display columns, no blanks at a line's end, no empty column. */
static void columns_fit_their_cells(void **state)
{
    struct printer printer = {0};
    struct table t;
    (void)state;
    table_open(&t, &printer, columns, 4);
    row(&t, "日本", "", 7, "");
    row(&t, "sg-12345", "", 1234, "x");
    table_close(&t);
    assert_string_equal(buffer_text(&printer.out), "ID            N  WHAT\n"
                                                   "日本          7\n"
                                                   "sg-12345  1,234  x\n");
    buffer_close(&printer.out);
}

/* A later flush may widen columns, and shows one that was empty until then, with titles anew. */
static void a_column_appears_with_its_first_cell(void **state)
{
    struct printer printer = {0};
    struct table t;
    (void)state;
    table_open(&t, &printer, columns, 4);
    row(&t, "a", "", 0, "");
    table_flush(&t);
    row(&t, "bbbb", "r1", 0, "");
    table_close(&t);
    assert_string_equal(buffer_text(&printer.out), "ID\na\nID    REGION\nbbbb  r1\n");
    buffer_close(&printer.out);
}

/* On a terminal the last column ends where the terminal does; a table that has no rows prints nothing. */
static void the_last_column_is_cut_to_the_terminal(void **state)
{
    struct printer printer = {.terminal = true, .columns = 40};
    struct table t;
    (void)state;
    table_open(&t, &printer, columns, 4);
    table_flush(&t);
    assert_int_equal(printer.out.len, 0);
    row(&t, "aaaaaaaaaaaaaaaaaa", "", 0, "0123456789012345678901234567890123456789");
    table_close(&t);
    assert_string_equal(buffer_text(&printer.out), "ID                  WHAT\n"
                                                   "aaaaaaaaaaaaaaaaaa  0123456789012345678…\n");
    buffer_close(&printer.out);
}

/* A row holds no line break and no escape, whatever a provider sent. */
static void a_cell_cannot_break_out(void **state)
{
    struct printer printer = {0};
    struct table t;
    (void)state;
    table_open(&t, &printer, columns, 4);
    row(&t, "a\n\033[31m", "", 0, "");
    table_close(&t);
    assert_string_equal(buffer_text(&printer.out), "ID\na\\n\\x1b[31m\n");
    buffer_close(&printer.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_fit_their_cells),
        cmocka_unit_test(a_column_appears_with_its_first_cell),
        cmocka_unit_test(the_last_column_is_cut_to_the_terminal),
        cmocka_unit_test(a_cell_cannot_break_out),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the store has, held against words. */
#include "tests/scenario/lab.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/check.h"

struct words {
    char *list[4096];
    size_t count;
};

static int add_word(void *context, const struct document *stored)
{
    struct words *words = context;
    struct arena arena = {0};
    struct value document;
    struct buffer text = {0};
    struct error e;
    CHECK(words->count < 4096);
    CHECK(!value_from_msgpack(&arena, stored->packed, &document, &e));
    buffer_printf(&text, "%.*s=", BYTES_ARG(stored->id));
    const struct value *v = value_get_text(&document, "v");
    if (v)
        value_to_json(v, &text);
    words->list[words->count++] = text.data;
    arena_close(&arena);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void complain(void *context, const char *sentence)
{
    (void)context;
    fail_msg("verify: %s", sentence);
}

void lab_expect_store(struct lab *lab, const char *type, const char *expected)
{
    struct arena arena = {0};
    struct collection_record record;
    struct collection_key key = lab_key(type);
    struct words words = {.count = 0};
    struct buffer text = {0};
    struct error e;
    CHECK(!store_read(lab_store(lab), &e));
    int code = store_collection_find(lab_store(lab), &key, &arena, &record, &e);
    if (!code)
        code = store_documents_each(lab_store(lab), record.id, 0, add_word, &words, &e);
    CHECK(!code || code == ERR_NOT_FOUND);
    if (store_verify(lab_store(lab), complain, NULL, &e))
        fail_msg("%s", e.text);
    store_done(lab_store(lab));
    qsort(words.list, words.count, sizeof *words.list, by_text);
    for (size_t i = 0; i < words.count; i++) {
        buffer_printf(&text, "%s%s", i ? " " : "", words.list[i]);
        free(words.list[i]);
    }
    assert_string_equal(buffer_text(&text), expected);
    buffer_close(&text);
    arena_close(&arena);
}

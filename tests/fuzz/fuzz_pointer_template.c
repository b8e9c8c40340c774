/* A pointer on the first line, a template on the second, a document behind them: a pointer finds what it
 * sets and nothing of what it prunes; texts that it parses are parsed once and for all; a template that was
 * checked expands, or names what has no value. */
#include "common/limits.h"
#include "common/value/pointer.h"
#include "tests/fuzz/fuzz.h"
#include "worker/provider/template.h"

static int count_visit(void *context, const struct value *found)
{
    CHECK(found);
    ++*(uint64_t *)context;
    return 0;
}

static void parse_texts(struct arena *arena, struct pointer pointer, const struct value *document)
{
    for (int single = 0; single < 2; single++) {
        struct json_notes notes = {0};
        pointer.walks_single = single;
        struct value once = pointer_parse_texts(arena, document, &pointer, 1, &notes);
        CHECK(!value_is_deeper(&once, LIMIT_DEPTH));
        struct pointer twice[] = {pointer, pointer};
        struct value again = pointer_parse_texts(arena, &once, twice, 2, &notes);
        CHECK(value_equal(&again, &once));
    }
}

static void use_pointer(struct arena *arena, const struct pointer *pointer, const struct value *document)
{
    struct error e;
    uint64_t visits = 0;
    struct pointer_missed missed;
    CHECK(pointer_walk(pointer, document, false, &missed, count_visit, &visits) == 0);
    parse_texts(arena, *pointer, document);
    struct value pruned = pointer_prune(arena, document, pointer, 1);
    if (pointer->has_walk)
        return;

    const struct value *found = pointer_get(pointer, document);
    CHECK(!found || visits + missed.absent + missed.wrong == 1);
    CHECK(pointer->count == 0 || value_equal(&pruned, document) == !found);
    struct value changed = *document, mark = value_string(BYTES("mark"));
    if (pointer_set(arena, &changed, pointer, mark, &e) == 0) {
        found = pointer_get(pointer, &changed);
        CHECK(found && value_equal(found, &mark));
    } else {
        CHECK(e.code == ERR_CONFIG);
        CHECK(value_equal(&changed, document));
    }
}

static void use_template(struct arena *arena, const char *text, const struct value *document)
{
    const unsigned all = ALLOW_ACCOUNT | ALLOW_REGION | ALLOW_CREDENTIALS | ALLOW_VARS | ALLOW_PARENT |
                         ALLOW_ITEM;
    const struct resource_view item = {.id = BYTES("a/b%c"), .document = document};
    const struct placeholders values = {
        .account_id = BYTES("acct"),
        .account_keys = document,
        .credentials = document,
        .vars = document,
        .region = "north",
        .parent = &item,
        .item = &item,
    };
    struct error e;
    struct buffer out = {0};
    struct bytes in_arena;
    const struct template *template;
    if (template_check(text, all, 1, NULL, NULL, &e) == 0) {
        CHECK(template_compile(arena, text, &template, &e) == 0);
        for (int encoding = TEMPLATE_PLAIN; encoding <= TEMPLATE_URL; encoding++) {
            buffer_reset(&out);
            int code = template_expand(template, &values, (enum template_encoding)encoding, &out, &e);
            CHECK(code == 0 || code == ERR_PLACEHOLDER);
            CHECK(code == template_expand_in(arena, template, &values, (enum template_encoding)encoding,
                                             &in_arena, &e));
            CHECK(code || bytes_equal(in_arena, buffer_bytes(&out)));
        }
    } else {
        CHECK(e.code == ERR_CONFIG);
    }
    buffer_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct bytes rest = {(const char *)data, size};
    struct bytes path = fuzz_line(&rest), text = fuzz_line(&rest);
    struct value document;
    struct pointer pointer;
    struct error e;
    if (value_from_json(&arena, rest, &document, NULL, &e))
        document = value_object(&arena, 0);
    if (pointer_parse(&arena, path, &pointer, &e) == 0)
        use_pointer(&arena, &pointer, &document);
    else
        CHECK(e.code == ERR_CONFIG);
    if (!text.len || !memchr(text.data, '\0', text.len))
        use_template(&arena, arena_strdup(&arena, text), &document);
    arena_close(&arena);
    return 0;
}

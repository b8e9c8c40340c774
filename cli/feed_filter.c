#include "cli/feed_filter.h"

#include <string.h>

#include "common/nearest.h"

static const enum change_op ops[] = {CHANGE_CREATED, CHANGE_UPDATED, CHANGE_DELETED, CHANGE_STATUS};
enum { OP_COUNT = sizeof ops / sizeof *ops };

static int unknown_op(struct bytes name, struct error *e)
{
    const char *names[OP_COUNT];
    for (int i = 0; i < OP_COUNT; i++)
        names[i] = change_op_name(ops[i]);
    const char *nearest = nearest_word(name, names, OP_COUNT);
    if (nearest)
        return error_set(e, ERR_USAGE, "--op '%.*s': did you mean '%s'?", BYTES_ARG(name), nearest);
    return error_set(e, ERR_USAGE,
                     "--op '%.*s': there are created, updated, deleted and status, separated by commas",
                     BYTES_ARG(name));
}

static int read_ops(struct feed_filter *filter, const char *text, struct error *e)
{
    while (text) {
        size_t len = strcspn(text, ",");
        struct bytes name = bytes_trim((struct bytes){text, len});
        unsigned bit = 0;
        for (int i = 0; i < OP_COUNT && !bit; i++)
            if (bytes_is(name, change_op_name(ops[i])))
                bit = 1u << ops[i];
        if (!bit)
            return unknown_op(name, e);
        filter->ops |= bit;
        text = text[len] ? text + len + 1 : NULL;
    }
    return 0;
}

int feed_filter_open(struct feed_filter *filter, const struct options *options, struct error *e)
{
    *filter = (struct feed_filter){.selection = {.account = options->account, .type = options->type},
                                   .no_initial = options->no_initial,
                                   .has_touches = options->touches};
    int r = read_ops(filter, options->ops, e);
    if (r || !options->touches)
        return r;
    if (pointer_parse(&filter->arena, bytes_of(options->touches), &filter->touches, e)) {
        error_at(e, "--touches '%s'", options->touches);
        return e->code = ERR_USAGE;
    }
    return 0;
}

void feed_filter_close(struct feed_filter *filter)
{
    arena_close(&filter->arena);
}

bool feed_filter_touches(const struct pointer *pointer, const struct pointer *path)
{
    uint32_t common = pointer->count < path->count ? pointer->count : path->count;
    for (uint32_t i = 0; i < common; i++)
        if (!pointer->walks[i] && !bytes_equal(pointer->segments[i], path->segments[i]))
            return false;
    return true;
}

static int note_visit(void *context, const struct value *found)
{
    (void)found;
    *(bool *)context = true;
    return 1;
}

static int document_touches(const struct feed_filter *filter, struct bytes packed, struct arena *scratch,
                            bool *does, struct error *e)
{
    struct value document;
    int r = value_from_msgpack(scratch, packed, &document, e);
    if (!r)
        pointer_walk(&filter->touches, &document, true, NULL, note_visit, does);
    return r;
}

static int patch_touches(const struct feed_filter *filter, struct bytes packed, struct arena *scratch,
                         bool *does, struct error *e)
{
    struct value patch;
    int r = value_from_msgpack(scratch, packed, &patch, e);
    for (uint32_t i = 0; !r && !*does && patch.type == VALUE_ARRAY && i < patch.count; i++) {
        const struct value *text = value_get_text(&patch.items[i], "path");
        struct pointer path;
        if (!text || text->type != VALUE_STRING || pointer_parse(scratch, text->text, &path, e))
            r = error_set(e, ERR_CORRUPT, "a patch has an operation without a readable path");
        else
            *does = feed_filter_touches(&filter->touches, &path);
    }
    return r;
}

int feed_filter_passes(const struct feed_filter *filter, const struct change *change, struct arena *scratch,
                       bool *passes, struct error *e)
{
    *passes = select_matches(&filter->selection, &change->key) &&
              (!filter->ops || (filter->ops & 1u << change->op)) && !(filter->no_initial && change->initial);
    if (!*passes || !filter->has_touches)
        return 0;
    *passes = false;
    switch (change->op) {
    case CHANGE_CREATED:
        return document_touches(filter, change->after, scratch, passes, e);
    case CHANGE_DELETED:
        return document_touches(filter, change->before, scratch, passes, e);
    case CHANGE_UPDATED:
        return patch_touches(filter, change->patch, scratch, passes, e);
    default: /* a status is about no document */
        return 0;
    }
}

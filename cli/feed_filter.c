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

static struct filter_list list_of(struct bytes *name, const char *text)
{
    if (!text)
        return (struct filter_list){0};
    *name = bytes_of(text);
    return (struct filter_list){name, 1};
}

int feed_filter_open(struct feed_filter *filter, const struct options *options, struct error *e)
{
    *filter = (struct feed_filter){0};
    filter->filter.accounts = list_of(&filter->account, options->account);
    filter->filter.types = list_of(&filter->type, options->type);
    filter->filter.regions = list_of(&filter->region, options->region);
    filter->filter.no_initial = options->no_initial;
    if (options->touches)
        filter->filter.touches = bytes_of(options->touches);
    struct bytes unknown;
    if (options->ops && !filter_read_ops(bytes_of(options->ops), &filter->filter.ops, &unknown))
        return unknown_op(unknown, e);
    return filter_check(&filter->filter, &filter->arena, e);
}

void feed_filter_close(struct feed_filter *filter)
{
    arena_close(&filter->arena);
    arena_close(&filter->scratch);
}

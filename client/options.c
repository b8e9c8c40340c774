#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/internal.h"

static struct bytes text_of(struct arena *arena, const char *text)
{
    return text ? bytes_of(arena_strdup(arena, bytes_of(text))) : (struct bytes){0};
}

static int take_list(struct arena *arena, const char *name, const char *const *texts, struct filter_list *out,
                     struct error *e)
{
    uint32_t count = 0;
    while (texts && texts[count] && count <= LIMIT_FILTER_VALUES)
        count++;
    if (count > LIMIT_FILTER_VALUES)
        return error_set(e, ERR_USAGE, "more than %d %s: name fewer, or none for all", LIMIT_FILTER_VALUES,
                         name);
    struct bytes *items = arena_alloc(arena, (count + 1) * sizeof *items);
    for (uint32_t i = 0; i < count; i++)
        items[i] = text_of(arena, texts[i]);
    *out = (struct filter_list){items, count};
    return 0;
}

static int take_filter(struct arena *arena, const struct garner_options *options, struct filter *filter,
                       struct error *e)
{
    *filter = (struct filter){.id_prefix = text_of(arena, options->id_prefix),
                              .ops = options->ops,
                              .no_initial = options->no_initial,
                              .touches = text_of(arena, options->touches),
                              .members = options->members,
                              .member = options->member};
    int r = take_list(arena, "accounts", options->accounts, &filter->accounts, e);
    if (!r)
        r = take_list(arena, "providers", options->providers, &filter->providers, e);
    if (!r)
        r = take_list(arena, "regions", options->regions, &filter->regions, e);
    if (!r)
        r = take_list(arena, "types", options->types, &filter->types, e);
    return r ? r : filter_check(filter, arena, e);
}

int garner_take_options(struct garner *feed, const struct garner_options *options,
                        struct follow_setting *setting, struct error *e)
{
    if (options->size != sizeof *options)
        return error_set(
            e, ERR_USAGE,
            "struct garner_options has %zu bytes, %zu are expected: begin with GARNER_OPTIONS, and build "
            "with the header of the library that is linked",
            options->size, sizeof *options);
    feed->address = arena_strdup(&feed->setting, bytes_of(client_address(options->address)));
    feed->context = options->context;
    feed->say = options->say;
    feed->min_demand = options->min_demand;
    feed->give_up_ms = options->give_up_ms > 0 ? options->give_up_ms : INT64_MAX;
    *setting = (struct follow_setting){
        .max_events = options->max_demand ? options->max_demand : LIMIT_FETCH_CHANGES,
        .max_bytes = LIMIT_MESSAGE_BYTES,
        .snapshots = !options->no_snapshots,
    };
    return take_filter(&feed->setting, options, &setting->filter, e);
}

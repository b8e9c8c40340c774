#include "cli/status_print.h"

#include <inttypes.h>

#include "cli/resource.h"
#include "cli/table.h"
#include "common/text.h"
#include "common/units.h"

enum { MS_PER_S = 1000, HUNDRED = 100 };

static const struct table_column age_columns[] = {
    {.title = "PRIORITY", .always = true},
    {.title = "COLLECTIONS", .right = true, .always = true},
    {.title = "OLDEST", .right = true, .always = true},
    {.title = "ITS PERIOD", .right = true},
    {.title = "99%", .right = true, .always = true},
    {.title = "LATE", .right = true},
    {.title = "NEVER", .right = true},
};

static const struct table_column trouble_columns[] = {
    {.title = "ACCOUNT", .always = true},
    {.title = "REGION"},
    {.title = "TYPE", .always = true},
    {.title = "PARENT"},
    {.title = "STATE", .always = true},
    {.title = "SINCE"},
    {.title = "NEXT"},
    {.title = "WHAT TO DO"},
    {.title = "CAUSE"},
};

#define COLUMNS(columns) columns, sizeof(columns) / sizeof *(columns)

/* "1,234 collections". */
static void add_counted(struct buffer *out, uint64_t count, const char *one, const char *many)
{
    char text[UNITS_TEXT_BYTES];
    buffer_printf(out, "%s %s", units_count(count, text), count == 1 ? one : many);
}

/* ", 3 unreachable"; nothing for 0. */
static void add_part(struct buffer *out, uint64_t count, const char *what)
{
    char text[UNITS_TEXT_BYTES];
    if (count)
        buffer_printf(out, ", %s %s", units_count(count, text), what);
}

static void add_collections(struct buffer *out, const struct status *s, const char *name)
{
    text_add_safe(out, bytes_of(name));
    buffer_add_text(out, ": ");
    add_counted(out, s->collections, "collection", "collections");
    for (int i = 0; i < STATE_COUNT && s->scheduled; i++)
        add_part(out, s->states[i],
                 i == STATE_UNDER_WAY ? "under way" : status_state_name((enum status_state)i));
    for (int i = 0; i < TROUBLE_COUNT; i++)
        add_part(out, s->troubled[i], trouble_name((enum trouble)i));
    add_part(out, s->unwatched, "more not watched any more");
    buffer_add_text(out, "; ");
    add_counted(out, s->resources, "resource", "resources");
    if (s->accounts_failed) {
        buffer_add_text(out, "; ");
        add_counted(out, s->accounts_failed, "account failed", "accounts failed");
    }
    buffer_add_char(out, '\n');
}

static double percent(uint64_t part, uint64_t all)
{
    return all ? (double)part * HUNDRED / (double)all : 0;
}

static void add_requests(struct buffer *out, const struct status *s)
{
    char text[UNITS_TEXT_BYTES];
    if (s->started_ms)
        buffer_printf(out, "running for %s: ", units_ago(s->time_ms - s->started_ms, text));
    else
        buffer_add_text(out, "last harvests: ");
    if (s->window_ms)
        buffer_printf(out, "%.1f requests a second, %.1f %% of them throttled",
                      (double)s->window_requests * MS_PER_S / (double)s->window_ms,
                      percent(s->window_throttled, s->window_requests));
    else
        add_counted(out, s->work.requests, "request", "requests");
    if (s->breakers_open)
        buffer_printf(out, "; breakers open: %s", units_count(s->breakers_open, text));
    buffer_add_char(out, '\n');
}

static void add_tiers(struct buffer *out, const struct status *s)
{
    static const char *const names[STATUS_TIERS] = {"not listed (304)", "by stretch", "by item",
                                                    "parsed, as they were", "new or different"};
    const struct status_work *work = &s->work;
    char text[UNITS_TEXT_BYTES];
    if (!work->items)
        return;
    buffer_printf(out, "of %s items: ", units_count(work->items, text));
    for (int i = 0; i < STATUS_TIERS; i++)
        buffer_printf(out, "%stier %d %.1f %% (%s)", i ? ", " : "", i, percent(work->tiers[i], work->items),
                      names[i]);
    buffer_add_char(out, '\n');
}

static void add_ago(struct table *t, int64_t ms, bool known, enum print_colour colour)
{
    char text[UNITS_TEXT_BYTES];
    table_add_colour(t, bytes_of(known ? units_ago(ms, text) : ""), colour);
}

static void print_ages(struct printer *p, const struct status *s)
{
    struct table table;
    table_open(&table, p, COLUMNS(age_columns));
    for (int i = 0; i < STATUS_PRIORITIES; i++) {
        const struct status_age *age = &s->ages[i];
        bool known = age->collections > age->never;
        if (!age->collections)
            continue;
        table_add(&table, bytes_of(status_priority_name(i)));
        table_add_count(&table, age->collections);
        add_ago(&table, age->oldest_ms, known, age->late ? PRINT_RED : PRINT_PLAIN);
        add_ago(&table, age->oldest_period_ms, known && age->oldest_period_ms, PRINT_PLAIN);
        add_ago(&table, age->p99_ms, known, PRINT_PLAIN);
        table_add_count(&table, age->late);
        table_add_count(&table, age->never);
    }
    table_close(&table);
}

static void add_state(struct table *t, const struct status_trouble *trouble)
{
    struct buffer text = {0};
    char count[UNITS_TEXT_BYTES];
    bool is_red = trouble->kind == TROUBLE_UNREACHABLE;
    buffer_add_text(&text, trouble_name(trouble->kind));
    if (trouble->error)
        buffer_printf(&text, " (%s)", error_name(trouble->error));
    if (trouble->count)
        buffer_printf(&text, " (%s)", units_count(trouble->count, count));
    table_add_colour(t, buffer_bytes(&text), is_red ? PRINT_RED : PRINT_YELLOW);
    buffer_close(&text);
}

static void add_trouble(struct table *t, const struct status_trouble *trouble, int64_t now_ms)
{
    struct buffer text = {0};
    resource_account(&trouble->key, &text);
    table_add(t, buffer_bytes(&text));
    table_add(t, trouble->key.region);
    table_add(t, trouble->key.type);
    table_add(t, trouble->key.parent);
    add_state(t, trouble);
    table_add_time(t, trouble->since_ms);
    buffer_reset(&text);
    if (trouble->next_ms > now_ms) {
        char ago[UNITS_TEXT_BYTES];
        buffer_printf(&text, "in %s", units_ago(trouble->next_ms - now_ms, ago));
    } else if (trouble->next_ms) {
        buffer_add_text(&text, "now");
    }
    table_add(t, buffer_bytes(&text));
    buffer_reset(&text);
    trouble_advice(trouble, &text);
    table_add(t, buffer_bytes(&text));
    table_add(t, bytes_of(trouble->cause));
    buffer_close(&text);
}

static void print_troubles(struct printer *p, const struct status *s)
{
    struct table table;
    char text[UNITS_TEXT_BYTES];
    uint32_t shown = s->trouble_count < STATUS_LINES ? s->trouble_count : STATUS_LINES;
    uint64_t more = s->trouble_count - shown + s->left_out;
    if (!shown)
        return;
    buffer_add_char(&p->out, '\n');
    table_open(&table, p, COLUMNS(trouble_columns));
    for (uint32_t i = 0; i < shown; i++)
        add_trouble(&table, &s->troubles[i], s->time_ms);
    table_close(&table);
    if (more)
        buffer_printf(&p->out, "and %s more: --json\n", units_count(more, text));
}

void status_print(struct printer *p, const struct status *status, const char *name)
{
    add_collections(&p->out, status, name);
    if (!status->collections)
        return;
    add_requests(&p->out, status);
    add_tiers(&p->out, status);
    print_ages(p, status);
    print_troubles(p, status);
}

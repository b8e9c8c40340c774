/* A request is read from its text alone, as a server would: whatever Garner means by it doesn't count. */
#include "tests/sim/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

static const char site[] = "http://sim/";

const char *thing_id(unsigned thing, char out[32])
{
    static const char *const tails[] = {"", "", "/x y", "%2F", "", "\xc3\xa9", ""};
    snprintf(out, 32, "r%03u%s", thing, tails[thing % 7]);
    return out;
}

unsigned thing_of_id(struct bytes id)
{
    uint64_t number;
    char text[32];
    if (id.len < 4 || id.data[0] != 'r' || !bytes_to_u64((struct bytes){id.data + 1, 3}, &number) ||
        number >= THINGS)
        return THINGS;
    return bytes_is(id, thing_id((unsigned)number, text)) ? (unsigned)number : THINGS;
}

/* --- reading a request --- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct bytes decode(struct bytes text, char *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < cap; i++) {
        bool coded = text.data[i] == '%' && i + 2 < text.len + 0 && hex(text.data[i + 1]) >= 0;
        out[len++] = coded ? (char)(hex(text.data[i + 1]) << 4 | hex(text.data[i + 2])) : text.data[i];
        i += coded ? 2 : 0;
    }
    return (struct bytes){out, len};
}

/* The next part up to `stop`, which is taken off too. */
static struct bytes part(struct bytes *rest, char stop)
{
    const char *end = rest->len ? memchr(rest->data, stop, rest->len) : NULL;
    struct bytes found = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
    *rest = bytes_from(*rest, found.len + (end ? 1 : 0));
    return found;
}

static void take(struct asked *a, struct bytes name, struct bytes value)
{
    uint64_t number;
    if (bytes_is(name, "t") && value.len < sizeof a->position) {
        a->has_position = true;
        memcpy(a->position, value.data, value.len);
        a->position[value.len] = 0;
    } else if (bytes_is(name, "u") && value.len < sizeof a->beside) {
        a->has_beside = true;
        memcpy(a->beside, value.data, value.len);
        a->beside[value.len] = 0;
    } else if (bytes_is(name, "size") && bytes_to_u64(value, &number)) {
        a->size = (unsigned)number;
    }
}

static void take_pairs(struct asked *a, struct bytes text)
{
    char buffer[128];
    while (text.len) {
        struct bytes pair = part(&text, '&'), name = part(&pair, '=');
        take(a, name, decode(pair, buffer, sizeof buffer));
    }
}

static void take_body(struct asked *a, struct bytes body)
{
    struct arena arena = {0};
    struct value value;
    struct bytes text;
    if (body.len && body.data[0] == '{' && !value_from_json(&arena, body, &value, NULL, NULL))
        for (uint32_t i = 0; i < value.count; i++)
            if (value_scalar_text(&value.members[i].value, &text))
                take(a, value.members[i].key, text);
    if (body.len && body.data[0] != '{')
        take_pairs(a, body);
    arena_close(&arena);
}

static void take_headers(struct world *w, struct asked *a, const struct pairs *headers)
{
    char token[32];
    snprintf(token, sizeof token, "T%u", w->tokens[a->account]);
    a->is_authorized = !w->plan.login;
    for (uint32_t i = 0; i < headers->count; i++) {
        const struct pair *h = &headers->items[i];
        if (bytes_starts(h->name, "X-Sim-"))
            take(a, bytes_from(h->name, 6), h->value);
        else if (bytes_is(h->name, "If-None-Match"))
            snprintf(a->match, sizeof a->match, "%.*s", BYTES_ARG(h->value));
        else if (bytes_is(h->name, "If-Modified-Since"))
            snprintf(a->since, sizeof a->since, "%.*s", BYTES_ARG(h->value));
        else if (bytes_is(h->name, "X-Auth"))
            a->is_authorized = a->is_authorized || bytes_is(h->value, token);
    }
}

static bool read_place(struct world *w, struct asked *a, struct bytes path)
{
    char buffer[32];
    unsigned account = 0;
    struct bytes name = part(&path, '/');
    while (account < w->plan.accounts && !bytes_is(name, account_name(account)))
        account++;
    if (account == w->plan.accounts || !bytes_is(part(&path, '/'), "thing"))
        return false;
    a->account = account;
    a->place = w->roots[account];
    a->kind = ASKED_LISTING;
    if (!path.len)
        return true;
    a->thing = thing_of_id(decode(part(&path, '/'), buffer, sizeof buffer));
    a->kind = ASKED_ONE;
    if (!path.len || a->thing == THINGS)
        return a->thing < THINGS;
    a->place = world_part(a->place, a->thing);
    a->kind = ASKED_LISTING;
    if (!bytes_is(part(&path, '/'), "part"))
        return false;
    if (!path.len)
        return true;
    a->thing = thing_of_id(decode(path, buffer, sizeof buffer));
    a->kind = ASKED_ONE;
    return a->thing < THINGS;
}

/* Where positions are numbers, the first one is said, too. */
static void see_first(const struct plan *plan, struct asked *a)
{
    if ((plan->style == STYLE_OFFSET && strcmp(a->position, "0") == 0) ||
        (plan->style == STYLE_NUMBER && strcmp(a->position, "1") == 0))
        a->has_position = false;
}

bool asked_read(struct world *w, const struct request *request, struct asked *out)
{
    struct bytes url = bytes_of(request->url);
    *out = (struct asked){.kind = ASKED_NOTHING};
    if (!bytes_starts(url, site))
        return false;
    url = bytes_from(url, sizeof site - 1);
    struct bytes path = part(&url, '?');
    if (!read_place(w, out, path))
        return false;
    take_pairs(out, url);
    take_headers(w, out, &request->headers);
    if (request->has_body)
        take_body(out, request->body);
    see_first(&w->plan, out);
    return true;
}

/* --- the page at a position --- */

/* What there is to list, in order. */
struct list {
    uint8_t things[THINGS], versions[THINGS];
    unsigned count;
};

static void list_now(const struct place *place, struct list *out)
{
    out->count = truth_order(&place->truth, out->things);
    for (unsigned i = 0; i < out->count; i++)
        out->versions[i] = place->truth.things[out->things[i]].version;
}

/* Where positions are numbers, an order is stable only if the provider keeps to what there was at first. */
static void list_of(struct place *place, bool first, struct list *out)
{
    const struct plan *plan = &place->world->plan;
    bool keeps = plan->stable && (plan->style == STYLE_OFFSET || plan->style == STYLE_NUMBER);
    if (keeps && !first) {
        out->count = place->snapshot_count;
        memcpy(out->things, place->snapshot, out->count);
        memcpy(out->versions, place->snapshot_versions, out->count);
        return;
    }
    list_now(place, out);
    if (!keeps)
        return;
    place->snapshot_count = out->count;
    memcpy(place->snapshot, out->things, out->count);
    memcpy(place->snapshot_versions, out->versions, out->count);
}

static unsigned behind_rank(const struct place *place, const struct list *list, unsigned rank)
{
    unsigned i = 0;
    while (i < list->count && place->truth.things[list->things[i]].rank <= rank)
        i++;
    return i;
}

/* Tokens say where to go on, when they were given, and that they are none of another's: "k12-9000-77". */
static unsigned from_token(const struct place *place, const struct asked *asked, const struct list *list,
                           bool *expired)
{
    unsigned number = 0;
    long long given_ms = 0;
    char kind = 0;
    *expired = sscanf(asked->position, "%c%u-%lld-", &kind, &number, &given_ms) != 3 ||
               given_ms < place->tokens_from_ms;
    if (kind == 'k') /* behind that rank; 0 is the beginning */
        return number ? behind_rank(place, list, number - 1) : 0;
    return number < list->count ? number : list->count;
}

static unsigned start_of(const struct place *place, const struct asked *asked, const struct list *list,
                         unsigned size, bool *expired)
{
    uint64_t number = 0;
    *expired = false;
    if (!asked->has_position)
        return 0;
    switch (place->world->plan.style) {
    case STYLE_MARKER_ID:
        number = thing_of_id(bytes_of(asked->position));
        return behind_rank(place, list, (unsigned)number);
    case STYLE_MARKER:
        bytes_to_u64(bytes_of(asked->position), &number);
        return behind_rank(place, list, (unsigned)number);
    case STYLE_OFFSET:
        bytes_to_u64(bytes_of(asked->position), &number);
        break;
    case STYLE_NUMBER:
        bytes_to_u64(bytes_of(asked->position), &number);
        number = number ? (number - 1) * size : 0;
        break;
    default:
        return from_token(place, asked, list, expired);
    }
    return number < list->count ? (unsigned)number : list->count;
}

static unsigned size_of(const struct plan *plan, const struct asked *asked)
{
    unsigned size = plan->style == STYLE_NONE    ? THINGS
                    : plan->sized && asked->size ? asked->size
                                                 : plan->page_size;
    return plan->page_cap && size > plan->page_cap ? plan->page_cap : size;
}

static void set_next(struct place *place, const struct list *list, unsigned end, struct shown *out)
{
    struct world *w = place->world;
    unsigned last = end ? place->truth.things[list->things[end - 1]].rank + 1U : 0;
    snprintf(out->next, sizeof out->next, "%c%u-%" PRId64 "-%" PRIu64, w->plan.stable ? 'k' : 'i',
             w->plan.stable ? last : end, w->now_ms, ++w->nonce);
    if (w->plan.style == STYLE_PARTS && w->nonce % 2)
        snprintf(out->beside, sizeof out->beside, "b%" PRIu64, w->nonce % 1000);
    out->has_next = true;
}

/* Whether the listing ends here, by the rules of the style. */
static bool ends(const struct plan *plan, const struct asked *asked, const struct shown *page, unsigned size)
{
    if (plan->style == STYLE_NONE)
        return true;
    if (plan->has_more && !page->more)
        return true;
    if (plan->style <= STYLE_LINK_BODY)
        return !page->has_next;
    if (page->count == 0 || (plan->end_short && !page->more && page->count < size))
        return true;
    uint64_t number = 1;
    if (asked->has_position)
        bytes_to_u64(bytes_of(asked->position), &number);
    return plan->has_last && number >= page->last;
}

void show_page(struct place *place, const struct asked *asked, struct shown *out)
{
    struct world *w = place->world;
    const struct plan *plan = &w->plan;
    struct list list;
    unsigned size = size_of(plan, asked);
    *out = (struct shown){.count = 0};
    list_of(place, !asked->has_position, &list);
    unsigned start = start_of(place, asked, &list, size, &out->expired);
    unsigned end = start + size < list.count ? start + size : list.count;
    bool turns = plan->style >= STYLE_TOKEN && plan->style <= STYLE_LINK_BODY;
    if (turns && !w->quiet && one_in(&w->random, 40))
        end = start; /* an empty page in between is an ordinary one */
    for (unsigned i = start; i < end; i++)
        out->items[out->count++] = (struct item){list.things[i], list.versions[i], ITEM_WHOLE};
    out->more = end < list.count;
    out->total = list.count;
    out->last = list.count ? (list.count + size - 1) / size : 1;
    if (turns && out->more)
        set_next(place, &list, end, out);
    out->is_last = ends(plan, asked, out, size);
}

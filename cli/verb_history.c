/* history: all changes of one resource, oldest first.
 *
 * A resource that is there leads to its last change, and each change to the one before it, back to its
 * creation. What came before that (it was there once, deleted, and made again), and all of a resource that
 * is gone, stands nowhere but in the log, which is read through for it. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/data.h"
#include "cli/feed_print.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/check.h"

enum { PIECE_FULL = -1, READER_GONE = -2 };

struct history {
    struct feed_printer out;
    const struct collection_key *key;
    struct bytes id;
    uint64_t next, end; /* of the log: end is not read any more */
    uint64_t printed;
    bool cut; /* what came before isn't kept any more */
    struct arena arena;
    struct error *e;
};

static bool text_equal(struct bytes a, struct bytes b)
{
    return !a.data == !b.data && bytes_equal(a, b);
}

static bool key_equal(const struct collection_key *a, const struct collection_key *b)
{
    return bytes_equal(a->provider, b->provider) && bytes_equal(a->account, b->account) &&
           bytes_equal(a->type, b->type) && text_equal(a->region, b->region) &&
           text_equal(a->parent, b->parent);
}

/* --- the log --- */

static int take(void *context, uint64_t seq, struct bytes packed)
{
    struct history *h = context;
    struct change change;
    if (seq >= h->end || printer_full(&h->out.printer))
        return PIECE_FULL;
    arena_reset(&h->arena);
    int r = change_unpack(&h->arena, packed, &change, h->e);
    h->next = seq + 1;
    if (r || !change.id.data || !bytes_equal(change.id, h->id) || !key_equal(&change.key, h->key))
        return r;
    h->cut |= !h->printed && change.previous; /* else that one would have come first */
    h->printed++;
    return feed_printer_add(&h->out, &change, h->e);
}

/* Print what is in the log from `from` up to before `end`. */
static int print_log(struct history *h, struct store *store, uint64_t from, uint64_t end)
{
    int r;
    h->next = from;
    h->end = end;
    do {
        r = store_read(store, h->e);
        if (!r)
            r = store_changes_each(store, h->next, take, h, h->e);
        store_done(store);
        if (r == PIECE_FULL && !printer_full(&h->out.printer))
            r = 0; /* `end` */
        if (r == PIECE_FULL && !feed_printer_flush(&h->out))
            r = READER_GONE;
    } while (r == PIECE_FULL);
    return r;
}

/* --- the chain --- */

struct chain {
    uint64_t *seqs; /* the latest first */
    size_t count, cap;
};

static int follow(struct history *h, struct store *store, uint64_t seq, struct chain *chain)
{
    int r = 0;
    while (seq && !r) {
        struct bytes packed;
        struct change change;
        if (seq < store_oldest(store)) {
            h->cut = true;
            break;
        }
        if (chain->count == chain->cap) {
            chain->cap = chain->cap ? chain->cap * 2 : 64;
            chain->seqs = mem_resize(chain->seqs, chain->cap * sizeof *chain->seqs);
        }
        chain->seqs[chain->count++] = seq;
        arena_reset(&h->arena);
        r = store_change(store, seq, &packed, h->e);
        if (!r)
            r = change_unpack(&h->arena, packed, &change, h->e);
        if (!r && change.previous >= seq)
            r = error_set(h->e, ERR_CORRUPT,
                          "change %" PRIu64 " follows %" PRIu64 ", a later one: `garner verify`", seq,
                          change.previous);
        if (!r)
            seq = change.previous;
    }
    return r;
}

static int print_chain(struct history *h, struct store *store, const struct chain *chain)
{
    int r = 0;
    for (size_t i = chain->count; i-- > 0 && !r;) {
        struct bytes packed;
        struct change change;
        arena_reset(&h->arena);
        r = store_read(store, h->e);
        if (!r && chain->seqs[i] < store_oldest(store)) { /* gone since it was followed */
            store_done(store);
            h->cut = true;
            continue;
        }
        if (!r)
            r = store_change(store, chain->seqs[i], &packed, h->e);
        if (!r)
            r = change_unpack(&h->arena, packed, &change, h->e);
        if (!r)
            r = feed_printer_add(&h->out, &change, h->e);
        store_done(store);
        h->printed++;
        if (!r && printer_full(&h->out.printer) && !feed_printer_flush(&h->out))
            r = READER_GONE;
    }
    return r;
}

static int print_live(struct history *h, struct store *store, const struct found *found)
{
    struct chain chain = {0};
    struct document document;
    int r = store_read(store, h->e);
    if (!r)
        r = store_document(store, found->collection, found->row, &document, h->e);
    if (!r)
        r = follow(h, store, document.last_seq, &chain);
    store_done(store);
    if (r == ERR_NOT_FOUND) /* deleted a moment ago: its last change is in the log */
        r = print_log(h, store, store_oldest(store), store_head(store) + 1);
    else if (!r && !h->cut && chain.count)
        r = print_log(h, store, store_oldest(store), chain.seqs[chain.count - 1]);
    if (!r)
        r = print_chain(h, store, &chain);
    free(chain.seqs);
    return r;
}

/* --- a resource that is gone --- */

struct search {
    struct finding *finding;
    const struct selection *selection;
    struct bytes id;
    struct store *store;
    struct arena arena;
    struct error *e;
};

static int look(void *context, uint64_t seq, struct bytes packed)
{
    struct search *s = context;
    struct change change;
    (void)seq;
    arena_reset(&s->arena);
    int r = change_unpack(&s->arena, packed, &change, s->e);
    if (r || change.op != CHANGE_DELETED || !bytes_equal(change.id, s->id) ||
        !select_matches(s->selection, &change.key))
        return r;
    uint64_t known = s->finding->count < FOUND_MAX ? s->finding->count : FOUND_MAX;
    for (uint64_t i = 0; i < known; i++)
        if (key_equal(&s->finding->items[i].key, &change.key))
            return 0;
    finding_add(s->finding, store_shard(s->store), change.collection, 0, &change.key);
    return 0;
}

static int find_gone(struct finding *finding, struct folder *folder, const struct selection *selection,
                     const char *id, struct error *e)
{
    struct search s = {.finding = finding, .selection = selection, .id = bytes_of(id), .e = e};
    int r = 0;
    for (uint32_t shard = 0; shard < folder->shards && !r; shard++) {
        r = select_store(folder, shard, &s.store, e);
        if (r || !s.store)
            continue;
        r = store_read(s.store, e);
        if (!r)
            r = store_changes_each(s.store, store_oldest(s.store), look, &s, e);
        store_done(s.store);
    }
    arena_close(&s.arena);
    return r;
}

/* --- all together --- */

static int print_history(struct folder *folder, const struct found *found, bool gone, const char *id,
                         bool json)
{
    struct error e;
    struct history h = {.key = &found->key, .id = bytes_of(id), .e = &e};
    struct store *store;
    int exit_code = 0;
    feed_printer_open(&h.out, json, true);
    int r = folder_store(folder, found->shard, &store, &e);
    if (!r && gone)
        r = print_log(&h, store, store_oldest(store), store_head(store) + 1);
    else if (!r)
        r = print_live(&h, store, found);
    if (r && r != READER_GONE)
        exit_code = say_error(&e);
    else if (!r && h.cut)
        say("its earlier changes are not kept any more (`retention`)");
    arena_close(&h.arena);
    int printed = feed_printer_close(&h.out);
    return exit_code ? exit_code : printed;
}

static int history(struct folder *folder, const struct selection *selection, const char *id,
                   const struct options *options)
{
    struct finding finding = {0};
    struct error e;
    int exit_code = EXIT_USAGE;
    bool gone = false;
    int r = finding_live(&finding, folder, selection, id, &e);
    if (!r && !finding.count) {
        gone = true;
        r = find_gone(&finding, folder, selection, id, &e);
    }
    if (r)
        exit_code = say_error(&e);
    else if (finding.count == 1)
        exit_code = print_history(folder, &finding.items[0], gone, id, options->json);
    else if (finding.count)
        finding_say_choices(&finding, "history", id, options);
    else if (select_check(folder, selection) == 0)
        say("no resource '%s' of %s is there, nor was one deleted as far as the changes go back: `garner "
            "list %s` "
            "shows all there are",
            id, selection->type, selection->type);
    finding_close(&finding);
    return exit_code;
}

static int run(const struct options *options)
{
    struct folder folder;
    struct selection selection = {options->account, options->region, options->operands[0], options->parent};
    int exit_code = data_open(options, &folder);
    if (!exit_code) {
        exit_code = history(&folder, &selection, options->operands[1], options);
        folder_close(&folder);
    }
    return exit_code;
}

const struct verb verb_history = {
    .name = "history",
    .summary = "print how one resource changed",
    .operands = "TYPE ID",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_ACCOUNT | OPTION_REGION | OPTION_PARENT,
    .about =
        "Print all changes of a resource, the oldest first, also of one that was deleted: as far back as "
        "changes are kept. With --json: a change a line, as in the feed, with the documents before and "
        "after.",
    .examples = "Examples:\n"
                "  garner history aws.ec2.instance i-0f3a9c1 --data ./data\n"
                "  garner history docker.tag latest --data ./data --json | jq .patch",
    .run = run,
};

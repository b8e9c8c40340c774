#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "tests/sim/show.h"
#include "tests/sim/validate.h"
#include "tests/sim/visit.h"

enum { MAP_BYTES = 256 << 20 };

const char *account_name(unsigned account)
{
    static const char *const names[ACCOUNTS_MAX] = {"ann", "bob", "cid"};
    return names[account];
}

/* --- what happened --- */

void world_note(struct world *w, const char *format, ...)
{
    char line[512];
    va_list args;
    if (!w->diary)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buffer_printf(w->diary, "[%9" PRId64 " #%" PRIu64 "] %s\n", w->now_ms, w->tick, line);
}

bool world_fault(struct world *w, const char *format, ...)
{
    va_list args;
    if (w->failed)
        return false;
    w->failed = true;
    va_start(args, format);
    vsnprintf(w->failure, sizeof w->failure, format, args);
    va_end(args);
    world_note(w, "WRONG: %s", w->failure);
    return false;
}

/* --- places --- */

static struct place *place_open(struct world *w, struct place *above, unsigned number)
{
    struct place *place = mem_zalloc(sizeof *place);
    place->world = w;
    place->above = above;
    place->number = number;
    truth_open(&place->truth, &w->random, w->plan.most, !w->plan.stable, &w->tick);
    place->modified_ms = SIM_WALL_MS + w->now_ms;
    memset(place->mirror, VERSION_NONE, sizeof place->mirror);
    return place;
}

static void place_close(struct place *place)
{
    for (unsigned i = 0; place && i < THINGS; i++)
        if (place->parts[i])
            place_close(place->parts[i]);
    if (place) {
        free(place->pasts);
        free(place->marks);
    }
    free(place);
}

/* A thing that is gone has no parts, and none of those it had come back. */
struct place *world_part(struct place *root, unsigned thing)
{
    struct place *part = root->parts[thing];
    if (!part)
        part = root->parts[thing] = place_open(root->world, root, thing);
    if (!root->truth.things[thing].lives)
        truth_end(&part->truth, &root->world->tick);
    return part;
}

const char *place_text(const struct place *place)
{
    static char text[64];
    snprintf(text, sizeof text, place->above ? "%s/r%03u" : "%s", account_name(place_account(place)),
             place->number);
    return text;
}

unsigned place_account(const struct place *place)
{
    return place->above ? place->above->number : place->number;
}

struct collection_key place_key(const struct place *place, char parent[32])
{
    struct collection_key key = {
        .provider = BYTES("sim"),
        .account = bytes_of(account_name(place_account(place))),
        .type = place->above ? BYTES("part") : BYTES("thing"),
    };
    if (place->above)
        key.parent = bytes_of(thing_id(place->number, parent));
    return key;
}

struct place *place_of_key(struct world *w, const struct collection_key *key)
{
    for (unsigned i = 0; i < w->plan.accounts; i++) {
        if (!bytes_is(key->account, account_name(i)))
            continue;
        if (!key->parent.data)
            return bytes_is(key->type, "thing") ? w->roots[i] : NULL;
        unsigned thing = thing_of_id(key->parent);
        return thing < THINGS && bytes_is(key->type, "part") ? w->roots[i]->parts[thing] : NULL;
    }
    return NULL;
}

bool place_is_equal(const struct place *place)
{
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *thing = &place->truth.things[i];
        if ((thing->lives ? thing->version : VERSION_NONE) != place->mirror[i])
            return false;
    }
    return !place->unreachable && !place->held && !place->quarantined;
}

/* Parts go with what they are parts of. */
static void end_parts(struct place *root)
{
    for (unsigned i = 0; i < THINGS; i++)
        if (root->parts[i] && !root->truth.things[i].lives) {
            truth_end(&root->parts[i]->truth, &root->world->tick);
            validate_changed(root->parts[i]);
        }
}

void world_change(struct world *w)
{
    struct place *root = w->roots[chance(&w->random, w->plan.accounts)];
    if (w->plan.has_children && one_in(&w->random, 2)) {
        unsigned thing = chance(&w->random, w->plan.most);
        if (!root->parts[thing] || !root->truth.things[thing].lives)
            return;
        const char *told = truth_change(&root->parts[thing]->truth, &w->random, &w->tick);
        validate_changed(root->parts[thing]);
        world_note(w, "  of %s/r%03u: %s", account_name(root->number), thing, told);
        return;
    }
    const char *told = truth_change(&root->truth, &w->random, &w->tick);
    validate_changed(root);
    end_parts(root);
    world_note(w, "  of %s: %s", account_name(root->number), told);
}

/* --- the store --- */

bool world_open_store(struct world *w)
{
    struct error e;
    struct store_options options = {.path = w->file, .shard = 3, .map_size = MAP_BYTES};
    if (!store_open(&options, &w->store, &e))
        return true;
    return world_fault(w, "the store can't be opened: %s", e.text);
}

static bool make_folder(struct world *w)
{
    const char *base = getenv("TMPDIR");
    if (access("/dev/shm", W_OK | X_OK) == 0)
        base = "/dev/shm";
    snprintf(w->folder, sizeof w->folder, "%.40s/garner-sim-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(w->folder)) {
        perror(w->folder);
        return false;
    }
    snprintf(w->file, sizeof w->file, "%s/003.mdb", w->folder);
    return true;
}

static void drop_folder(struct world *w)
{
    char lock[128];
    snprintf(lock, sizeof lock, "%s-lock", w->file);
    unlink(w->file);
    unlink(lock);
    rmdir(w->folder);
}

/* --- the provider file --- */

static bool open_provider(struct world *w)
{
    struct buffer text = {0};
    struct yaml_report report = {0};
    plan_write(&w->plan, &text);
    w->provider = provider_open_text("sim.yaml", buffer_bytes(&text), &report);
    bool fine = w->provider && !report.errors;
    if (!fine)
        fprintf(stderr, "%s%s", buffer_text(&text), buffer_text(&report.text));
    yaml_report_close(&report);
    buffer_close(&text);
    return fine;
}

bool world_open(struct world *w, uint64_t seed, uint64_t number, unsigned style, enum fault_level level,
                struct tally *tally)
{
    *w = (struct world){.seed = seed, .number = number, .tally = tally};
    random_seed(&w->random, seed * UINT64_C(0x9e3779b97f4a7c15) + number * UINT64_C(0xd1b54a32d192ed03) + 1);
    plan_make(&w->plan, &w->random, style, level, number);
    random_seed(&w->compacting, seed + number);
    random_seed(&w->retry.random, random_u64(&w->random));
    for (unsigned i = 0; i < w->plan.accounts; i++)
        w->roots[i] = place_open(w, NULL, i);
    w->limiter = limiter_open(random_u64(&w->random));
    w->bucket = limiter_bucket(w->limiter, BYTES("sim"), one_in(&w->random, 3) ? 5 : 0, 2, 0);
    return open_provider(w) && make_folder(w) && world_open_store(w);
}

void world_close(struct world *w)
{
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (w->visits[i].open)
            visit_close(&w->visits[i]);
    store_close(w->store);
    free(w->replay);
    if (w->folder[0])
        drop_folder(w);
    limiter_close(w->limiter);
    provider_close(w->provider);
    for (unsigned i = 0; i < ACCOUNTS_MAX; i++) {
        place_close(w->roots[i]);
        auth_session_close(&w->sessions[i]);
    }
    *w = (struct world){0};
}

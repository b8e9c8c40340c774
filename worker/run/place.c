/* Places: what the collections of a region of an account, or of the account as a whole, have in common is
 * looked for once: their shard, and the bucket of their provider's limits. An account may have thousands of
 * regions, so places are found by hash. */
#include "common/sharding.h"
#include "worker/run/internal.h"

#include "worker/provider/template.h"
#include "worker/store/folder.h"

/* --- by name --- */

static struct place **slot_of(const struct account *a, struct bytes region)
{
    return &a->place_slots[hash64(region) & (a->place_slot_count - 1)];
}

static void put_into_slot(struct account *a, struct place *place)
{
    struct place **slot = slot_of(a, bytes_of(place->region));
    place->same_slot = *slot;
    *slot = place;
}

/* As many slots as places at least; twice as many each time, so that all that were left are as many. */
static void make_slots(struct account *a)
{
    if (a->place_count < a->place_slot_count)
        return;
    a->place_slot_count = a->place_slot_count ? 2 * a->place_slot_count : 16;
    a->place_slots = arena_zalloc(&a->arena, a->place_slot_count * sizeof(struct place *));
    for (struct place *place = a->places; place; place = place->next)
        put_into_slot(a, place);
}

static struct place *add(struct account *a, struct bytes region)
{
    struct place *place = arena_zalloc(&a->arena, sizeof *place);
    make_slots(a);
    place->region = arena_strdup(&a->arena, region);
    place->number = a->config->splits == 1 ? a->whole.number : place_number(a, region);
    place->next = a->places;
    a->places = place;
    a->place_count++;
    put_into_slot(a, place);
    return place;
}

struct place *account_place(struct account *a, struct bytes region)
{
    if (!region.data)
        return &a->whole;
    struct place *place = a->place_count ? *slot_of(a, region) : NULL;
    while (place && !bytes_is(region, place->region))
        place = place->same_slot;
    return place ? place : add(a, region);
}

/* --- what its collections have in common --- */

struct collection_key place_key(const struct account *a, const struct place *place,
                                const struct collection_def *def, struct bytes parent)
{
    return (struct collection_key){bytes_of(a->provider->name), bytes_of(a->config->id), bytes_of(def->type),
                                   place->region ? bytes_of(place->region) : (struct bytes){0}, parent};
}

uint32_t place_number(const struct account *a, struct bytes region)
{
    return sharding_of(bytes_of(a->config->provider), bytes_of(a->config->id), region, a->config->splits,
                       a->run->set->folder->shards);
}

int place_shard(struct account *a, struct place *place, struct shard **out, struct error *e)
{
    int code = place->shard ? 0 : shard_open(a->run, place->number, &place->shard, e);
    *out = place->shard;
    return code;
}

static void forget(struct place *place, uint32_t number)
{
    if (place->number == number)
        place->shard = NULL;
}

void place_forget(struct account *a, uint32_t number)
{
    forget(&a->whole, number);
    for (struct place *place = a->places; place; place = place->next)
        forget(place, number);
}

/* --- limits --- */

/* Keyed by the limits' own template, or else (also if it has no value here) by provider, account and
 * region. `*as_one`: it is the same in all places. */
static struct bucket *bucket_of(struct account *a, const struct placeholders *values,
                                const struct limits_def *limits, const char *type, bool *as_one)
{
    static const unsigned anywhere = ALLOW_ACCOUNT | ALLOW_CREDENTIALS | ALLOW_VARS;
    struct buffer key = {0};
    struct error e;
    bool own = limits->key && template_expand(limits->key, values, TEMPLATE_PLAIN, &key, NULL) == 0;
    if (!own) {
        buffer_reset(&key);
        buffer_printf(&key, "%s/%s/%s", a->provider->name, a->config->id,
                      values->region ? values->region : "");
    }
    buffer_add_char(&key, '\n'); /* never in a name: keeps a collection's buckets apart from its provider's */
    buffer_add_text(&key, type);
    struct bucket *bucket = limits_bucket(a->run, buffer_bytes(&key), limits);
    buffer_close(&key);
    *as_one = own && template_check(limits->key->text, anywhere, 0, NULL, NULL, &e) == 0;
    return bucket;
}

/* A provider's limits name no parent. */
static struct bucket *provider_bucket(struct account *a, struct place *place)
{
    if (!place->bucket && a->limited_as_one)
        place->bucket = a->whole.bucket;
    if (!place->bucket) {
        struct placeholders values = a->values;
        values.region = place->region;
        place->bucket = bucket_of(a, &values, &a->provider->limits, "", &a->limited_as_one);
        if (a->limited_as_one)
            a->whole.bucket = place->bucket;
    }
    return place->bucket;
}

void place_limits(struct task *task)
{
    const struct limits_def *own = &task->def->limits;
    bool as_one;
    task->ticket.first = provider_bucket(task->account, task->place);
    task->ticket.second = own->set ? bucket_of(task->account, &task->values, own, task->def->type, &as_one)
                                   : NULL;
}

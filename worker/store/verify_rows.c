/* Verify: collections, their documents and ids. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/verify.h"

/* --- collections --- */

static struct pointer *parse_pointers(struct verify *v, const char *name, const struct bytes *texts,
                                      uint32_t count)
{
    struct error why;
    struct pointer *pointers = arena_zalloc(&v->arena, count * sizeof *pointers);
    for (uint32_t i = 0; i < count; i++)
        if (pointer_parse(&v->arena, texts[i], &pointers[i], &why)) {
            verify_fault(v, "%s: its record's pointers: %s", name, why.text);
            CHECK(pointer_parse(&v->arena, BYTES("/"), &pointers[i], NULL) == 0);
        }
    return pointers;
}

static void add_known(struct verify *v, const struct collection_record *record)
{
    struct known known = {
        .id = record->id,
        .rows = record->rows,
        .next_row = record->next_row,
        .next_harvest = record->next_harvest,
        .quarantined = record->quarantined,
        .ignore_count = record->ignore_count,
        .unordered_count = record->unordered_count,
        .mixed = record->mixed,
        .has_forecast = record->forecast_rules != 0,
        .forecast_unsettled = record->forecast_unsettled,
        .has_checkpoint = record->has_checkpoint,
    };
    buffer_reset(&v->scratch);
    collection_key_text(&record->key, &v->scratch);
    known.name = arena_strdup(&v->arena, buffer_bytes(&v->scratch));
    buffer_reset(&v->scratch);
    collection_key_bytes(&record->key, &v->scratch);
    known.key = arena_copy(&v->arena, buffer_bytes(&v->scratch));
    known.ignore[0] = parse_pointers(v, known.name, record->ignore, record->ignore_count);
    known.ignore[1] = pointers_walk_single(&v->arena, known.ignore[0], record->ignore_count);
    known.unordered[0] = parse_pointers(v, known.name, record->unordered, record->unordered_count);
    known.unordered[1] = pointers_walk_single(&v->arena, known.unordered[0], record->unordered_count);
    if (v->known_count == v->known_cap) {
        v->known_cap = v->known_cap ? v->known_cap * 2 : 64;
        v->known = mem_resize(v->known, v->known_cap * sizeof *v->known);
    }
    v->known[v->known_count++] = known;
}

/* Where "nothing has changed" is taken for an answer, it is said of a sound listing, whose receipt counts it.
 */
static int check_validators(struct verify *v, const char *name, const struct collection_record *record)
{
    struct receipt receipt;
    struct error why;
    struct receipt_id id = {v->store->shard, record->id, record->sound_harvest};
    char text[RECEIPT_ID_TEXT_BYTES];
    if (!record->validators.request)
        return 0;
    int r = record->sound_harvest ? store_receipt_get(v->store, id, &v->brief, &receipt, &why)
                                  : ERR_NOT_FOUND;
    if (r == ERR_STORE)
        return error_set(v->e, r, "%s", why.text);
    if (r || !receipt.sound)
        verify_fault(v, "%s: it has validators, and no sound receipt %s that they are of", name,
                     receipt_id_text(id, text));
    return 0;
}

static int visit_record(struct verify *v, struct bytes key, struct bytes value)
{
    struct collection_record record;
    struct error why;
    uint32_t id = be32_get(key.data + 1), led;
    int r = collection_unpack(&v->brief, value, &record, &why);
    if (r || record.id != id) {
        verify_fault(v, "collection %" PRIu32 ": %s", id, r ? why.text : "its record has another id");
        return 0;
    }
    add_known(v, &record);
    const char *name = v->known[v->known_count - 1].name;
    if (id >= v->store->state.next_collection)
        verify_fault(v, "%s: its id %" PRIu32 " was not given out yet", name, id);
    r = collection_lookup(v->store, &record.key, &led, &why);
    if (r == ERR_STORE)
        return error_set(v->e, r, "%s", why.text);
    if (r || led != id)
        verify_fault(v, "%s: its key does not lead to its record", name);
    return check_validators(v, name, &record);
}

static int visit_lookup(struct verify *v, struct bytes value)
{
    struct bytes record;
    char key[5] = {COLLECTION_BY_ID};
    v->lookups++;
    if (value.len == 4) {
        memcpy(key + 1, value.data, 4);
        int r = table_get(v->store, TABLE_COLLECTIONS, (struct bytes){key, sizeof key}, &record, v->e);
        if (r != ERR_NOT_FOUND)
            return r;
    }
    verify_fault(v, "a collection's key leads to no record");
    return 0;
}

static int visit_collection(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    arena_reset(&v->brief);
    if (key.len == 5 && key.data[0] == COLLECTION_BY_ID)
        return visit_record(v, key, value);
    if (key.len > 2 && key.data[0] == COLLECTION_BY_KEY)
        return visit_lookup(v, value);
    verify_fault(v, "the table of collections has a strange key of %zu bytes", key.len);
    return 0;
}

int verify_collections(struct verify *v)
{
    int r = table_each(v->store, TABLE_COLLECTIONS, (struct bytes){0}, (struct bytes){0}, visit_collection, v,
                       v->e);
    if (!r && v->lookups > v->known_count)
        verify_fault(v, "%zu keys lead to %zu collections", v->lookups, v->known_count);
    return r;
}

/* --- documents --- */

/* Is this the document's digest, by the rules of now? The store doesn't know in which format a document came,
 * so either reading of them will do. */
static bool is_digest_of(struct verify *v, const struct known *known, const struct value *document,
                         bool has_ignored, struct digest digest)
{
    bool is = known->mixed;
    for (int single = 0; single < 2 && !is; single++) {
        struct value value = *document;
        if (has_ignored)
            value = pointer_prune(&v->brief, document, known->ignore[single], known->ignore_count);
        is = digest_equal(digest, canonical_digest(&value, known->unordered[single], known->unordered_count,
                                                   &v->store->secret, &v->scratch));
    }
    return is;
}

static void check_digest(struct verify *v, const struct known *known, const struct document *document)
{
    struct value value;
    struct error why;
    if (value_from_msgpack(&v->brief, document->packed, &value, &why)) {
        verify_fault(v, "%s \"%.*s\": its document: %s", known->name, BYTES_ARG(document->id), why.text);
        return;
    }
    if (!is_digest_of(v, known, &value, false, document->digest))
        verify_fault(v, "%s \"%.*s\": its digest is not its document's", known->name,
                     BYTES_ARG(document->id));
}

/* Is what the last change said the document, by the rules of now? It need not be byte by byte: what the
 * rules don't see is stored without a change. */
static int check_after(struct verify *v, const struct known *known, const struct document *document)
{
    struct bytes packed;
    struct change change;
    struct value after;
    int r = store_change(v->store, document->last_seq, &packed, v->e);
    if (r && r != ERR_NOT_FOUND)
        return r;
    if (r || change_unpack(&v->brief, packed, &change, NULL) || !change.after.data ||
        value_from_msgpack(&v->brief, change.after, &after, NULL)) {
        verify_fault(v, "%s \"%.*s\": its last change, %" PRIu64 ", leaves no document", known->name,
                     BYTES_ARG(document->id), document->last_seq);
        return 0;
    }
    if (!is_digest_of(v, known, &after, true, document->digest))
        verify_fault(v, "%s \"%.*s\": its document is not what its last change, %" PRIu64 ", says",
                     known->name, BYTES_ARG(document->id), document->last_seq);
    return 0;
}

static int check_replay(struct verify *v, const struct known *known, const struct document *document)
{
    const struct store_state *state = &v->store->state;
    struct replayed *entry = replay_entry(v->replay, known->id, document->id, false);
    if (entry)
        entry->matched = true;
    if (document->last_seq == 0 || document->last_seq > state->head) {
        verify_fault(v, "%s \"%.*s\": its last change is %" PRIu64 ", the shard's %" PRIu64, known->name,
                     BYTES_ARG(document->id), document->last_seq, state->head);
        return 0;
    }
    if (document->last_seq < state->oldest && !entry && !replay_voided(v->replay, known->id))
        return 0; /* nothing of it is retained */
    if (!entry || !replay_is_live(v->replay, entry)) {
        verify_fault(v, "%s \"%.*s\" is stored, and the changes don't leave it", known->name,
                     BYTES_ARG(document->id));
        return 0;
    }
    if (entry->seq != document->last_seq) {
        verify_fault(v, "%s \"%.*s\": its last change is %" PRIu64 ", not %" PRIu64, known->name,
                     BYTES_ARG(document->id), entry->seq, document->last_seq);
        return 0;
    }
    return check_after(v, known, document);
}

static int check_id(struct verify *v, const struct known *known, const struct document *document)
{
    struct error why;
    uint32_t row;
    int r = ids_find(v->store, known->id, document->id, &row, &why);
    if (r == ERR_STORE)
        return error_set(v->e, r, "%s", why.text);
    if (r || row != document->row)
        verify_fault(v, "%s \"%.*s\", row %" PRIu32 ": its id does not lead to it", known->name,
                     BYTES_ARG(document->id), document->row);
    return 0;
}

static int visit_document(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct document document;
    struct error why;
    arena_reset(&v->brief);
    if (key.len != 8) {
        verify_fault(v, "a document's key has %zu bytes", key.len);
        return 0;
    }
    uint32_t row = be32_get(key.data + 4);
    struct known *known = verify_known(v, be32_get(key.data));
    if (!known) {
        verify_fault(v, "row %" PRIu32 " belongs to %s", row, verify_name(v, be32_get(key.data)));
        return 0;
    }
    known->found++;
    if (row >= known->next_row)
        verify_fault(v, "%s: row %" PRIu32 " was not given out yet", known->name, row);
    if (document_read(value, row, &document, &why)) {
        verify_fault(v, "%s: %s", known->name, why.text);
        return 0;
    }
    check_digest(v, known, &document);
    int r = check_id(v, known, &document);
    return r ? r : check_replay(v, known, &document);
}

int verify_documents(struct verify *v)
{
    int r = table_each(v->store, TABLE_DOCUMENTS, (struct bytes){0}, (struct bytes){0}, visit_document, v,
                       v->e);
    for (size_t i = 0; i < v->known_count && !r; i++)
        if (v->known[i].found != v->known[i].rows)
            verify_fault(v, "%s: its record counts %" PRIu64 " resources, there are %" PRIu64,
                         v->known[i].name, v->known[i].rows, v->known[i].found);
    return r;
}

/* --- ids --- */

static int visit_id(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct document document;
    struct error why;
    arena_reset(&v->brief);
    if (key.len < 5 || value.len != 4) {
        verify_fault(v, "an id has a key of %zu and a value of %zu bytes", key.len, value.len);
        return 0;
    }
    uint32_t collection = be32_get(key.data), row = be32_get(value.data), led;
    const char *name = verify_name(v, collection);
    int r = store_document(v->store, collection, row, &document, &why);
    if (r == ERR_STORE)
        return error_set(v->e, r, "%s", why.text);
    if (r) {
        verify_fault(v, "%s: an id leads to row %" PRIu32 ", which is not there", name, row);
        return 0;
    }
    struct bytes id = bytes_from(key, 5);
    bool fits = key.data[4] == TAG_SHORT ? bytes_equal(id, document.id)
                                         : key.data[4] == TAG_LONG && id.len == sizeof(struct digest) + 1;
    if (!fits || ids_find(v->store, collection, document.id, &led, NULL) || led != row)
        verify_fault(v, "%s: the id \"%.*s\" leads to row %" PRIu32 ", which is another's", name,
                     BYTES_ARG(document.id), row);
    return 0;
}

int verify_ids(struct verify *v)
{
    return table_each(v->store, TABLE_IDS, (struct bytes){0}, (struct bytes){0}, visit_id, v, v->e);
}

/* Collections' records, to and from protobuf, and their keys as text. Each harvest reads a record and writes
 * it: so it is done field by field. */
#include "proto/record.h"

#include <string.h>

#include "proto/field.h"
#include "proto/wire.h"

enum {
    KEY_PART_BYTES_MAX = LIMIT_PARENTS * (3 * LIMIT_ID_BYTES + 1), /* ids joined, each byte escaped */
    TEXTS_MIN = 64 << 10, /* pointers that a record may have, and one more for so many bytes of it: */
    TEXT_BYTES = 8
};

bool collection_key_is_sound(const struct collection_key *key)
{
    const struct bytes parts[] = {key->provider, key->account, key->type, key->region, key->parent};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].len > KEY_PART_BYTES_MAX || !wire_is_utf8(parts[i]))
            return false;
    return key->provider.len > 0 && key->account.len > 0 && key->type.len > 0;
}

/* The fields of CollectionRecord, by their numbers in garner.proto. */
enum {
    ID = 1,
    PROVIDER,
    ACCOUNT,
    REGION,
    TYPE,
    PARENT,
    PARENT_COLLECTION,
    PARENT_ROW,
    DEFINITION,
    ID_RULE,
    IGNORE,
    UNORDERED,
    ROWS,
    NEXT_ROW,
    NEXT_HARVEST,
    SOUND_HARVEST,
    LISTED_SINCE,
    UNREACHABLE_SINCE,
    UNREACHABLE_ERROR,
    UNWATCHED_SINCE,
    HELD_SINCE,
    HELD_ROWS,
    CONFIRMED,
    MIXED,
    OLD_IGNORE,
    OLD_UNORDERED,
    PARSE,
    OLD_PARSE,
    FORECAST_RULES,
    FORECAST_UNSETTLED,
    FULL,
    HARVESTED,
    FAILURES,
    ENDED_HARVEST,
    VALIDATORS,
    PAGE_SIZE,
    QUARANTINED,
    HAS_CHECKPOINT,
    FIELDS
};

/* Of Validators and PageSize. */
enum { VALIDATORS_REQUEST = 1, VALIDATORS_ETAG, VALIDATORS_MODIFIED };
enum { PAGE_SIZE_SIZE = 1, PAGE_SIZE_FAILED, PAGE_SIZE_FAILED_AT, PAGE_SIZE_LISTED };

#define BIT(field) (UINT64_C(1) << (field))
static const uint64_t required = BIT(ID) | BIT(PROVIDER) | BIT(ACCOUNT) | BIT(TYPE) | BIT(DEFINITION) |
                                 BIT(ID_RULE) | BIT(ROWS) | BIT(NEXT_ROW) | BIT(NEXT_HARVEST);
static const uint64_t of_bytes = BIT(PROVIDER) | BIT(ACCOUNT) | BIT(REGION) | BIT(TYPE) | BIT(PARENT) |
                                 BIT(DEFINITION) | BIT(ID_RULE) | BIT(IGNORE) | BIT(UNORDERED) |
                                 BIT(UNREACHABLE_ERROR) | BIT(OLD_IGNORE) | BIT(OLD_UNORDERED) | BIT(PARSE) |
                                 BIT(OLD_PARSE) | BIT(VALIDATORS) | BIT(PAGE_SIZE);
_Static_assert(FIELDS <= 64, "a set of fields is a bit each");

/* --- writing, in the order of numbers --- */

static void add_list(struct buffer *out, unsigned number, const struct bytes *spans, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        field_add_bytes(out, number, spans[i]);
}

static void add_text(struct buffer *out, unsigned number, struct bytes text)
{
    if (text.data)
        field_add_bytes(out, number, text);
}

/* Zero means none for all of these, and isn't written. */
static void add_number(struct buffer *out, unsigned number, uint64_t value)
{
    if (value)
        field_add_u64(out, number, value);
}

static void add_time(struct buffer *out, unsigned number, int64_t time_ms)
{
    if (time_ms)
        field_add_s64(out, number, time_ms);
}

static void add_identity(const struct collection_record *r, struct buffer *out)
{
    const struct bytes definition = {(const char *)r->definition.bytes, sizeof r->definition.bytes};
    const struct bytes id_rule = {(const char *)r->id_rule.bytes, sizeof r->id_rule.bytes};
    field_add_u64(out, ID, r->id);
    field_add_bytes(out, PROVIDER, r->key.provider);
    field_add_bytes(out, ACCOUNT, r->key.account);
    add_text(out, REGION, r->key.region);
    field_add_bytes(out, TYPE, r->key.type);
    add_text(out, PARENT, r->key.parent);
    if (r->parent_collection) {
        field_add_u64(out, PARENT_COLLECTION, r->parent_collection);
        field_add_u64(out, PARENT_ROW, r->parent_row);
    }
    field_add_bytes(out, DEFINITION, definition);
    field_add_bytes(out, ID_RULE, id_rule);
}

static void add_message(struct buffer *out, unsigned number, struct buffer *message)
{
    field_add_bytes(out, number, buffer_bytes(message));
    buffer_close(message);
}

static void add_validators(struct buffer *out, const struct validators *v)
{
    struct buffer message = {0};
    field_add_fixed64(&message, VALIDATORS_REQUEST, v->request);
    add_text(&message, VALIDATORS_ETAG, v->etag);
    add_text(&message, VALIDATORS_MODIFIED, v->modified);
    add_message(out, VALIDATORS, &message);
}

static void add_page_size(struct buffer *out, const struct page_size *p)
{
    struct buffer message = {0};
    field_add_u64(&message, PAGE_SIZE_SIZE, p->size);
    field_add_u64(&message, PAGE_SIZE_FAILED, p->failed);
    field_add_s64(&message, PAGE_SIZE_FAILED_AT, p->failed_ms);
    add_number(&message, PAGE_SIZE_LISTED, p->listed);
    add_message(out, PAGE_SIZE, &message);
}

void collection_pack(const struct collection_record *r, struct buffer *out)
{
    add_identity(r, out);
    add_list(out, IGNORE, r->ignore, r->ignore_count);
    add_list(out, UNORDERED, r->unordered, r->unordered_count);
    field_add_u64(out, ROWS, r->rows);
    field_add_u64(out, NEXT_ROW, r->next_row);
    field_add_u64(out, NEXT_HARVEST, r->next_harvest);
    add_number(out, SOUND_HARVEST, r->sound_harvest);
    add_time(out, LISTED_SINCE, r->listed_since_ms);
    add_time(out, UNREACHABLE_SINCE, r->unreachable_since_ms);
    if (r->unreachable_error != ERR_OK)
        field_add_bytes(out, UNREACHABLE_ERROR, bytes_of(error_name(r->unreachable_error)));
    add_time(out, UNWATCHED_SINCE, r->unwatched_since_ms);
    add_time(out, HELD_SINCE, r->held_since_ms);
    add_number(out, HELD_ROWS, r->held_rows);
    add_time(out, CONFIRMED, r->confirmed_ms);
    add_number(out, MIXED, r->mixed);
    add_list(out, OLD_IGNORE, r->old_ignore, r->old_ignore_count);
    add_list(out, OLD_UNORDERED, r->old_unordered, r->old_unordered_count);
    add_list(out, PARSE, r->parse, r->parse_count);
    add_list(out, OLD_PARSE, r->old_parse, r->old_parse_count);
    if (r->forecast_rules)
        field_add_fixed64(out, FORECAST_RULES, r->forecast_rules);
    add_number(out, FORECAST_UNSETTLED, r->forecast_unsettled);
    add_time(out, FULL, r->full_ms);
    add_time(out, HARVESTED, r->harvested_ms);
    add_number(out, FAILURES, r->failures);
    add_number(out, ENDED_HARVEST, r->ended_harvest);
    if (r->validators.request)
        add_validators(out, &r->validators);
    if (r->page_size.size)
        add_page_size(out, &r->page_size);
    add_number(out, QUARANTINED, r->quarantined);
    add_number(out, HAS_CHECKPOINT, r->has_checkpoint);
}

/* --- reading --- */

struct reading {
    struct arena *arena;
    struct collection_record *record;
    uint64_t had;      /* fields */
    size_t texts_left; /* a few bytes can't ask for megabytes */
};

static bool take_text(struct reading *reading, const struct field *f, const struct bytes **list,
                      uint32_t *count)
{
    if (reading->texts_left-- == 0)
        return false;
    bool is_full = (*count & (*count - 1)) == 0; /* 0, 1, 2, 4, 8, … */
    if (is_full) {
        struct bytes *more = arena_alloc(reading->arena, (*count ? 2 * (size_t)*count : 1) * sizeof *more);
        if (*count)
            memcpy(more, *list, *count * sizeof *more);
        *list = more;
    }
    ((struct bytes *)(uintptr_t)*list)[(*count)++] = f->span;
    return wire_is_utf8(f->span);
}

static bool take_digest(const struct field *f, struct digest *out)
{
    if (f->span.len != sizeof out->bytes)
        return false;
    memcpy(out->bytes, f->span.data, sizeof out->bytes);
    return true;
}

/* A header's value: nothing that could end it. */
static bool is_header(struct bytes text)
{
    return text.len <= LIMIT_VALIDATOR_BYTES && !memchr(text.data, 0, text.len) &&
           !memchr(text.data, '\r', text.len) && !memchr(text.data, '\n', text.len);
}

static bool take_validators(struct bytes rest, struct validators *v)
{
    struct field f;
    while (field_next(&rest, &f))
        if (f.number == VALIDATORS_REQUEST && f.kind == FIELD_FIXED64)
            v->request = f.value;
        else if (f.number == VALIDATORS_ETAG && f.kind == FIELD_BYTES && is_header(f.span))
            v->etag = f.span;
        else if (f.number == VALIDATORS_MODIFIED && f.kind == FIELD_BYTES && is_header(f.span))
            v->modified = f.span;
        else if (f.number <= VALIDATORS_MODIFIED)
            return false;
    return !rest.len && v->request;
}

static bool take_page_size(struct bytes rest, struct page_size *p)
{
    struct field f;
    while (field_next(&rest, &f)) {
        if (f.number <= PAGE_SIZE_LISTED && f.kind != FIELD_VARINT)
            return false;
        if (f.number == PAGE_SIZE_SIZE)
            p->size = f.value;
        else if (f.number == PAGE_SIZE_FAILED)
            p->failed = f.value;
        else if (f.number == PAGE_SIZE_FAILED_AT)
            p->failed_ms = field_s64(&f);
        else if (f.number == PAGE_SIZE_LISTED)
            p->listed = f.value;
    }
    return !rest.len && p->size && wire_is_time(p->failed_ms);
}

static bool take_bytes(struct reading *reading, const struct field *f)
{
    struct collection_record *r = reading->record;
    switch (f->number) {
    case PROVIDER:
        r->key.provider = f->span;
        return true;
    case ACCOUNT:
        r->key.account = f->span;
        return true;
    case REGION:
        r->key.region = f->span;
        return true;
    case TYPE:
        r->key.type = f->span;
        return true;
    case PARENT:
        r->key.parent = f->span;
        return true;
    case DEFINITION:
        return take_digest(f, &r->definition);
    case ID_RULE:
        return take_digest(f, &r->id_rule);
    case IGNORE:
        return take_text(reading, f, &r->ignore, &r->ignore_count);
    case UNORDERED:
        return take_text(reading, f, &r->unordered, &r->unordered_count);
    case OLD_IGNORE:
        return take_text(reading, f, &r->old_ignore, &r->old_ignore_count);
    case OLD_UNORDERED:
        return take_text(reading, f, &r->old_unordered, &r->old_unordered_count);
    case PARSE:
        return take_text(reading, f, &r->parse, &r->parse_count);
    case OLD_PARSE:
        return take_text(reading, f, &r->old_parse, &r->old_parse_count);
    case VALIDATORS:
        return take_validators(f->span, &r->validators);
    case PAGE_SIZE:
        return take_page_size(f->span, &r->page_size);
    default:
        return wire_error_of(arena_strdup(reading->arena, f->span), &r->unreachable_error);
    }
}

static void take_number(const struct field *f, struct collection_record *r)
{
    uint64_t value = f->value;
    switch (f->number) {
    case ID:
        r->id = (uint32_t)value;
        break;
    case PARENT_COLLECTION:
        r->parent_collection = (uint32_t)value;
        break;
    case PARENT_ROW:
        r->parent_row = (uint32_t)value;
        break;
    case ROWS:
        r->rows = value;
        break;
    case NEXT_ROW:
        r->next_row = (uint32_t)value;
        break;
    case NEXT_HARVEST:
        r->next_harvest = value;
        break;
    case SOUND_HARVEST:
        r->sound_harvest = value;
        break;
    case LISTED_SINCE:
        r->listed_since_ms = field_s64(f);
        break;
    case UNREACHABLE_SINCE:
        r->unreachable_since_ms = field_s64(f);
        break;
    case UNWATCHED_SINCE:
        r->unwatched_since_ms = field_s64(f);
        break;
    case HELD_SINCE:
        r->held_since_ms = field_s64(f);
        break;
    case HELD_ROWS:
        r->held_rows = value;
        break;
    case CONFIRMED:
        r->confirmed_ms = field_s64(f);
        break;
    case MIXED:
        r->mixed = value != 0;
        break;
    case FORECAST_RULES:
        r->forecast_rules = value;
        break;
    case FORECAST_UNSETTLED:
        r->forecast_unsettled = value != 0;
        break;
    case FULL:
        r->full_ms = field_s64(f);
        break;
    case HARVESTED:
        r->harvested_ms = field_s64(f);
        break;
    case FAILURES:
        r->failures = value;
        break;
    case ENDED_HARVEST:
        r->ended_harvest = value;
        break;
    case QUARANTINED:
        r->quarantined = value;
        break;
    default:
        r->has_checkpoint = value != 0;
    }
}

/* Fields that a later version may have added are passed over. */
static bool take_field(struct reading *reading, const struct field *f)
{
    if (f->number >= FIELDS)
        return true;
    bool is_bytes = of_bytes & BIT(f->number);
    enum field_kind number = f->number == FORECAST_RULES ? FIELD_FIXED64 : FIELD_VARINT;
    reading->had |= BIT(f->number);
    if (f->kind != (is_bytes ? FIELD_BYTES : number))
        return false;
    if (is_bytes)
        return take_bytes(reading, f);
    take_number(f, reading->record);
    return true;
}

static bool is_sound(const struct collection_record *record)
{
    return record->id > 0 && collection_key_is_sound(&record->key) && record->rows <= record->next_row &&
           record->next_row <= LIMIT_ROWS && record->next_harvest > 0 &&
           record->sound_harvest < record->next_harvest && wire_is_time(record->listed_since_ms) &&
           wire_is_time(record->unreachable_since_ms) && wire_is_time(record->unwatched_since_ms) &&
           wire_is_time(record->held_since_ms) && wire_is_time(record->confirmed_ms) &&
           wire_is_time(record->full_ms) && wire_is_time(record->harvested_ms) &&
           record->ended_harvest < record->next_harvest;
}

int collection_unpack(struct arena *arena, struct bytes packed, struct collection_record *out,
                      struct error *e)
{
    struct reading reading = {arena, out, 0, TEXTS_MIN + packed.len / TEXT_BYTES};
    struct field field;
    bool is = packed.len <= LIMIT_COLLECTION_BYTES;
    *out = (struct collection_record){0};
    struct bytes rest = is ? arena_copy(arena, packed) : (struct bytes){0};
    while (is && field_next(&rest, &field))
        is = take_field(&reading, &field);
    if (is && !rest.len && (reading.had & required) == required && is_sound(out))
        return 0;
    return error_set(e, ERR_CORRUPT, "a collection's record of %zu bytes is none", packed.len);
}

void collection_key_text(const struct collection_key *key, struct buffer *out)
{
    buffer_add_bytes(out, key->provider);
    buffer_add_char(out, '/');
    buffer_add_bytes(out, key->account);
    buffer_add_char(out, ' ');
    if (key->region.data) {
        buffer_add_bytes(out, key->region);
        buffer_add_char(out, ' ');
    }
    buffer_add_bytes(out, key->type);
    if (key->parent.data) {
        buffer_add_text(out, " of ");
        buffer_add_bytes(out, key->parent);
    }
}

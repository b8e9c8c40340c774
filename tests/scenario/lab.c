#include "tests/scenario/lab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/check.h"

enum { LAB_MAP_BYTES = 64 << 20 };

/* The wall clock when the lab's own stands at 0. */
#define LAB_WALL_MS INT64_C(1700000000000)

struct scripted {
    struct scripted *next;
    int status;
    char *headers;
    struct buffer body;
    struct error broken;
};

struct lab {
    char folder[64], file[96];
    struct provider *provider;
    struct store *store;
    struct scripted *first, *last;
    int64_t now_ms;
    struct retry retry;
    struct buffer diary;
    uint64_t told;
    struct job_outcome outcome;
    struct receipt receipt;
    bool loses, expires, kills;
    struct auth_session session;
    struct value nothing, vars;
    struct arena arena; /* of vars */
};

static void note(struct lab *lab, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct lab *lab, const char *format, ...)
{
    char line[ERROR_TEXT_MAX + 128];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buffer_printf(&lab->diary, "[%5" PRId64 "] %s\n", lab->now_ms, line);
}

static int64_t wall(const struct lab *lab)
{
    return LAB_WALL_MS + lab->now_ms;
}

static void open_store(struct lab *lab)
{
    struct error e;
    struct store_options options = {.path = lab->file, .shard = 3, .map_size = LAB_MAP_BYTES};
    if (store_open(&options, &lab->store, &e))
        fail_msg("%s", e.text);
}

struct lab *lab_open(const char *yaml)
{
    struct lab *lab = mem_zalloc(sizeof *lab);
    snprintf(lab->folder, sizeof lab->folder, "/tmp/garner-lab-XXXXXX");
    CHECK(mkdtemp(lab->folder));
    snprintf(lab->file, sizeof lab->file, "%s/003.mdb", lab->folder);
    random_seed(&lab->retry.random, 1);
    lab_edit(lab, yaml);
    open_store(lab);
    return lab;
}

static void drop_answers(struct lab *lab)
{
    while (lab->first) {
        struct scripted *s = lab->first;
        lab->first = s->next;
        free(s->headers);
        buffer_close(&s->body);
        free(s);
    }
    lab->last = NULL;
}

void lab_close(struct lab *lab)
{
    char lock[128];
    drop_answers(lab);
    store_close(lab->store);
    provider_close(lab->provider);
    auth_session_close(&lab->session);
    arena_close(&lab->arena);
    buffer_close(&lab->diary);
    snprintf(lock, sizeof lock, "%s-lock", lab->file);
    unlink(lab->file);
    unlink(lock);
    rmdir(lab->folder);
    free(lab);
}

void lab_reopen(struct lab *lab)
{
    store_close(lab->store);
    open_store(lab);
}

void lab_edit(struct lab *lab, const char *yaml)
{
    struct yaml_report report = {0};
    provider_close(lab->provider);
    lab->provider = provider_open_text("lab.yaml", bytes_of(yaml), &report);
    if (!lab->provider || report.errors)
        fail_msg("%s", buffer_text(&report.text));
    yaml_report_close(&report);
}

void lab_var(struct lab *lab, const char *name, const char *value)
{
    lab->vars = value_object(&lab->arena, 1);
    value_put(&lab->vars, arena_copy(&lab->arena, bytes_of(name)),
              value_string(arena_copy(&lab->arena, bytes_of(value))));
}

void lab_loses(struct lab *lab)
{
    lab->loses = true;
}

void lab_expires(struct lab *lab)
{
    lab->expires = true;
}

void lab_kills(struct lab *lab)
{
    lab->kills = true;
}

static struct scripted *script(struct lab *lab, int status)
{
    struct scripted *s = mem_zalloc(sizeof *s);
    s->status = status;
    if (lab->last)
        lab->last->next = s;
    else
        lab->first = s;
    lab->last = s;
    return s;
}

void lab_answers_bytes(struct lab *lab, int status, struct bytes body)
{
    buffer_add_bytes(&script(lab, status)->body, body);
}

void lab_answers(struct lab *lab, int status, const char *headers, const char *body)
{
    lab_answers_bytes(lab, status, bytes_of(body));
    lab->last->headers = headers ? mem_strdup(headers) : NULL;
}

void lab_breaks(struct lab *lab, enum err code, const char *text)
{
    error_set(&script(lab, 0)->broken, code, "%s", text);
}

void lab_page(struct lab *lab, const char *words, const char *next)
{
    struct buffer *body = &script(lab, 200)->body;
    char *copy = mem_strdup(words), *rest = copy;
    const char *comma = "";
    buffer_add_text(body, "{\"items\":[");
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = 0;
        buffer_printf(body, "%s{\"id\":\"%s\",\"v\":%s}", comma, word, value ? value : "1");
        comma = ",";
    }
    if (next)
        buffer_printf(body, "],\"next\":\"%s\"}", next);
    else
        buffer_add_text(body, "],\"next\":null}");
    free(copy);
}

/* --- harvesting --- */

static void add_headers(struct arena *arena, const char *text, struct pairs *out)
{
    *out = (struct pairs){.items = arena_zalloc(arena, 16 * sizeof *out->items), .cap = 16};
    while (text && *text) {
        const char *end = strchrnul(text, '\n'), *colon = strchr(text, ':');
        CHECK(colon && colon < end && out->count < out->cap);
        out->items[out->count++] = (struct pair){
            {text, (size_t)(colon - text)},
            bytes_trim((struct bytes){colon + 1, (size_t)(end - colon - 1)}),
        };
        text = *end ? end + 1 : end;
    }
}

/* The conditions under which a whole answer is wanted. */
static void note_asked(struct lab *lab, const struct request *request)
{
    const char *path = strstr(request->url, "://lab");
    struct buffer conditions = {0};
    for (uint32_t i = 0; i < request->headers.count; i++) {
        const struct pair *header = &request->headers.items[i];
        if (bytes_is_nocase(header->name, "If-None-Match"))
            buffer_printf(&conditions, ", unless %.*s", BYTES_ARG(header->value));
        if (bytes_is_nocase(header->name, "If-Modified-Since"))
            buffer_printf(&conditions, ", if since %.*s", BYTES_ARG(header->value));
    }
    note(lab, "asks %s%s", path ? path + 6 : request->url, buffer_text(&conditions));
    buffer_close(&conditions);
}

static enum job_want expire(struct lab *lab, struct job *job, const struct request *request)
{
    struct answer answer = {.status = 410, .body = BYTES("expired"), .delimited = true, .url = request->url};
    return job_answered(job, &answer, lab->now_ms, wall(lab));
}

static enum job_want answer(struct lab *lab, struct job *job)
{
    struct scripted *s = lab->first;
    const struct request *request = job_request(job, wall(lab));
    note_asked(lab, request);
    if (lab->expires && harvest_page(&job->harvest) == job->harvest.resumed_page)
        return expire(lab, job, request);
    if (!s)
        fail_msg("no answer left for this:\n%s", buffer_text(&lab->diary));
    job_count(job, 1, s->body.len);
    enum job_want want;
    struct arena arena = {0};
    if (s->broken.code == ERR_STOPPED) {
        want = job_stop(job, &s->broken, wall(lab));
    } else if (s->broken.code) {
        want = job_broke(job, &s->broken, lab->now_ms, wall(lab));
    } else {
        struct answer answer = {
            .status = s->status,
            .body = buffer_bytes(&s->body),
            .delimited = true,
            .url = request->url,
        };
        add_headers(&arena, s->headers, &answer.headers);
        want = job_answered(job, &answer, lab->now_ms, wall(lab));
    }
    arena_close(&arena);
    lab->first = s->next;
    if (!lab->first)
        lab->last = NULL;
    free(s->headers);
    buffer_close(&s->body);
    free(s);
    return want;
}

static int tell(void *context, uint64_t seq, struct bytes packed)
{
    struct lab *lab = context;
    struct arena arena = {0};
    struct change change;
    struct error e;
    struct buffer patch = {0};
    CHECK(!change_unpack(&arena, packed, &change, &e));
    if (change.op == CHANGE_STATUS) {
        note(lab, "status %s%s", status_kind_name(change.status.kind), change.status.void_ ? ", void" : "");
    } else {
        if (change.patch.data)
            CHECK(!value_msgpack_to_json(change.patch, &patch, &e));
        note(lab, "%s%s %.*s%s%s%s", change.initial ? "initially " : "", change_op_name(change.op),
             BYTES_ARG(change.id), change.definition ? " by definition" : "", patch.len ? " " : "",
             buffer_text(&patch));
        for (uint32_t i = 0; i < change.receipt_count; i++) {
            char text[RECEIPT_ID_TEXT_BYTES];
            buffer_printf(&lab->diary, "        by %s\n", receipt_id_text(change.receipts[i], text));
        }
    }
    buffer_close(&patch);
    arena_close(&arena);
    lab->told = seq;
    return 0;
}

static void tell_changes(struct lab *lab)
{
    struct error e;
    CHECK(!store_read(lab->store, &e));
    CHECK(!store_changes_each(lab->store, lab->told + 1, tell, lab, &e));
    store_done(lab->store);
}

static void tell_outcome(struct lab *lab, const struct job *job)
{
    const struct receipt *receipt = &job->listing.receipt;
    const struct job_outcome *o = &lab->outcome;
    if (!o->complete)
        note(lab, "failed on page %" PRIu64 ": %s: %s", o->page, error_name(o->error.code), o->error.text);
    else if (o->unmodified)
        note(lab, "complete, unmodified: %" PRIu64 " resources as before", o->unchanged);
    else
        note(lab, "complete, %s: %" PRIu64 " items on %" PRIu64 " pages",
             o->sound ? "sound" : receipt->unsound, receipt->items, receipt->pages);
    if (o->held)
        note(lab, "held back: %" PRIu64, o->held);
    if (o->faults && (!receipt->unsound || strcmp(receipt->unsound, o->fault.text) != 0))
        note(lab, "fault: %s", o->fault.text);
}

/* What was written until here is on the disk, and nothing else is left. */
static void kill_job(struct lab *lab, struct job *job)
{
    struct error e;
    if (store_commit(lab->store, &e))
        fail_msg("%s", e.text);
    lab->kills = false;
    tell_changes(lab);
    note(lab, "killed");
    job_close(job);
    lab_reopen(lab);
}

static void run(struct lab *lab, const struct job_setting *setting)
{
    struct job job;
    struct error e;
    if (job_open(&job, setting, wall(lab), &e))
        fail_msg("%s", e.text);
    enum job_want want = job_start(&job, lab->now_ms, wall(lab));
    while (want == JOB_SEND || want == JOB_WAIT) {
        if (want == JOB_WAIT) {
            lab->now_ms = job_at_ms(&job);
            want = job_due(&job, lab->now_ms, wall(lab));
        } else if (lab->kills && !lab->first) {
            kill_job(lab, &job);
            return;
        } else {
            want = answer(lab, &job);
        }
    }
    assert_int_equal(want, JOB_DONE);
    if (lab->loses)
        store_abort(lab->store);
    else if (store_commit(lab->store, &e))
        fail_msg("%s", e.text);
    lab->loses = false;
    lab->outcome = job.outcome;
    lab->receipt = job.listing.receipt;
    tell_changes(lab);
    tell_outcome(lab, &job);
    lab->outcome.unsound = NULL; /* it was the job's, as these are */
    lab->receipt.unsound = lab->receipt.cause = NULL;
    lab->receipt.rests_on = NULL;
    job_close(&job);
    drop_answers(lab);
}

static struct collection_key key_of(const char *type, struct bytes parent)
{
    return (struct collection_key){BYTES("lab"), BYTES("1"), bytes_of(type), {0}, parent};
}

struct collection_key lab_key(const char *type)
{
    return key_of(type, (struct bytes){0});
}

static struct job_setting setting_of(struct lab *lab, const char *type, struct placeholders *values)
{
    const struct collection_def *def = provider_find(lab->provider, type);
    CHECK(def);
    lab->nothing = (struct value){.type = VALUE_OBJECT};
    if (lab->vars.type != VALUE_OBJECT)
        lab->vars = lab->nothing;
    *values = (struct placeholders){
        .account_id = BYTES("1"),
        .account_keys = &lab->nothing,
        .credentials = &lab->nothing,
        .vars = &lab->vars,
    };
    return (struct job_setting){
        .def = def,
        .key = key_of(type, (struct bytes){0}),
        .values = values,
        .session = &lab->session,
        .retry = &lab->retry,
        .store = lab->store,
    };
}

void lab_harvest(struct lab *lab, const char *type)
{
    struct placeholders values;
    struct job_setting setting = setting_of(lab, type, &values);
    run(lab, &setting);
}

void lab_harvest_child(struct lab *lab, const char *type, const char *parent, const char *id)
{
    struct placeholders values;
    struct job_setting setting = setting_of(lab, type, &values);
    struct arena arena = {0};
    struct collection_record record;
    struct document stored;
    struct value document;
    struct error e;
    uint32_t row;
    struct collection_key above = key_of(parent, (struct bytes){0});
    CHECK(!store_read(lab->store, &e));
    CHECK(!store_collection_find(lab->store, &above, &arena, &record, &e));
    CHECK(!store_row_find(lab->store, record.id, bytes_of(id), &row, &e));
    CHECK(!store_document(lab->store, record.id, row, &stored, &e));
    CHECK(!value_from_msgpack(&arena, arena_copy(&arena, stored.packed), &document, &e));
    store_done(lab->store);
    struct resource_view view = {.id = bytes_of(id), .document = &document};
    struct listing_parent link = {record.id, row, listing_parent_receipt(store_shard(lab->store), &record)};
    values.parent = &view;
    setting.key = key_of(type, bytes_of(id));
    setting.parent = &link;
    run(lab, &setting);
    arena_close(&arena);
}

void lab_pass(struct lab *lab, int64_t ms)
{
    lab->now_ms += ms;
}

void lab_confirm(struct lab *lab, const char *type)
{
    struct arena arena = {0};
    struct collection_record record;
    struct collection_key key = key_of(type, (struct bytes){0});
    struct error e;
    CHECK(!store_write(lab->store, &e));
    CHECK(!store_collection_find(lab->store, &key, &arena, &record, &e));
    record.confirmed_ms = wall(lab);
    CHECK(!store_collection_put(lab->store, &record, &e));
    CHECK(!store_commit(lab->store, &e));
    arena_close(&arena);
}

bool lab_has_checkpoint(struct lab *lab, const char *type)
{
    struct arena arena = {0};
    struct collection_record record;
    struct collection_key key = key_of(type, (struct bytes){0});
    struct error e;
    CHECK(!store_read(lab->store, &e));
    CHECK(!store_collection_find(lab->store, &key, &arena, &record, &e));
    store_done(lab->store);
    arena_close(&arena);
    return record.has_checkpoint;
}

/* --- expectations --- */

void lab_expect(struct lab *lab, const char *diary)
{
    assert_string_equal(buffer_text(&lab->diary), diary);
    buffer_reset(&lab->diary);
}

void lab_forget(struct lab *lab)
{
    buffer_reset(&lab->diary);
}

const char *lab_diary(const struct lab *lab)
{
    return buffer_text(&lab->diary);
}

const struct job_outcome *lab_outcome(const struct lab *lab)
{
    return &lab->outcome;
}

const struct receipt *lab_receipt(const struct lab *lab)
{
    return &lab->receipt;
}

struct store *lab_store(struct lab *lab)
{
    return lab->store;
}

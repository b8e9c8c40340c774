#include "cli/resource.h"

#include <inttypes.h>

#include "cli/say.h"
#include "common/text.h"
#include "common/value/value.h"

static void add_member(struct buffer *out, const char *key, struct bytes text)
{
    buffer_printf(out, "%c\"%s\":", *key == 'p' && key[1] == 'r' ? '{' : ',', key);
    if (text.data)
        json_add_string(text, out);
    else
        buffer_add_text(out, "null");
}

void resource_json(const struct collection_key *key, struct bytes id, struct buffer *out)
{
    add_member(out, "provider", key->provider);
    add_member(out, "account", key->account);
    add_member(out, "region", key->region);
    add_member(out, "type", key->type);
    if (id.data)
        add_member(out, "id", id);
    add_member(out, "parent", key->parent);
}

void resource_account(const struct collection_key *key, struct buffer *out)
{
    buffer_printf(out, "%.*s/%.*s", BYTES_ARG(key->provider), BYTES_ARG(key->account));
}

/* --- documents --- */

static void indent(struct printer *p, unsigned depth)
{
    buffer_add_char(&p->out, '\n');
    for (unsigned i = 0; i < depth; i++)
        buffer_add_text(&p->out, "  ");
}

static void add_key(struct printer *p, struct bytes key)
{
    struct buffer quoted = {0};
    json_add_string(key, &quoted);
    buffer_add_text(&p->out, print_on(p, PRINT_BLUE));
    text_add_json(&p->out, buffer_bytes(&quoted));
    buffer_add_text(&p->out, print_off(p, PRINT_BLUE));
    buffer_add_text(&p->out, ": ");
    buffer_close(&quoted);
}

/* As deep as a document may be (LIMIT_DEPTH). */
static void add_pretty(struct printer *p, const struct value *value, unsigned depth)
{
    bool is_object = value->type == VALUE_OBJECT;
    if ((!is_object && value->type != VALUE_ARRAY) || value->count == 0) {
        struct buffer json = {0};
        value_to_json(value, &json);
        text_add_json(&p->out, buffer_bytes(&json));
        buffer_close(&json);
        return;
    }
    buffer_add_char(&p->out, is_object ? '{' : '[');
    for (uint32_t i = 0; i < value->count; i++) {
        if (i)
            buffer_add_char(&p->out, ',');
        indent(p, depth + 1);
        if (is_object)
            add_key(p, value->members[i].key);
        add_pretty(p, is_object ? &value->members[i].value : &value->items[i], depth + 1);
    }
    indent(p, depth);
    buffer_add_char(&p->out, is_object ? '}' : ']');
}

int resource_pretty(struct printer *p, struct bytes packed, struct error *e)
{
    struct arena arena = {0};
    struct value value;
    int r = value_from_msgpack(&arena, packed, &value, e);
    if (!r) {
        add_pretty(p, &value, 0);
        buffer_add_char(&p->out, '\n');
    }
    arena_close(&arena);
    return r;
}

/* --- finding --- */

void finding_close(struct finding *f)
{
    arena_close(&f->arena);
}

static struct bytes keep(struct finding *f, struct bytes text)
{
    return text.data ? arena_copy(&f->arena, text) : text;
}

void finding_add(struct finding *f, uint32_t shard, uint32_t collection, uint32_t row,
                 const struct collection_key *key)
{
    if (f->count++ >= FOUND_MAX)
        return;
    f->items[f->count - 1] = (struct found){shard,
                                            collection,
                                            row,
                                            {keep(f, key->provider), keep(f, key->account),
                                             keep(f, key->type), keep(f, key->region), keep(f, key->parent)}};
}

struct looking {
    struct finding *finding;
    struct bytes id;
};

static int look(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    struct looking *l = context;
    uint32_t row;
    int r = store_row_find(store, record->id, l->id, &row, e);
    l->finding->collections++;
    if (!r)
        finding_add(l->finding, store_shard(store), record->id, row, &record->key);
    return r == ERR_NOT_FOUND ? 0 : r;
}

int finding_live(struct finding *f, struct folder *folder, const struct selection *selection, const char *id,
                 struct error *e)
{
    struct looking l = {f, bytes_of(id)};
    return select_each(folder, selection, look, &l, e);
}

static void add_option(struct buffer *line, const char *option, struct bytes value)
{
    if (!value.data)
        return;
    buffer_printf(line, " %s ", option);
    text_add_shell(line, value);
}

static void say_choice(const struct found *found, const char *verb, const char *id,
                       const struct options *options)
{
    struct buffer line = {0}, account = {0};
    resource_account(&found->key, &account);
    buffer_printf(&line, "  garner %s", verb);
    if (options->data)
        add_option(&line, "--data", bytes_of(options->data));
    else
        add_option(&line, "-c", bytes_of(options->config));
    add_option(&line, "--account", buffer_bytes(&account));
    add_option(&line, "--region", found->key.region);
    add_option(&line, "--parent", found->key.parent);
    buffer_add_text(&line, *id == '-' ? " -- " : " ");
    text_add_shell(&line, found->key.type);
    buffer_add_char(&line, ' ');
    text_add_shell(&line, bytes_of(id));
    say_line("%s", buffer_text(&line));
    buffer_close(&line);
    buffer_close(&account);
}

void finding_say_choices(const struct finding *f, const char *verb, const char *id,
                         const struct options *options)
{
    uint64_t shown = f->count < FOUND_MAX ? f->count : FOUND_MAX;
    say("there are %" PRIu64 " resources '%s' of %.*s: say which one:", f->count, id,
        BYTES_ARG(f->items[0].key.type));
    for (uint64_t i = 0; i < shown; i++)
        say_choice(&f->items[i], verb, id, options);
    if (f->count > shown)
        say_line("  … and %" PRIu64 " more: narrow it down with --account, --region and --parent",
                 f->count - shown);
}

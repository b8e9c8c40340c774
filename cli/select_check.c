/* One pass over all collections' records: what there is of each dimension once the earlier ones fit. Asking
 * in the order type, account, region, parent, the first one without a hit is the one that is wrong. */
#include "cli/say.h"
#include "cli/select.h"
#include "cli/words.h"

struct census {
    struct selection wanted;
    uint64_t all;
    struct words types;    /* all */
    struct words accounts; /* that have this type */
    struct words hits;     /* of these those that `account` means */
    struct words regions;  /* of this type and account */
    struct words parents;  /* of this type, account and region */
    bool type, region, parent;
};

static int count(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    struct census *c = context;
    const struct collection_key *key = &record->key;
    struct buffer account = {0};
    (void)store;
    (void)e;
    c->all++;
    words_add(&c->types, key->type);
    if (!select_matches(&(struct selection){.type = c->wanted.type}, key))
        return 0;
    c->type = true;
    buffer_printf(&account, "%.*s/%.*s", BYTES_ARG(key->provider), BYTES_ARG(key->account));
    words_add(&c->accounts, buffer_bytes(&account));
    if (select_matches(&(struct selection){.account = c->wanted.account}, key)) {
        words_add(&c->hits, buffer_bytes(&account));
        if (key->region.data)
            words_add(&c->regions, key->region);
        if (select_matches(&(struct selection){.region = c->wanted.region}, key)) {
            c->region = true;
            if (key->parent.data)
                words_add(&c->parents, key->parent);
            c->parent |= select_matches(&(struct selection){.parent = c->wanted.parent}, key);
        }
    }
    buffer_close(&account);
    return 0;
}

static void say_unknown(const char *what, const char *given, const char *of, const struct words *there)
{
    struct buffer text = {0}, known = {0};
    const char *nearest = words_nearest(there, given);
    buffer_printf(&text, "no %s '%s'%s%s", what, given, *of ? " has " : " is stored", of);
    words_text(there, &known);
    if (nearest)
        buffer_printf(&text, ": did you mean '%s'?", nearest);
    if (there->count)
        buffer_printf(&text, "%s %s %s", nearest ? " There" : ": there", there->count == 1 ? "is" : "are",
                      buffer_text(&known));
    say("%s", buffer_text(&text));
    buffer_close(&text);
    buffer_close(&known);
}

static void say_ambiguous(const struct census *c)
{
    struct buffer text = {0};
    words_text(&c->hits, &text);
    say("account '%s' is at several providers: say which one, as in --account %s (there are %s)",
        c->wanted.account, c->hits.items[0], buffer_text(&text));
    buffer_close(&text);
}

/* False after having said what isn't there. */
static bool judge(const struct census *c, const char *path)
{
    const char *type = c->wanted.type ? c->wanted.type : "";
    if (!c->all)
        say("nothing is stored in %s yet: `garner run -c FILE --once` harvests into it", path);
    else if (!c->type)
        say_unknown("type", c->wanted.type, "", &c->types);
    else if (!c->hits.count)
        say_unknown("account", c->wanted.account, type, &c->accounts);
    else if (!c->region && !c->regions.count)
        say("%s is not kept by region: leave --region out", *type ? type : "what is stored");
    else if (!c->region)
        say_unknown("region", c->wanted.region, type, &c->regions);
    else if (!c->parent && !c->parents.count)
        say("%s has no parents: leave --parent out", *type ? type : "what is stored");
    else if (!c->parent)
        say_unknown("parent", c->wanted.parent, type, &c->parents);
    else
        return true;
    return false;
}

static int check(struct folder *folder, const struct selection *selection, bool lenient)
{
    struct census c = {.wanted = *selection};
    struct error e;
    int exit_code = 0;
    if (select_each(folder, &(struct selection){0}, count, &c, &e)) {
        exit_code = say_error(&e);
    } else if (c.hits.count > 1 && selection->account) {
        say_ambiguous(&c);
        exit_code = EXIT_USAGE;
    } else if (!lenient || selection->type || selection->account) {
        exit_code = judge(&c, folder->path) || lenient ? 0 : EXIT_USAGE;
    }
    words_close(&c.types);
    words_close(&c.accounts);
    words_close(&c.hits);
    words_close(&c.regions);
    words_close(&c.parents);
    return exit_code;
}

int select_check(struct folder *folder, const struct selection *selection)
{
    return check(folder, selection, false);
}

int select_check_lenient(struct folder *folder, const struct selection *selection)
{
    return check(folder, selection, true);
}

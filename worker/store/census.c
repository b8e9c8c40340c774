/* Asking in the order type, account, region, parent, the first one without a hit is the one that is wrong. */
#include "worker/store/census.h"

#include "proto/filter.h"

static bool is_or_any(struct bytes wanted, struct bytes is)
{
    return !wanted.data || (is.data && bytes_equal(is, wanted));
}

bool census_account_is(struct bytes wanted, const struct collection_key *key)
{
    return !wanted.data || filter_account_is(wanted, key->provider, key->account);
}

static void add_hit(struct census *c, const struct collection_key *key, const struct buffer *account)
{
    words_add(&c->hits, buffer_bytes(account));
    if (!c->account.data) {
        c->provider = arena_copy(&c->hits.arena, key->provider);
        c->account = arena_copy(&c->hits.arena, key->account);
    }
    if (key->region.data)
        words_add(&c->regions, key->region);
    if (!is_or_any(c->wanted.region, key->region))
        return;
    c->region = true;
    if (key->parent.data)
        words_add(&c->parents, key->parent);
    c->parent |= is_or_any(c->wanted.parent, key->parent);
}

void census_add(struct census *c, const struct collection_key *key)
{
    struct buffer account = {0};
    c->all++;
    words_add(&c->types, key->type);
    if (!is_or_any(c->wanted.type, key->type))
        return;
    c->type = true;
    buffer_printf(&account, "%.*s/%.*s", BYTES_ARG(key->provider), BYTES_ARG(key->account));
    words_add(&c->accounts, buffer_bytes(&account));
    if (census_account_is(c->wanted.account, key))
        add_hit(c, key, &account);
    buffer_close(&account);
}

void census_close(struct census *c)
{
    words_close(&c->types);
    words_close(&c->accounts);
    words_close(&c->hits);
    words_close(&c->regions);
    words_close(&c->parents);
}

static int unknown(const char *what, struct bytes given, struct bytes of, const struct words *there,
                   struct error *e)
{
    struct buffer text = {0}, known = {0}, name = {0};
    buffer_add_bytes(&name, given);
    const char *nearest = words_nearest(there, buffer_text(&name));
    buffer_printf(&text, "no %s '%s'%s%.*s", what, buffer_text(&name), of.len ? " has " : " is stored",
                  BYTES_ARG(of));
    words_text(there, &known);
    if (nearest)
        buffer_printf(&text, ": did you mean '%s'?", nearest);
    if (there->count)
        buffer_printf(&text, "%s %s %s", nearest ? " There" : ": there", there->count == 1 ? "is" : "are",
                      buffer_text(&known));
    int r = error_set(e, ERR_USAGE, "%s", buffer_text(&text));
    buffer_close(&text);
    buffer_close(&known);
    buffer_close(&name);
    return r;
}

int census_check_account(const struct census *c, struct error *e)
{
    struct buffer text = {0};
    if (!c->wanted.account.data || c->hits.count < 2)
        return 0;
    words_text(&c->hits, &text);
    int r =
        error_set(e, ERR_USAGE,
                  "account '%.*s' is at several providers: say which one, as in --account %s (there are %s)",
                  BYTES_ARG(c->wanted.account), c->hits.items[0], buffer_text(&text));
    buffer_close(&text);
    return r;
}

int census_check(const struct census *c, const char *path, struct error *e)
{
    const struct census_wanted *wanted = &c->wanted;
    struct bytes type = wanted->type.data ? wanted->type : BYTES(""),
                 subject = type.len ? type : BYTES("what is stored");
    if (!c->all)
        return error_set(e, ERR_USAGE,
                         "nothing is stored in %s yet: `garner run -c FILE --once` harvests into it", path);
    if (!c->type)
        return unknown("type", wanted->type, BYTES(""), &c->types, e);
    if (!c->hits.count)
        return unknown("account", wanted->account, type, &c->accounts, e);
    if (!c->region && !c->regions.count)
        return error_set(e, ERR_USAGE, "%.*s is not kept by region: leave --region out", BYTES_ARG(subject));
    if (!c->region)
        return unknown("region", wanted->region, type, &c->regions, e);
    if (!c->parent && !c->parents.count)
        return error_set(e, ERR_USAGE, "%.*s has no parents: leave --parent out", BYTES_ARG(subject));
    if (!c->parent)
        return unknown("parent", wanted->parent, type, &c->parents, e);
    return 0;
}

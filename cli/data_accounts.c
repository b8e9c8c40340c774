/* Each account is held against the provider files by itself: one that can't be harvested here must not keep
 * the others from it. */
#include <stdlib.h>
#include <string.h>

#include "cli/data.h"
#include "common/check.h"
#include "common/config/account_text.h"
#include "common/log.h"
#include "worker/provider/check.h"

/* Who may be joined by others. */
struct joining {
    struct config *config;
    struct provider *const *providers;
    uint32_t provider_count;
    const struct config_account **own; /* by name */
};

static int by_name(const void *a, const void *b)
{
    const struct config_account *x = *(const struct config_account *const *)a;
    const struct config_account *y = *(const struct config_account *const *)b;
    int order = strcmp(x->provider, y->provider);
    return order ? order : strcmp(x->id, y->id);
}

static void sort_own(struct joining *joining)
{
    const struct config *config = joining->config;
    joining->own = mem_alloc((config->account_count + (size_t)1) * sizeof *joining->own);
    for (uint32_t i = 0; i < config->account_count; i++)
        joining->own[i] = &config->accounts[i];
    qsort(joining->own, config->account_count, sizeof *joining->own, by_name);
}

static bool has(const struct joining *joining, const struct config_account *account)
{
    return bsearch(&account, joining->own, joining->config->account_count, sizeof *joining->own, by_name);
}

static void add_text(struct buffer *list, struct bytes text)
{
    buffer_add_text(list, list->len ? "," : "[");
    buffer_add_bytes(list, text);
}

static bool fits(const struct joining *joining, const struct config *one, struct yaml_report *report)
{
    if (one && !report->errors &&
        provider_check_accounts(one, joining->providers, joining->provider_count, report) == 0)
        return true;
    log_line(LOG_WARN, "an account of the cluster can't be harvested by the provider files that are here",
             "account", one && one->account_count ? one->accounts[0].id : NULL, "provider",
             one && one->account_count ? one->accounts[0].provider : NULL, "why", buffer_text(&report->text),
             NULL);
    return false;
}

static bool is_to_join(const struct joining *joining, struct bytes text)
{
    struct yaml_report report = {.secret = true};
    struct buffer list = {0};
    add_text(&list, text);
    buffer_add_char(&list, ']');
    struct config *one = config_open_accounts("account", buffer_bytes(&list), &report);
    bool is = !(one && one->account_count && has(joining, &one->accounts[0])) && fits(joining, one, &report);
    yaml_report_close(&report);
    config_close(one);
    buffer_close(&list);
    return is;
}

static int add_all(struct arena *arena, struct config *config, struct bytes list, struct error *e)
{
    struct config_account *more, *all;
    uint32_t count;
    int r = config_accounts_from_json(arena, list, &more, &count, e);
    if (r || !count)
        return r;
    all = arena_alloc(arena, (config->account_count + (size_t)count) * sizeof *all);
    if (config->account_count)
        memcpy(all, config->accounts, config->account_count * sizeof *all);
    memcpy(all + config->account_count, more, count * sizeof *all);
    config->accounts = all;
    config->account_count += count;
    return 0;
}

int data_join_accounts(struct arena *arena, struct config *config, struct provider *const *providers,
                       uint32_t provider_count, const struct value *texts, struct error *e)
{
    struct joining joining = {config, providers, provider_count, NULL};
    struct buffer list = {0};
    int r = 0;
    sort_own(&joining);
    for (uint32_t i = 0; i < texts->count && !r; i++) {
        const struct value *text = &texts->items[i];
        if (text->type != VALUE_STRING)
            r = error_set(e, ERR_BODY, "the cluster's list of accounts can't be read");
        else if (is_to_join(&joining, text->text))
            add_text(&list, text->text);
    }
    if (!r && list.len) {
        buffer_add_char(&list, ']');
        r = add_all(arena, config, buffer_bytes(&list), e);
    }
    buffer_close(&list);
    free(joining.own);
    return r;
}

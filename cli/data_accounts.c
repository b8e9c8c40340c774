/* Each account is held against the provider files by itself: one that can't be harvested here must not keep
 * the others from it. */
#include "cli/data.h"
#include "common/config/account_text.h"
#include "common/log.h"
#include "worker/provider/check.h"

static void add_text(struct buffer *list, struct bytes text)
{
    buffer_add_text(list, list->len ? "," : "[");
    buffer_add_bytes(list, text);
}

static bool fits(const struct setup *setup, struct bytes text)
{
    struct yaml_report report = {.secret = true};
    struct buffer list = {0};
    add_text(&list, text);
    buffer_add_char(&list, ']');
    struct config *one = config_open_accounts("account", buffer_bytes(&list), &report);
    bool fits = one && !report.errors &&
                provider_check_accounts(one, setup->providers, setup->config->provider_count, &report) == 0;
    if (!fits)
        log_line(LOG_WARN, "an account of the cluster can't be harvested by this worker's provider files",
                 "account", one && one->account_count ? one->accounts[0].id : NULL, "provider",
                 one && one->account_count ? one->accounts[0].provider : NULL, "why",
                 buffer_text(&report.text), NULL);
    yaml_report_close(&report);
    config_close(one);
    buffer_close(&list);
    return fits;
}

int setup_take_accounts(struct setup *setup, const struct value *texts, struct error *e)
{
    struct buffer list = {0};
    struct config *config = setup->config;
    int r = 0;
    for (uint32_t i = 0; i < texts->count && !r; i++) {
        const struct value *text = &texts->items[i];
        if (text->type != VALUE_STRING)
            r = error_set(e, ERR_BODY, "the cluster's list of accounts can't be read");
        else if (fits(setup, text->text))
            add_text(&list, text->text);
    }
    buffer_add_text(&list, list.len ? "]" : "[]");
    if (!r)
        r = config_accounts_from_json(&config->arena, buffer_bytes(&list), &config->accounts,
                                      &config->account_count, e);
    buffer_close(&list);
    return r;
}

/* Deletes: what confirms them, and the guard. The default depends on how far paging can be trusted. */
#include <string.h>

#include "common/limits.h"
#include "common/units.h"
#include "worker/provider/read.h"

static const struct delete_def guard_default = {
    .guarded = true,
    .guard_share = 500000,
    .guard_min = 3,
    .guard_listings = 3,
    .guard_over_ms = 3600 * 1000,
};

static const char *const confirm_names[] = {
    [CONFIRM_NONE] = "none", [CONFIRM_RELIST] = "relist", [CONFIRM_GET] = "get", NULL};

static bool read_share(struct reader *r, const yaml_node *node, uint32_t *out)
{
    if (yaml_kind(node) == YAML_SCALAR && units_share(yaml_text(node), out))
        return true;
    const char *text = "";
    if (yaml_read_text(r->report, r->file, node, r->arena, &text))
        yaml_error(r->report, r->file, node, "expected a share from 0%% to 100%% such as 50%%, not '%s'",
                   text);
    return false;
}

static void read_guard_map(struct reader *r, const yaml_node *node, struct delete_def *out)
{
    static const char *const keys[] = {"share", "min", "listings", "over", NULL};
    const yaml_node *n;
    uint64_t number;
    if (!yaml_check_keys(r->report, r->file, node, keys))
        return;
    if ((n = yaml_get(node, "share")))
        read_share(r, n, &out->guard_share);
    if ((n = yaml_get(node, "min")) && yaml_read_u64(r->report, r->file, n, 1, UINT32_MAX, &number))
        out->guard_min = (uint32_t)number;
    if ((n = yaml_get(node, "listings")) &&
        yaml_read_u64(r->report, r->file, n, 1, LIMIT_GUARD_LISTINGS, &number))
        out->guard_listings = (uint32_t)number;
    if ((n = yaml_get(node, "over")))
        yaml_read_duration(r->report, r->file, n, &out->guard_over_ms);
}

static void read_guard(struct reader *r, const yaml_node *node, struct delete_def *out)
{
    if (yaml_kind(node) == YAML_MAP)
        read_guard_map(r, node, out);
    else if (yaml_kind(node) == YAML_SCALAR && bytes_is(yaml_text(node), "none"))
        out->guarded = false;
    else if (yaml_kind(node) == YAML_SCALAR && !yaml_is_null(node))
        read_share(r, node, &out->guard_share);
    else
        yaml_error(r->report, r->file, node,
                   "expected a share such as 50%%, none, or a map {share, min, listings, over}");
}

void read_delete(struct reader *r, const yaml_node *collection, struct collection_def *out)
{
    static const char *const keys[] = {"confirm", "guard", NULL};
    const yaml_node *node = yaml_get(collection, "delete"), *n = NULL;
    bool shifts = (out->page.style == PAGE_OFFSET || out->page.style == PAGE_NUMBER) && !out->order_stable;
    int confirm;
    out->delete_ = guard_default;
    out->delete_.confirm = !shifts ? CONFIRM_NONE : out->has_get ? CONFIRM_GET : CONFIRM_RELIST;
    if (node && yaml_check_keys(r->report, r->file, node, keys)) {
        if ((n = yaml_get(node, "guard")))
            read_guard(r, n, &out->delete_);
        if ((n = yaml_get(node, "confirm")) &&
            yaml_read_word(r->report, r->file, n, confirm_names, &confirm)) {
            out->delete_.confirm = (enum confirm_kind)confirm;
            if (confirm == CONFIRM_GET && !out->has_get)
                yaml_error(r->report, r->file, n,
                           "'confirm: get' needs the key 'get': a request for one resource");
        }
    }
    if (shifts && !n && !out->has_get)
        yaml_warning(r->report, r->file, yaml_get(collection, "page"),
                     "%s paging can skip resources while others come and go, so deletes wait for a second "
                     "listing (relist), best effort: add 'get', or 'order: stable' if that is so",
                     out->page.style == PAGE_OFFSET ? "offset" : "number");
    else if (shifts && out->delete_.confirm == CONFIRM_NONE)
        yaml_warning(
            r->report, r->file, n,
            "'confirm: none' with this paging and without 'order: stable': what it skips is deleted");
}

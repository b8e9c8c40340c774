/* Who may belong to this cluster, before its deciders are asked. */
#include <string.h>

#include "coordinator/internal.h"

/* Where the state is new, what is odd about a worker with another feed may be the state. */
static int check_feed(const struct coordinator *co, const struct heartbeat *h, struct error *e)
{
    struct buffer feed = {0};
    if (co->cluster.worker_count || h->feed.len != sizeof co->kept.feed ||
        memcmp(h->feed.data, co->kept.feed, sizeof co->kept.feed) == 0)
        return 0;
    for (size_t i = 0; i < h->feed.len; i++)
        buffer_printf(&feed, "%02x", (unsigned char)h->feed.data[i]);
    int r =
        error_set(e, ERR_CONFIG,
                  "worker %.*s: its data folder is of feed %s, and this coordinator's state is a new one: if "
                  "its state was lost, restore it, or start it with an empty data folder and --feed %s; else "
                  "give the worker an empty data folder",
                  BYTES_ARG(h->worker), buffer_text(&feed), buffer_text(&feed));
    buffer_close(&feed);
    return r;
}

int coordinator_admits(const struct coordinator *co, const struct heartbeat *h, struct error *e)
{
    if (h->version != CLUSTER_VERSION)
        return error_set(
            e, ERR_USAGE,
            "worker %.*s (%.*s) speaks version %u of the cluster's protocol, and this coordinator "
            "(garner %s) version %d: update %s",
            BYTES_ARG(h->worker), BYTES_ARG(h->program), h->version, GARNER_VERSION, CLUSTER_VERSION,
            h->version < CLUSTER_VERSION ? "the worker" : "the coordinator");
    if (!bytes_is(h->cluster, co->set.cluster))
        return error_set(
            e, ERR_CONFIG,
            "worker %.*s belongs to cluster '%.*s', and this is the coordinator of '%s': give it "
            "the address of its own, or set `cluster`",
            BYTES_ARG(h->worker), BYTES_ARG(h->cluster), co->set.cluster);
    return check_feed(co, h, e);
}

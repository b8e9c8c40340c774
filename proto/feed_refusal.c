#include <inttypes.h>

#include "proto/feed.h"

const char *refusal_name(enum refusal_kind kind)
{
    static const char *const names[] = {[REFUSAL_COMPACTED] = "COMPACTED",
                                        [REFUSAL_FUTURE] = "FUTURE",
                                        [REFUSAL_DIVERGED] = "DIVERGED",
                                        [REFUSAL_MOVED] = "MOVED"};
    return kind >= REFUSAL_COMPACTED && kind <= REFUSAL_MOVED ? names[kind] : "unknown";
}

int refusal_explain(const struct refusal *refusal, uint64_t seq, struct error *e)
{
    uint32_t shard = refusal->shard;
    switch (refusal->kind) {
    case REFUSAL_COMPACTED:
        return error_set(e, ERR_USAGE,
                         "COMPACTED: the cursor is at change %" PRIu64 " of shard %" PRIu32
                         ", which keeps %" PRIu64
                         " and later ones: take what there is from `garner list`, and begin anew with --from "
                         "oldest or now",
                         seq, shard, refusal->oldest);
    case REFUSAL_FUTURE:
        return error_set(
            e, ERR_USAGE,
            "FUTURE: the cursor is at change %" PRIu64 " of shard %" PRIu32 ", which ends at %" PRIu64
            ": the data folder is older than the cursor (restored from a backup?); begin anew with "
            "--from oldest",
            seq, shard, refusal->head);
    case REFUSAL_DIVERGED:
        return error_set(
            e, ERR_USAGE,
            "DIVERGED: the cursor is at change %" PRIu64 " of shard %" PRIu32
            ", whose history is another one from change %" PRIu64
            " on, or before: take what there is from `garner list`, and begin anew with --from oldest or now",
            seq, shard, refusal->common + 1);
    case REFUSAL_MOVED:
        break;
    }
    return error_set(e, ERR_USAGE, "MOVED: shard %" PRIu32 " is elsewhere now: ask there", shard);
}

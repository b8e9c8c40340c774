#include "tests/sim/tally.h"

#include <inttypes.h>

static void print_faults(const struct tally *t, FILE *out)
{
    fprintf(out, "faults:\n");
    for (unsigned i = 1; i < FAULTS; i++)
        fprintf(out, "  %-42s %8" PRIu64 "\n", fault_name((enum fault)i), t->faults[i]);
}

static void print_deletes(const struct tally *t, FILE *out)
{
    fprintf(out, "deletes, and of these false ones (order any, not confirmed by get):\n");
    for (unsigned i = 0; i < STYLES; i++)
        fprintf(out, "  %-12s %8" PRIu64 " %8" PRIu64 "\n", style_name((enum style)i), t->deletes[i],
                t->false_deletes[i]);
}

void tally_print(const struct tally *t, double seconds, FILE *out)
{
    print_faults(t, out);
    print_deletes(t, out);
    fprintf(out,
            "changes: %" PRIu64 " looked at, %" PRIu64 " creations, %" PRIu64 " updates; %" PRIu64
            " unreachable, %" PRIu64 " recovered, %" PRIu64 " held back, %" PRIu64 " confirmed, %" PRIu64
            " times in quarantine; %" PRIu64 " compacted, and %" PRIu64 " receipts let go\n",
            t->checked, t->created, t->updated, t->unreachable, t->recovered, t->held, t->confirmed,
            t->quarantined, t->compacted, t->let_go);
    fprintf(out,
            "by schedules: %" PRIu64 " harvests; breakers opened %" PRIu64 " times, refused %" PRIu64
            " harvests, let %" PRIu64 " probe; %" PRIu64
            " harvests ended with their account's budget spent\n",
            t->scheduled, t->opened, t->refused, t->probes, t->exhausted);
    fprintf(out,
            "%" PRIu64 " worlds, %" PRIu64 " harvests (%" PRIu64 " complete, %" PRIu64 " sound, %" PRIu64
            " unmodified, %" PRIu64 " resumed, %" PRIu64 " orphaned), %" PRIu64 " requests, %" PRIu64
            " commits, verified %" PRIu64 " times, quiet %" PRIu64 " times: %.1f s, %.0f harvests a second\n",
            t->worlds, t->harvests, t->complete, t->sound, t->unmodified, t->resumed, t->orphans, t->requests,
            t->commits, t->verified, t->quiets, seconds, (double)t->harvests / (seconds > 0 ? seconds : 1));
}

const char *tally_lacks(const struct tally *t)
{
    for (unsigned i = 1; i < FAULTS; i++)
        if (!t->faults[i])
            return fault_name((enum fault)i);
    return !t->opened        ? "a breaker that opens"
           : !t->probes      ? "a breaker's probe"
           : !t->exhausted   ? "a budget of retries that is spent"
           : !t->unmodified  ? "a listing that hasn't changed"
           : !t->resumed     ? "a listing that goes on from a checkpoint"
           : !t->quarantined ? "an item in quarantine"
           : !t->compacted   ? "a change that leaves the log"
           : !t->let_go      ? "a receipt that nothing rests on any more"
                             : NULL;
}

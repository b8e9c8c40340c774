/* The feed's requests.
 *
 * A part of a snapshot is read as the shard is, and may show what isn't served to anybody yet. Then it is
 * left with its request until it is: reading it anew each time would never end where a shard never rests. */
#include "common/check.h"
#include "common/clock.h"
#include "worker/feed/holds.h"
#include "worker/serve/internal.h"

static int not_yet(struct error *e)
{
    return error_set(e, ERR_BUSY,
                     "what this would show isn't stored by the shard's followers yet: ask again in a moment");
}

enum rpc_verdict serve_fetch(struct serve *serve, struct operator_request *request, struct rpc_turn *turn,
                             struct error *e)
{
    struct feed_demand *demand = &request->fetch;
    uint64_t wait_ms = demand->wait_ms < LIMIT_WAIT_MS ? demand->wait_ms : LIMIT_WAIT_MS;
    enum delivered delivered;
    size_t begun = operator_reply_begin(request->id, request->kind, &turn->answer);
    if (deliver_answer(serve->deliver, demand, &turn->answer, &delivered, e))
        return RPC_ANSWER;
    operator_reply_end(&turn->answer, begun);
    if (delivered == DELIVERED_POSITIONS && wait_ms > LIMIT_FETCH_QUIET_MS)
        wait_ms = LIMIT_FETCH_QUIET_MS;
    if (delivered == DELIVERED_LATER)
        wait_ms = LIMIT_SERVED_MS;
    turn->wait_ms = (int64_t)wait_ms;
    bool waits = delivered != DELIVERED_CHANGES && !turn->over && turn->waited_ms < turn->wait_ms;
    if (!waits && delivered == DELIVERED_LATER)
        not_yet(e);
    return waits ? RPC_WAIT : RPC_ANSWER;
}

/* --- snapshots --- */

static void exchange(struct buffer *a, struct buffer *b)
{
    struct buffer was = *a;
    *a = *b;
    *b = was;
}

/* The answer, and behind it what it shows. */
static void leave_answer(struct rpc_turn *turn, const struct deliver_shown *shown)
{
    buffer_add(&turn->answer, shown, sizeof *shown);
    exchange(&turn->answer, &turn->left);
}

static bool take_left(struct rpc_turn *turn, struct deliver_shown *shown)
{
    if (!turn->left.len)
        return false;
    exchange(&turn->answer, &turn->left);
    turn->answer.len -= sizeof *shown;
    memcpy(shown, turn->answer.data + turn->answer.len, sizeof *shown);
    return true;
}

static int make_part(struct serve *serve, struct operator_request *request, struct buffer *answer,
                     struct deliver_shown *shown, struct error *e)
{
    struct feed_snapshot *demand = &request->snapshot;
    struct feed_part part;
    buffer_reset(answer);
    size_t begun = operator_reply_begin(request->id, request->kind, answer);
    int r = deliver_snapshot(serve->deliver, demand, answer, &part, shown, e);
    operator_reply_end(answer, begun);
    if (!r && !part.refusal.kind && serve->set.holds)
        feed_hold(serve->set.holds, demand->shard, part.begin.seq, clock_steady_ms());
    return r;
}

enum rpc_verdict serve_snapshot(struct serve *serve, struct operator_request *request, struct rpc_turn *turn,
                                struct error *e)
{
    struct deliver_shown shown;
    enum deliver_when when = take_left(turn, &shown) ? deliver_when(serve->deliver, &shown) : SHOWN_NEVER;
    if (when == SHOWN_NEVER) {
        if (make_part(serve, request, &turn->answer, &shown, e))
            return RPC_ANSWER;
        when = deliver_when(serve->deliver, &shown);
    }
    if (when == SHOWN_NOW)
        return RPC_ANSWER;
    if (turn->over || turn->answer.len + sizeof shown > turn->left_max) {
        not_yet(e);
        return RPC_ANSWER;
    }
    leave_answer(turn, &shown);
    turn->wait_ms = LIMIT_SERVED_MS;
    return RPC_WAIT;
}

/* --- hints --- */

void serve_tell(void *context, bool all, struct buffer *message)
{
    struct serve *serve = context;
    struct arena arena = {0};
    struct feed_hint hint;
    struct error e;
    pthread_mutex_lock(&serve->reading);
    if (deliver_heads(serve->deliver, all, &arena, &hint, &e) == 0 && (all || hint.head_count))
        feed_hint_pack(&hint, message);
    pthread_mutex_unlock(&serve->reading);
    arena_close(&arena);
}

/* Connections are made by the dialer, and never by asking: a host that doesn't answer costs those that do
 * nothing. So one that has been idle for a while isn't asked by, but closed, and made anew. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "worker/follow/internal.h"

enum { SLICE_MS = 100 };

static const char *address_of(const struct following *f, uint32_t owner)
{
    return f->pursuit.owners[owner].address;
}

static void make_room(struct following *f)
{
    if (f->link_count == f->pursuit.owner_count)
        return;
    f->links = mem_resize(f->links, f->pursuit.owner_count * sizeof *f->links);
    memset(f->links + f->link_count, 0, (f->pursuit.owner_count - f->link_count) * sizeof *f->links);
    f->link_count = f->pursuit.owner_count;
}

static void close_link(struct following_link *link)
{
    client_close(link->client);
    *link = (struct following_link){.is_troubled = link->is_troubled};
}

void following_close_links(struct following *f, bool all)
{
    for (uint32_t i = 0; i < f->link_count; i++)
        for (int line = 0; line < PURSUIT_LINES; line++) {
            if (!all && address_of(f, i))
                continue;
            close_link(&f->links[i][line]);
            f->links[i][line].is_troubled = false;
        }
}

/* --- what becomes of them --- */

/* Told once for both lines of an owner. */
static void say_lost(struct following *f, uint32_t owner, const struct error *e)
{
    bool was_told = f->links[owner][PURSUIT_LIVE].is_troubled || f->links[owner][PURSUIT_BULK].is_troubled;
    if (!was_told)
        following_say(f, "%s: its shards can't be followed: %s (trying again)", address_of(f, owner),
                      e->text);
}

static void say_there(struct following *f, uint32_t owner, enum pursuit_line line)
{
    struct following_link *links = f->links[owner];
    bool was_told = links[line].is_troubled;
    links[line].is_troubled = false;
    if (was_told && !links[!line].is_troubled)
        following_say(f, "%s: its shards are followed again", address_of(f, owner));
}

/* A failure is of what was asked, and leaves the connection as it is. */
static void lose(struct following *f, uint32_t owner, enum pursuit_line line, const struct error *e)
{
    struct following_link *link = &f->links[owner][line];
    bool is_away = client_is_away(e->code) || e->code == ERR_STOPPED || e->code == ERR_BODY;
    say_lost(f, owner, e);
    if (is_away)
        close_link(link);
    link->is_troubled = true;
    pursuit_lost(&f->pursuit, owner, line, is_away, clock_steady_ms());
}

static int check_feed(const struct following *f, struct client *client, struct error *e)
{
    if (memcmp(client_peer(client)->feed, f->set.folder->feed, sizeof f->set.folder->feed) == 0)
        return 0;
    return error_set(e, ERR_STOPPED, "another cluster's worker is there: give this one its own address");
}

static void take_dialed(struct following *f, struct dialed *dialed)
{
    struct following_link *link = NULL;
    uint32_t owner = 0;
    int line = 0;
    for (uint32_t i = 0; i < f->link_count && !link; i++)
        for (int j = 0; j < PURSUIT_LINES && !link; j++)
            if (f->links[i][j].ticket == dialed->ticket)
                link = &f->links[i][j], owner = i, line = j;
    if (!link || (dialed->client && check_feed(f, dialed->client, &dialed->e))) {
        client_close(dialed->client);
        dialed->client = NULL;
    }
    if (!link)
        return;
    link->ticket = 0;
    link->client = dialed->client;
    link->used_ms = clock_steady_ms();
    if (!link->client)
        lose(f, owner, (enum pursuit_line)line, &dialed->e);
}

/* --- asking --- */

static void dial(struct following *f, uint32_t owner, struct following_link *link)
{
    if (link->ticket)
        return;
    link->ticket = ++f->last_ticket;
    dialer_ask(f->dialer, link->ticket, address_of(f, owner));
}

static void ask(struct following *f, uint32_t owner, enum pursuit_line line)
{
    struct following_link *link = &f->links[owner][line];
    int64_t now_ms = clock_steady_ms(), lease_ms = atomic_load(&f->lease_ms);
    bool is_idle = f->pursuit.owners[owner].lines[line].what == PURSUIT_NOTHING;
    struct operator_request request;
    struct error e;
    if (link->client && is_idle && now_ms - link->used_ms > LIMIT_FOLLOW_UNUSED_MS)
        close_link(link);
    if (now_ms >= lease_ms || !pursuit_wants(&f->pursuit, owner, line, now_ms))
        return;
    if (!link->client) {
        dial(f, owner, link);
        return;
    }
    arena_reset(&f->arena);
    if (!pursuit_ask(&f->pursuit, owner, line, now_ms, lease_ms, &f->arena, &request))
        return;
    link->used_ms = now_ms;
    if (client_send(link->client, &request, &e))
        lose(f, owner, line, &e);
}

static void wait_a_slice(struct following *f)
{
    struct client **clients =
        mem_alloc((size_t)(f->link_count + 1) * PURSUIT_LINES * sizeof(struct client *));
    int64_t now_ms = clock_steady_ms(), end_ms = now_ms + SLICE_MS;
    uint32_t count = 0;
    if (f->pursuit.bulk_ms > now_ms && f->pursuit.bulk_ms < end_ms)
        end_ms = f->pursuit.bulk_ms;
    for (uint32_t i = 0; i < f->link_count; i++)
        for (int line = 0; line < PURSUIT_LINES; line++)
            if (f->links[i][line].client && f->pursuit.owners[i].lines[line].what)
                clients[count++] = f->links[i][line].client;
    if (count) {
        client_wait_any(clients, count, end_ms, &f->is_poked);
    } else {
        pthread_mutex_lock(&f->lock.mutex);
        if (!atomic_load(&f->is_poked))
            rpc_lock_wait(&f->lock, end_ms);
        pthread_mutex_unlock(&f->lock.mutex);
    }
    free(clients);
}

void following_ask_all(struct following *f)
{
    struct dialed dialed;
    make_room(f);
    while (dialer_take(f->dialer, &dialed))
        take_dialed(f, &dialed);
    for (uint32_t i = 0; i < f->link_count; i++)
        for (int line = 0; line < PURSUIT_LINES && address_of(f, i); line++)
            ask(f, i, (enum pursuit_line)line);
    wait_a_slice(f);
}

/* --- answers --- */

static void say_refused(struct following *f, const struct pursuit_arrival *arrival)
{
    for (uint32_t i = 0; i < arrival->refused_count; i++) {
        const struct refusal *refusal = &arrival->refused[i];
        const char *why = refusal->kind == REFUSAL_COMPACTED
                              ? "its owner doesn't keep what follows it any more"
                          : refusal->kind == REFUSAL_FUTURE ? "it has more than its owner"
                                                            : "its owner's history is another one";
        following_say(f, "shard %" PRIu32 ": the copy is begun anew: %s", refusal->shard, why);
    }
}

static void take(struct following *f, uint32_t owner, enum pursuit_line line)
{
    struct following_link *link = &f->links[owner][line];
    struct pursuit_arrival arrival = {.refused = f->refused};
    struct operator_reply reply;
    struct error e;
    bool there;
    arena_reset(&f->arena);
    int r = client_receive(link->client, 0, &f->memory, &f->arena, &reply, &there, &e);
    if (!r && !there)
        return;
    link->used_ms = clock_steady_ms();
    if (!r && !pursuit_arrived(&f->pursuit, owner, line, &reply, f->memory.len, link->used_ms, &arrival))
        r = error_set(&e, ERR_BODY, "its answer can't be right");
    if (r) {
        lose(f, owner, line, &e);
        return;
    }
    say_there(f, owner, line);
    say_refused(f, &arrival);
    following_store(f, owner, line, &reply, &arrival);
    bool is_fetch = arrival.what == PURSUIT_FETCH;
    pursuit_taken(&f->pursuit, owner, line, !is_fetch || reply.fetch.more);
}

void following_take_all(struct following *f)
{
    for (uint32_t i = 0; i < f->link_count; i++)
        for (int line = 0; line < PURSUIT_LINES; line++)
            if (f->links[i][line].client && f->pursuit.owners[i].lines[line].what)
                take(f, i, (enum pursuit_line)line);
}

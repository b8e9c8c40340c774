/* An end that is slow to answer is asked for less at once, and waited for longer, until it is quick again:
 * where the line to it is full, the same question would have no answer for ever. */
#include "gateway/reach.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"

enum {
    REST_MS = 200,  /* whoever can't be reached isn't tried again before … */
    REST_TIMES = 2, /* … nor for so many times as long as it took to find out */
    PATIENT = 4,    /* times as long as usual is the longest that is waited for */
    LEAST_BYTES = 4 << 10
};

void reach_open(struct reach *reach, const char *home, int64_t answer_ms)
{
    *reach = (struct reach){.home = home, .answer_ms = answer_ms};
}

static void close_end(struct reach_end *end)
{
    client_close(end->client);
    free(end->address);
}

void reach_close(struct reach *reach)
{
    for (uint32_t i = 0; i < reach->count; i++)
        close_end(&reach->ends[i]);
    free(reach->ends);
    arena_close(&reach->arena);
    *reach = (struct reach){0};
}

/* Workers come and go, and so do their connections. */
static void forget_unused(struct reach *reach, int64_t now_ms)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < reach->count; i++)
        if (now_ms - reach->ends[i].used_ms < LIMIT_REACH_UNUSED_MS)
            reach->ends[kept++] = reach->ends[i];
        else
            close_end(&reach->ends[i]);
    reach->count = kept;
}

static struct reach_end *find(struct reach *reach, const char *address)
{
    int64_t now_ms = clock_steady_ms();
    uint32_t i = 0;
    while (i < reach->count && strcmp(reach->ends[i].address, address) != 0)
        i++;
    if (i == reach->count) {
        forget_unused(reach, now_ms);
        i = reach->count;
        reach->ends = mem_resize(reach->ends, (reach->count + 1) * sizeof *reach->ends);
        reach->ends[reach->count++] = (struct reach_end){
            .address = mem_strdup(address), .answer_ms = reach->answer_ms, .bytes = LIMIT_HTTP_STREAM_BYTES};
    }
    reach->ends[i].used_ms = now_ms;
    return &reach->ends[i];
}

/* An answer has come, or has not, within `took_ms`. */
static void note_time(const struct reach *reach, struct reach_end *end, bool has_come, int64_t took_ms)
{
    const int64_t most_ms = PATIENT * reach->answer_ms;
    if (!has_come && took_ms >= end->answer_ms) {
        end->answer_ms = 2 * end->answer_ms < most_ms ? 2 * end->answer_ms : most_ms;
        end->bytes = end->bytes / 4 > LEAST_BYTES ? end->bytes / 4 : LEAST_BYTES;
    }
    if (has_come && took_ms < end->answer_ms / 8) {
        end->answer_ms = end->answer_ms / 2 > reach->answer_ms ? end->answer_ms / 2 : reach->answer_ms;
        end->bytes = 2 * end->bytes < LIMIT_HTTP_STREAM_BYTES ? 2 * end->bytes : LIMIT_HTTP_STREAM_BYTES;
    }
}

uint32_t reach_bytes(struct reach *reach, const char *address)
{
    return find(reach, address)->bytes;
}

/* It can't be reached, which took from `began_ms` to find out. */
static int rest(struct reach_end *end, int64_t began_ms, const struct error *e)
{
    int64_t now_ms = clock_steady_ms(), rest_ms = REST_TIMES * (now_ms - began_ms);
    end->again_ms = now_ms + (rest_ms > REST_MS ? rest_ms : REST_MS);
    end->refused = *e;
    return e->code;
}

static int connect_end(const struct reach *reach, struct reach_end *end, struct error *e)
{
    int64_t now_ms = clock_steady_ms();
    if (end->client)
        return 0;
    if (now_ms < end->again_ms) {
        *e = end->refused;
        return e->code;
    }
    int r = client_open_within(end->address, NULL, end->answer_ms, &end->client, e);
    if (!r)
        return 0;
    note_time(reach, end, false, clock_steady_ms() - now_ms);
    return rest(end, now_ms, e);
}

static const char *named(const struct reach *reach, const char *address)
{
    return *address ? address : reach->home;
}

int reach_client(struct reach *reach, const char *address, struct client **out, struct error *e)
{
    struct reach_end *end = find(reach, named(reach, address));
    int r = connect_end(reach, end, e);
    *out = end->client;
    return r;
}

int reach_ask(struct reach *reach, const char *address, struct operator_request *request, struct arena *arena,
              struct operator_reply *reply, struct error *e)
{
    struct reach_end *end = find(reach, named(reach, address));
    int r = connect_end(reach, end, e);
    reply->failure.code = ERR_OK;
    if (r)
        return r;
    int64_t began_ms = clock_steady_ms();
    client_answers_within(end->client, end->answer_ms);
    r = client_ask(end->client, request, arena, reply, e);
    note_time(reach, end, !r || reply->failure.code, clock_steady_ms() - began_ms);
    if (r && !reply->failure.code) { /* it may be this request's fault: others may ask at once */
        client_close(end->client);
        end->client = NULL;
    }
    return r;
}

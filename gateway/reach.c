#include "gateway/reach.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"

enum { REST_MS = 200 };

void reach_open(struct reach *reach, const char *home)
{
    *reach = (struct reach){.home = home};
}

void reach_close(struct reach *reach)
{
    for (uint32_t i = 0; i < reach->count; i++) {
        client_close(reach->ends[i].client);
        free(reach->ends[i].address);
    }
    free(reach->ends);
    arena_close(&reach->arena);
    *reach = (struct reach){0};
}

static struct reach_end *find(struct reach *reach, const char *address)
{
    for (uint32_t i = 0; i < reach->count; i++)
        if (strcmp(reach->ends[i].address, address) == 0)
            return &reach->ends[i];
    reach->ends = mem_resize(reach->ends, (reach->count + 1) * sizeof *reach->ends);
    reach->ends[reach->count] = (struct reach_end){.address = mem_strdup(address)};
    return &reach->ends[reach->count++];
}

static int connect_end(struct reach *reach, struct reach_end *end, struct error *e)
{
    bool is_home = strcmp(end->address, reach->home) == 0;
    if (end->client)
        return 0;
    if (is_home && clock_steady_ms() < reach->again_ms) {
        *e = reach->refused;
        return e->code;
    }
    int r = client_open(end->address, NULL, &end->client, e);
    if (r && is_home) {
        reach->again_ms = clock_steady_ms() + REST_MS;
        reach->refused = *e;
    }
    return r;
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
    r = client_ask(end->client, request, arena, reply, e);
    if (r && !reply->failure.code) {
        client_close(end->client);
        end->client = NULL;
    }
    return r;
}

#include "cli/remote.h"

#include <stdlib.h>

#include "cli/cluster/fan.h"
#include "cli/say.h"

const char *remote_address(const struct options *options, int *exit_code)
{
    *exit_code = 0;
    if (options->at && (options->data || options->config)) {
        say("--at and %s contradict each other: a running Garner, or a data folder?",
            options->data ? "--data" : "-c");
        *exit_code = EXIT_USAGE;
        return NULL;
    }
    if (options->data || options->config)
        return NULL;
    return client_address(options->at);
}

struct bytes remote_text(const char *text)
{
    return text ? bytes_of(text) : (struct bytes){0};
}

bool remote_is_coordinator(const struct client *client)
{
    return bytes_is(client_peer(client)->role, "coordinator");
}

int remote_open(const char *address, struct client **client)
{
    struct error e;
    return client_open(address, NULL, client, &e) ? say_error(&e) : 0;
}

static int ask_one(struct client *client, struct operator_request *request, void *context,
                   void (*take)(void *context, const struct operator_reply *reply))
{
    struct arena arena = {0};
    struct operator_reply reply;
    struct error e;
    int r = client_ask(client, request, &arena, &reply, &e);
    if (!r)
        take(context, &reply);
    arena_close(&arena);
    return r ? say_error(&e) : 0;
}

static int ask_workers_of(struct client *client, const char *address, struct operator_request *request,
                          void *context, void (*take)(void *context, const struct operator_reply *reply))
{
    struct ask ask = {.client = client, .address = address};
    struct fan fan;
    int exit_code = fan_open(&ask, request->which.account, &fan);
    if (!exit_code)
        exit_code = fan_ask(&fan, request, context, take);
    fan_close(&fan);
    arena_close(&ask.arena);
    return exit_code;
}

int remote_each(const char *address, struct operator_request *request, void *context,
                void (*take)(void *context, const struct operator_reply *reply))
{
    struct client *client;
    int exit_code = remote_open(address, &client);
    if (exit_code)
        return exit_code;
    exit_code = remote_is_coordinator(client) ? ask_workers_of(client, address, request, context, take)
                                              : ask_one(client, request, context, take);
    client_close(client);
    return exit_code;
}

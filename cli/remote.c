#include "cli/remote.h"

#include <stdlib.h>

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

int remote_ask(const char *address, struct operator_request *request, struct arena *arena,
               struct operator_reply *reply)
{
    struct client *client;
    struct error e;
    int r = client_open(address, NULL, &client, &e);
    if (!r)
        r = client_ask(client, request, arena, reply, &e);
    client_close(client);
    return r ? say_error(&e) : 0;
}

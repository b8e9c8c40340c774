#include "common/rpc/rpc_address.h"

#include <nng/nng.h>

#include "common/text.h"

static const char looks_like[] = "an address looks like tcp://127.0.0.1:7801 or ipc:///run/garner.sock";

/* NNG would take more schemes than these, lets a port be left out, and listens anywhere at "*", where nobody
 * can connect to. */
static bool is_sound(const nng_url *url)
{
    uint64_t port;
    if (strcmp(url->u_scheme, "ipc") == 0)
        return url->u_path && *url->u_path;
    return strcmp(url->u_scheme, "tcp") == 0 && url->u_hostname && *url->u_hostname &&
           strcmp(url->u_hostname, "*") != 0 && url->u_port && bytes_to_u64(bytes_of(url->u_port), &port) &&
           port <= UINT16_MAX && (!url->u_path || !*url->u_path);
}

int rpc_address_check(const char *address, struct error *e)
{
    nng_url *url = NULL;
    bool sound = nng_url_parse(&url, address) == 0 && is_sound(url);
    if (url)
        nng_url_free(url);
    return sound ? 0 : error_set(e, ERR_CONFIG, "%s: %s", address, looks_like);
}

bool rpc_address_is_ipc(const char *address)
{
    return bytes_starts(bytes_of(address), "ipc:");
}

/* The host of a sound address, without the brackets of a number of IPv6. */
static struct bytes host_of(const char *address)
{
    struct bytes rest = bytes_of(address);
    if (!bytes_starts(rest, "tcp://"))
        return (struct bytes){0};
    rest = (struct bytes){rest.data + 6, rest.len - 6};
    while (rest.len && rest.data[rest.len - 1] != ':')
        rest.len--;
    rest.len -= rest.len > 0;
    if (rest.len >= 2 && rest.data[0] == '[')
        rest = (struct bytes){rest.data + 1, rest.len - 2};
    return rest;
}

bool rpc_address_is_any(const char *address)
{
    struct bytes host = host_of(address);
    return bytes_is(host, "0.0.0.0") || bytes_is(host, "::");
}

bool rpc_address_is_local(const char *address)
{
    struct bytes host = host_of(address);
    return rpc_address_is_ipc(address) || bytes_starts(host, "127.") || bytes_is(host, "::1") ||
           bytes_is(host, "localhost");
}

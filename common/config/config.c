/* The top of a configuration. Each key is read by itself, and reading goes on after a mistake; what isn't
 * there keeps its default. Paths are joined to the file's folder here, once. */
#include "common/config/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/config_read.h"
#include "common/limits.h"
#include "common/text.h"

static const char *const known_keys[] = {
    "cluster",   "data",  "providers", "accounts",    "http",    "listen", "retention", "shards",
    "followers", "lease", "map_size",  "retry_first", "threads", "tokens", "bus",       NULL};

static const int64_t lease_ms_min = 1000;

/* A path as the working folder sees it. */
static const char *join(struct config *config, const char *folder, const char *path)
{
    return *path == '/' || !*folder ? path : arena_printf(&config->arena, "%s%s", folder, path);
}

/* The folder of a path with the "/" at its end; empty for the working folder. */
static const char *folder_of(struct config *config, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    return arena_strdup(&config->arena, (struct bytes){path, len});
}

bool config_check_name(struct config_reader *c, const yaml_node *node, const char *text)
{
    size_t len = strlen(text);
    bool clean = len > 0;
    for (size_t i = 0; i < len; i++)
        clean = clean && (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
    if (!clean || len > LIMIT_NAME_BYTES) {
        yaml_error(c->report, c->config->file, node,
                   clean ? "this name is longer than %d bytes"
                         : "a name of 1 to %d bytes without control characters is needed here",
                   LIMIT_NAME_BYTES);
        return false;
    }
    return true;
}

bool config_read_name(struct config_reader *c, const yaml_node *node, const char **out)
{
    const char *text;
    if (!yaml_read_text(c->report, c->config->file, node, &c->config->arena, &text) ||
        !config_check_name(c, node, text))
        return false;
    *out = text;
    return true;
}

static void read_path(struct config_reader *c, const yaml_node *node, const char *folder, const char **out)
{
    const char *path;
    if (!yaml_read_text(c->report, c->config->file, node, &c->config->arena, &path))
        return;
    if (*path)
        *out = join(c->config, folder, path);
    else
        yaml_error(c->report, c->config->file, node, "a path must not be empty");
}

static void read_cluster(struct config_reader *c, const yaml_node *node)
{
    const char *text;
    if (!yaml_read_text(c->report, c->config->file, node, &c->config->arena, &text))
        return;
    if (text_is_name(bytes_of(text), LIMIT_WORKER_NAME_BYTES))
        c->config->cluster = text;
    else
        yaml_error(c->report, c->config->file, node,
                   "a cluster's name has 1 to %d bytes, without control characters", LIMIT_WORKER_NAME_BYTES);
}

static void read_providers(struct config_reader *c, const yaml_node *node, const char *folder)
{
    struct config *config = c->config;
    const char *const *names;
    uint32_t count;
    if (!yaml_read_texts(c->report, config->file, node, &config->arena, &names, &count))
        return;
    const char **paths = arena_zalloc(&config->arena, (count + (size_t)1) * sizeof *paths);
    for (uint32_t i = 0; i < count; i++)
        paths[i] = join(config, folder, names[i]);
    config->providers = paths;
    config->provider_count = count;
    if (!count)
        yaml_error(c->report, config->file, node, "'providers' names no file");
}

/* HOST:PORT, or [IPV6]:PORT, after an optional prefix. */
static bool is_address(const char *text, const char *prefix)
{
    uint64_t port;
    struct bytes address = bytes_of(text);
    if (!bytes_starts(address, prefix))
        return false;
    address = bytes_from(address, strlen(prefix));
    const char *colon = memrchr(address.data, ':', address.len);
    if (!colon || colon == address.data || strpbrk(address.data, "/ \t@?#"))
        return false;
    bool bracketed = address.data[0] == '[' && colon[-1] == ']';
    if (!bracketed && memchr(address.data, ':', (size_t)(colon - address.data)))
        return false;
    return bytes_to_u64(bytes_of(colon + 1), &port) && port <= 65535;
}

static void read_address(struct config_reader *c, const yaml_node *node, const char *prefix, const char **out)
{
    const char *text;
    if (!yaml_read_text(c->report, c->config->file, node, &c->config->arena, &text))
        return;
    if (is_address(text, prefix))
        *out = text;
    else
        yaml_error(c->report, c->config->file, node, "expected %sHOST:PORT, not '%s'", prefix, text);
}

static void read_retention(struct config_reader *c, const yaml_node *node)
{
    static const char *const keys[] = {"age", "bytes", NULL};
    struct config *config = c->config;
    const yaml_node *n;
    if (!yaml_check_keys(c->report, config->file, node, keys))
        return;
    if ((n = yaml_get(node, "age")) &&
        yaml_read_duration(c->report, config->file, n, &config->retention_age_ms) &&
        config->retention_age_ms == 0)
        yaml_error(c->report, config->file, n, "an age of 0 would keep nothing");
    if ((n = yaml_get(node, "bytes")) &&
        yaml_read_size(c->report, config->file, n, &config->retention_bytes) && config->retention_bytes == 0)
        yaml_error(c->report, config->file, n, "0 bytes would keep nothing");
}

static void read_map_size(struct config_reader *c, const yaml_node *root)
{
    struct config *config = c->config;
    const yaml_node *n = yaml_get(root, "map_size");
    uint64_t most = LIMIT_MAPS_BYTES / config->shards, size;
    config->map_size = LIMIT_MAP_BYTES_DEFAULT < most ? LIMIT_MAP_BYTES_DEFAULT : most;
    if (!n || !yaml_read_size(c->report, config->file, n, &size))
        return;
    if (size < LIMIT_MAP_BYTES_MIN)
        yaml_error(c->report, config->file, n, "map_size must be at least %" PRIu64 "MiB",
                   LIMIT_MAP_BYTES_MIN >> 20);
    else if (size > most)
        yaml_error(c->report, config->file, n,
                   "%" PRIu32 " shards of this map_size are more than %" PRIu64 "TiB: %" PRIu64
                   "GiB is the most",
                   config->shards, LIMIT_MAPS_BYTES >> 40, most >> 30);
    else
        config->map_size = size;
}

static void read_numbers(struct config_reader *c, const yaml_node *root)
{
    struct config *config = c->config;
    const yaml_node *n;
    uint64_t number;
    if ((n = yaml_get(root, "shards")) && yaml_read_u64(c->report, config->file, n, 1, LIMIT_SHARDS, &number))
        config->shards = (uint32_t)number;
    if ((n = yaml_get(root, "threads")) &&
        yaml_read_u64(c->report, config->file, n, 1, LIMIT_THREADS, &number))
        config->threads = (uint32_t)number;
    if ((n = yaml_get(root, "followers")) &&
        yaml_read_u64(c->report, config->file, n, 0, LIMIT_FOLLOWERS, &number))
        config->followers = (uint32_t)number;
    if ((n = yaml_get(root, "retry_first")) &&
        yaml_read_duration(c->report, config->file, n, &config->retry_first_ms) &&
        (config->retry_first_ms < 1 || config->retry_first_ms > LIMIT_RETRY_MAX_MS))
        yaml_error(c->report, config->file, n, "the first retry waits from 1ms to 20s");
    if ((n = yaml_get(root, "lease")) && yaml_read_duration(c->report, config->file, n, &config->lease_ms) &&
        (config->lease_ms < lease_ms_min || config->lease_ms > LIMIT_LEASE_MS))
        yaml_error(c->report, config->file, n, "a lease is from 1s to 1h");
    read_map_size(c, root);
}

static void read_root(struct config_reader *c, const yaml_node *root, const char *folder)
{
    struct config *config = c->config;
    const yaml_node *n;
    if ((n = yaml_get(root, "data")))
        read_path(c, n, folder, &config->data);
    if ((n = yaml_get(root, "cluster")))
        read_cluster(c, n);
    if ((n = yaml_get(root, "providers")))
        read_providers(c, n, folder);
    else if (c->use != CONFIG_COORDINATOR)
        yaml_error(c->report, config->file, root, "the key 'providers' is missing");
    if ((n = yaml_get(root, "accounts")) && c->use != CONFIG_WORKER)
        config_read_accounts(c, n);
    else if (!n && c->use == CONFIG_RUN)
        yaml_error(c->report, config->file, root, "the key 'accounts' is missing");
    if ((n = yaml_get(root, "http")) && !yaml_is_null(n))
        read_address(c, n, "", &config->http);
    if ((n = yaml_get(root, "listen")))
        read_address(c, n, "tcp://", &config->listen);
    if ((n = yaml_get(root, "tokens")))
        read_path(c, n, folder, &config->tokens);
    if ((n = yaml_get(root, "bus")) && !yaml_is_null(n))
        read_address(c, n, "tcp://", &config->bus);
    if (!config->http && ((n = yaml_get(root, "tokens"))))
        yaml_error(c->report, config->file, n,
                   "'tokens' are for 'http', which isn't here: add it, as http: 127.0.0.1:7800");
    if (!config->http && (n = yaml_get(root, "bus")))
        yaml_error(c->report, config->file, n,
                   "'bus' belongs to the gateway, so it needs 'http': add it, as http: 127.0.0.1:7800");
    if ((n = yaml_get(root, "retention")))
        read_retention(c, n);
    read_numbers(c, root);
}

struct config *config_open(const char *path, enum config_use use, struct yaml_report *report)
{
    struct yaml_file *file = yaml_open(path, report);
    if (!file)
        return NULL;
    config_hide_secrets(file, yaml_get(yaml_root(file), "accounts"));
    struct config *config = mem_zalloc(sizeof *config);
    *config = (struct config){
        .file = file,
        .cluster = "garner",
        .listen = "tcp://127.0.0.1:7801",
        .retention_age_ms = (int64_t)7 * 24 * 3600 * 1000,
        .retention_bytes = 10000000000,
        .shards = LIMIT_SHARDS_DEFAULT,
        .lease_ms = 60000,
        .retry_first_ms = LIMIT_RETRY_FIRST_MS,
    };
    config->path = arena_strdup(&config->arena, bytes_of(path));
    config->providers = arena_zalloc(&config->arena, sizeof *config->providers);
    const char *folder = folder_of(config, path);
    config->data = join(config, folder, "data");
    char *absolute = realpath(*folder ? folder : ".", NULL);
    struct config_reader reader = {config, report, absolute ? absolute : ".", use};
    if (yaml_check_keys(report, file, yaml_root(file), known_keys)) {
        read_root(&reader, yaml_root(file), folder);
    } else {
        config_close(config);
        config = NULL;
    }
    free(absolute);
    return config;
}

void config_forget_places(struct config *config)
{
    yaml_close(config->file);
    config->file = NULL;
    for (struct config_account *a = config->accounts; a < config->accounts + config->account_count; a++) {
        a->place = a->aws.place = NULL;
        for (uint32_t i = 0; i < a->credential_count; i++)
            a->credentials[i].place = NULL;
    }
    mem_trim();
}

void config_close(struct config *config)
{
    if (!config)
        return;
    yaml_close(config->file);
    arena_close(&config->arena);
    free(config);
}

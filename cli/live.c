/* A thread waits for SIGHUP, reads the files anew, and hands them to the run. A configuration with a mistake
 * changes nothing: what it says was wrong stands on standard error, and harvesting goes on as before.
 *
 * Accounts that come from a coordinator join those of the files as they were read last: who adds an account
 * doesn't have files read that somebody is writing. */
#include "cli/live.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/data.h"
#include "cli/stop.h"
#include "common/check.h"
#include "common/log.h"
#include "common/signals.h"
#include "coordinator/coordinator.h"
#include "worker/run/adopt.h"
#include "worker/run/status.h"
#include "worker/serve/serve.h"

/* What can't change while it goes on. */
struct fixed {
    char *data, *http, *listen, *tokens, *bus, *cluster;
    uint32_t shards, threads;
    uint64_t map_size;
};

struct live {
    struct live_setting set;
    struct crew *crew;
    struct fixed fixed;
    struct serve *serve;
    pthread_mutex_t reloading; /* of: */
    struct config *read;       /* the files, as they were read last; null: the setting's */
    struct arena texts;
    struct value accounts;     /* a worker's */
    uint64_t version;          /* of all accounts that the run has */
    pthread_mutex_t asking;    /* of: */
    struct run_status *status; /* null: the run is over */
    int reload, ending;        /* readable when it is to read the files anew; when it is to end */
    pthread_t thread;
    bool has_thread;
};

static char *copy(const char *text)
{
    return mem_strdup(text ? text : "");
}

static struct fixed fixed_of(const struct config *config)
{
    return (struct fixed){copy(config->data),   copy(config->http), copy(config->listen),
                          copy(config->tokens), copy(config->bus),  copy(config->cluster),
                          config->shards,       config->threads,    config->map_size};
}

static void fixed_close(struct fixed *fixed)
{
    free(fixed->data);
    free(fixed->http);
    free(fixed->listen);
    free(fixed->tokens);
    free(fixed->bus);
    free(fixed->cluster);
}

static void tell_fixed(const char *key, bool differs)
{
    if (differs)
        log_line(LOG_WARN, "this key can't change while garner runs: stop it and start it anew", "key", key,
                 NULL);
}

static void compare_fixed(const struct fixed *before, const struct config *config)
{
    struct fixed now = fixed_of(config);
    tell_fixed("data", strcmp(before->data, now.data) != 0);
    tell_fixed("http", strcmp(before->http, now.http) != 0);
    tell_fixed("listen", strcmp(before->listen, now.listen) != 0);
    tell_fixed("tokens", strcmp(before->tokens, now.tokens) != 0);
    tell_fixed("bus", strcmp(before->bus, now.bus) != 0);
    tell_fixed("cluster", strcmp(before->cluster, now.cluster) != 0);
    tell_fixed("shards", before->shards != now.shards);
    tell_fixed("threads", before->threads != now.threads);
    tell_fixed("map_size", before->map_size != now.map_size);
    fixed_close(&now);
}

/* The run is to have the accounts of the files, and those that come from elsewhere. */
static int join(struct live *live, const struct config *config, struct provider *const *providers,
                uint32_t provider_count, struct arena *arena, struct config *whole, struct error *e)
{
    struct value texts = live->set.coordinator ? coordinator_added(live->set.coordinator, arena)
                                               : live->accounts;
    *whole = *config;
    return data_join_accounts(arena, whole, providers, provider_count, &texts, e);
}

static void say_what(const struct live *live, const char *what, const struct adopt_counts *counts)
{
    char opened[16], removed[16];
    snprintf(opened, sizeof opened, "%" PRIu32, counts->opened);
    snprintf(removed, sizeof removed, "%" PRIu32, counts->removed);
    log_line(LOG_INFO, what, "accounts_opened", opened, "accounts_removed", removed, "file", live->set.path,
             NULL);
}

/* --- the files are others --- */

/* They are taken over: a coordinator in this process has the same accounts from now on. */
static void keep_read(struct live *live, struct config *config, const struct config *whole)
{
    config_close(live->read);
    live->read = config;
    if (!live->set.coordinator)
        return;
    live->version = coordinator_version_of(whole);
    coordinator_take_config(live->set.coordinator, config);
}

static int adopt_files(struct live *live, struct setup *setup, struct error *e)
{
    struct arena arena = {0};
    struct adopt_counts counts;
    struct config whole;
    int r = join(live, setup->config, setup->providers, setup->config->provider_count, &arena, &whole, e);
    if (r) {
        arena_close(&arena);
        return r;
    }
    compare_fixed(&live->fixed, setup->config);
    r = control_reload(live->crew, &whole, setup->providers, whole.provider_count, &counts, e);
    struct config *config = setup_giveaway(setup);
    if (r) {
        config_close(config);
    } else {
        keep_read(live, config, &whole);
        say_what(live, "the configuration was read anew", &counts);
    }
    arena_close(&arena);
    return r;
}

static int read_files(struct live *live, struct error *e)
{
    struct setup setup;
    if (setup_open_as(live->set.path, live->set.is_worker ? CONFIG_WORKER : CONFIG_RUN, &setup))
        return error_set(e, ERR_CONFIG,
                         "the configuration is left as it was: correct it, and send SIGHUP again");
    int r = adopt_files(live, &setup, e);
    setup_close(&setup);
    return r;
}

static void read_anew(struct live *live)
{
    struct error e;
    pthread_mutex_lock(&live->reloading);
    if (read_files(live, &e))
        log_line(LOG_ERROR, e.text, "file", live->set.path, NULL);
    pthread_mutex_unlock(&live->reloading);
}

/* --- the accounts are others --- */

static int adopt_accounts(struct live *live, uint64_t version, struct error *e)
{
    const struct config *config = live->read ? live->read : live->set.config;
    struct provider **providers = mem_alloc((config->provider_count + (size_t)1) * sizeof *providers);
    uint32_t count = control_providers(live->crew, providers, config->provider_count);
    struct arena arena = {0};
    struct adopt_counts counts;
    struct config whole;
    int r = join(live, config, providers, count, &arena, &whole, e);
    if (!r)
        r = control_reload(live->crew, &whole, NULL, 0, &counts, e);
    if (!r) {
        live->version = live->set.coordinator ? coordinator_version_of(&whole) : version;
        say_what(live, "the cluster's accounts were taken over", &counts);
    }
    arena_close(&arena);
    free(providers);
    return r;
}

static void keep_texts(struct live *live, const struct value *texts)
{
    struct arena before = live->texts, arena = {0};
    live->accounts = value_copy(&arena, texts);
    live->texts = arena;
    arena_close(&before);
}

int live_accounts(struct live *live, const struct value *texts, uint64_t version, struct error *e)
{
    int r = 0;
    pthread_mutex_lock(&live->reloading);
    if (version != live->version) {
        if (live->set.is_worker)
            keep_texts(live, texts);
        r = adopt_accounts(live, version, e);
    }
    pthread_mutex_unlock(&live->reloading);
    return r;
}

uint64_t live_version(const struct live *live)
{
    return live->version;
}

/* --- its thread --- */

static void *wait_for_signals(void *context)
{
    struct live *live = context;
    struct pollfd fds[] = {{.fd = live->reload, .events = POLLIN}, {.fd = live->ending, .events = POLLIN}};
    pthread_setname_np(pthread_self(), "reload");
    while (!fds[1].revents) {
        uint64_t count;
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (!fds[1].revents && read(live->reload, &count, sizeof count) == (ssize_t)sizeof count)
            read_anew(live);
    }
    return NULL;
}

static int start_thread(struct live *live, struct error *e)
{
    sigset_t before;
    signals_block(&before); /* signals are the main thread's */
    int number = pthread_create(&live->thread, NULL, wait_for_signals, live);
    signals_restore(&before);
    if (number)
        return error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                         strerrordesc_np(number));
    live->has_thread = true;
    return 0;
}

/* --- the status, for who asks on the operator's connection --- */

static int ask_status(struct live *live, const struct run_status_setting *setting, struct buffer *answer,
                      struct error *e)
{
    struct status_process process;
    struct tally tally;
    if (!live->status)
        return error_set(e, ERR_STOPPED, "the run is ending: ask again once it is started anew");
    int code = run_status_ask(live->status, setting, &tally, &process, e);
    if (!code)
        status_pack(&tally.status, answer);
    tally_close(&tally);
    return code;
}

static const char *text_of(struct arena *arena, struct bytes text)
{
    return text.data ? arena_strdup(arena, text) : NULL;
}

static int tell_status(void *context, struct bytes asked, struct buffer *answer, struct error *e)
{
    struct live *live = context;
    struct arena arena = {0};
    struct status_request request;
    int code = status_request_unpack(&arena, asked, &request, e);
    if (!code) {
        const struct run_status_setting setting = {.accounts = request.accounts,
                                                   .type = text_of(&arena, request.type)};
        pthread_mutex_lock(&live->asking);
        code = ask_status(live, &setting, answer, e);
        pthread_mutex_unlock(&live->asking);
    }
    arena_close(&arena);
    return code;
}

static int tell_cluster(void *context, struct bytes asked, struct buffer *answer, struct error *e)
{
    struct live *live = context;
    return coordinator_ask(live->set.coordinator, asked, answer, e);
}

int live_open(const struct live_setting *setting, struct crew *crew, struct live **out, struct error *e)
{
    struct live *live = *out = mem_zalloc(sizeof *live);
    *live = (struct live){.set = *setting,
                          .crew = crew,
                          .fixed = fixed_of(setting->config),
                          .reload = stop_listen_reload(),
                          .ending = eventfd(0, EFD_CLOEXEC)};
    CHECK(live->ending >= 0);
    CHECK(pthread_mutex_init(&live->asking, NULL) == 0);
    CHECK(pthread_mutex_init(&live->reloading, NULL) == 0);
    live->status = run_status_open(crew);
    live->accounts = value_array(&live->texts, 0);
    live->version = setting->coordinator ? coordinator_version_of(setting->config) : 0;
    struct serve_setting serving = {.address = setting->listen ? setting->listen : setting->config->listen,
                                    .folder = setting->folder,
                                    .holds = setting->holds,
                                    .by_orders = setting->is_worker,
                                    .context = live,
                                    .status = tell_status,
                                    .cluster = setting->coordinator ? tell_cluster : NULL};
    int code = serve_open(&serving, &live->serve, e);
    if (code)
        return code;
    serve_crew(live->serve, crew);
    return start_thread(live, e);
}

const char *live_address(const struct live *live)
{
    return serve_address(live->serve);
}

struct serve *live_serve(const struct live *live)
{
    return live->serve;
}

void live_committed(struct live *live, uint32_t shard, uint64_t last)
{
    serve_committed(live->serve, shard, last);
}

void live_ending(struct live *live)
{
    uint64_t one = 1;
    if (live->has_thread) {
        CHECK(write(live->ending, &one, sizeof one) == sizeof one);
        CHECK(pthread_join(live->thread, NULL) == 0);
    }
    live->has_thread = false;
    if (live->serve)
        serve_crew(live->serve, NULL);
    pthread_mutex_lock(&live->asking);
    run_status_close(live->status);
    live->status = NULL;
    pthread_mutex_unlock(&live->asking);
}

void live_close(struct live *live)
{
    if (!live)
        return;
    live_ending(live);
    serve_close(live->serve);
    pthread_mutex_destroy(&live->asking);
    pthread_mutex_destroy(&live->reloading);
    arena_close(&live->texts);
    config_close(live->read);
    close(live->ending);
    fixed_close(&live->fixed);
    free(live);
}

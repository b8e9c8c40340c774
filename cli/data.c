#include "cli/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "common/check.h"
#include "common/limits.h"
#include "worker/provider/check.h"
#include "worker/store/identity.h"

/* --- configuration and provider files --- */

static void say_report(struct yaml_report *report)
{
    say_text(buffer_bytes(&report->text));
    yaml_report_close(report);
}

static bool open_providers(struct setup *setup, struct yaml_report *report)
{
    const struct config *config = setup->config;
    setup->providers = mem_zalloc((config->provider_count + (size_t)1) * sizeof *setup->providers);
    for (uint32_t i = 0; i < config->provider_count; i++)
        if (access(config->providers[i], R_OK) == 0)
            setup->providers[i] = provider_open(config->providers[i], report);
        else
            yaml_error(report, config->file, yaml_item(yaml_get(yaml_root(config->file), "providers"), i),
                       "can't read %s: %s", config->providers[i], strerror(errno));
    return provider_check_accounts(config, setup->providers, config->provider_count, report) == 0;
}

static int say_missing(void)
{
    say("the configuration is missing: say which one with -c FILE%s",
        access("garner.yaml", R_OK) == 0 ? " (there is a garner.yaml here: -c garner.yaml)" : "");
    return EXIT_USAGE;
}

static int open_setup(const char *path, enum config_use use, struct setup *setup, bool credentials)
{
    struct yaml_report report = {0};
    *setup = (struct setup){0};
    if (!path)
        return say_missing();
    setup->config = config_open(path, use, &report);
    bool sound = setup->config && open_providers(setup, &report);
    if (setup->config && credentials)
        config_check_credentials(setup->config, &report);
    unsigned errors = report.errors;
    say_report(&report);
    if (sound && !errors) {
        config_forget_places(setup->config);
        return 0;
    }
    say("%u error%s in %s or its provider files: nothing can be harvested before they are corrected", errors,
        errors == 1 ? "" : "s", path);
    setup_close(setup);
    return EXIT_USAGE;
}

struct config *setup_giveaway(struct setup *setup)
{
    struct config *config = setup->config;
    free(setup->providers);
    *setup = (struct setup){0};
    return config;
}

int setup_open(const char *path, struct setup *setup)
{
    return open_setup(path, CONFIG_RUN, setup, true);
}

int setup_open_as(const char *path, enum config_use use, struct setup *setup)
{
    return open_setup(path, use, setup, true);
}

int setup_config(const char *path, enum config_use use, struct config **out)
{
    struct yaml_report report = {0};
    *out = NULL;
    if (!path)
        return say_missing();
    *out = config_open(path, use, &report);
    unsigned errors = report.errors;
    say_report(&report);
    if (*out && !errors) {
        config_forget_places(*out);
        return 0;
    }
    say("%u error%s in %s: correct them first", errors, errors == 1 ? "" : "s", path);
    config_close(*out);
    *out = NULL;
    return EXIT_USAGE;
}

int setup_read(const char *path, struct setup *setup)
{
    return open_setup(path, CONFIG_RUN, setup, false);
}

void setup_close(struct setup *setup)
{
    for (uint32_t i = 0; setup->providers && i < setup->config->provider_count; i++)
        provider_close(setup->providers[i]);
    free(setup->providers);
    config_close(setup->config);
    *setup = (struct setup){0};
}

/* --- the data folder --- */

const char data_run_name[] = "run";

int data_check_whose(const char *path, struct error *e)
{
    struct identity identity;
    bool is_there;
    int r = identity_peek(path, &identity, &is_there, e);
    if (r || !is_there || strcmp(identity.name, data_run_name) == 0)
        return r;
    return error_set(
        e, ERR_CONFIG,
        "data folder %s is worker %s's of a cluster, and its shards may be another one's by now: "
        "ask the cluster's coordinator, or give another folder",
        path, identity.name);
}

static char *configured_path(const char *file, int *exit_code)
{
    struct yaml_report report = {0};
    struct config *config = config_open(file, CONFIG_RUN, &report);
    char *path = NULL;
    if (config && !report.errors) {
        path = mem_strdup(config->data);
    } else {
        say_report(&report);
        say("%s can't be read: correct it, or name the data folder with --data DIR", file);
        *exit_code = EXIT_USAGE;
    }
    yaml_report_close(&report);
    config_close(config);
    return path;
}

char *data_path(const struct options *options, int *exit_code)
{
    const char *at = options->at ? options->at : getenv("GARNER_AT");
    if (options->data)
        return mem_strdup(options->data);
    if (options->config && !options->at)
        return configured_path(options->config, exit_code);
    if (at && *at) {
        say("this command reads a data folder, and can't ask a running Garner at %s: give --data DIR, or -c "
            "FILE",
            at);
        *exit_code = EXIT_USAGE;
    } else {
        say("which data? Give its folder with --data DIR, or the configuration that names it with -c FILE");
        *exit_code = EXIT_USAGE;
    }
    return NULL;
}

int data_open(const struct options *options, struct folder *folder)
{
    struct error e;
    int exit_code = 0;
    char *path = data_path(options, &exit_code);
    if (path && folder_open_read(folder, path, &e))
        exit_code = say_error(&e);
    free(path);
    return exit_code;
}

/* folder_open makes a folder that isn't there, and wants to be told its shard count. */
int data_open_to_write(const struct options *options, struct folder *folder)
{
    struct error e;
    int exit_code = 0;
    char *path = data_path(options, &exit_code);
    if (!path)
        return exit_code;
    int r = folder_open_read(folder, path, &e);
    if (!r && (r = data_check_whose(path, &e)))
        folder_close(folder);
    if (!r) {
        uint32_t shards = folder->shards;
        uint64_t map_max = LIMIT_MAPS_BYTES /
                           shards; /* LMDB keeps to the file's own size if that is larger */
        folder_close(folder);
        r = folder_open(folder, path, shards,
                        LIMIT_MAP_BYTES_DEFAULT < map_max ? LIMIT_MAP_BYTES_DEFAULT : map_max, &e);
    }
    if (r)
        exit_code = say_error(&e);
    free(path);
    return exit_code;
}

/* As a configuration is read, but for all that isn't its accounts. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/account_text.h"
#include "common/config/config_read.h"

/* The list, whatever it stands in; null after a message. */
static const yaml_node *find_list(const struct yaml_file *file, struct yaml_report *report)
{
    const yaml_node *root = yaml_root(file);
    const yaml_node *list = root && yaml_kind(root) == YAML_MAP ? yaml_get(root, "accounts") : root;
    if (list)
        return list;
    yaml_error(report, file, root,
               "there are no accounts here: a list of them is needed, or a configuration with 'accounts'");
    return NULL;
}

/* The folder that a file is in; null: it can't be told. To be freed. */
static char *folder_of(const char *path)
{
    char *folder = mem_strdup(path), *slash = strrchr(folder, '/');
    if (slash)
        slash[1] = 0;
    char *absolute = realpath(slash ? folder : ".", NULL);
    free(folder);
    return absolute;
}

struct config *config_open_account_file(const char *path, struct yaml_report *report)
{
    struct yaml_file *file = yaml_open(path, report);
    const yaml_node *list = file ? find_list(file, report) : NULL;
    if (!list) {
        yaml_close(file);
        return NULL;
    }
    config_hide_secrets(file, list);
    struct config *config = mem_zalloc(sizeof *config);
    char *folder = folder_of(path);
    config->file = file;
    config->path = arena_strdup(&config->arena, bytes_of(path));
    config->providers = arena_zalloc(&config->arena, sizeof *config->providers);
    struct config_reader reader = {config, report, folder, CONFIG_COORDINATOR};
    config_read_accounts(&reader, list);
    free(folder);
    return config;
}

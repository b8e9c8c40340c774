/* Reading a configuration: what config.c and accounts.c share. */
#ifndef GARNER_COMMON_CONFIG_READ_H
#define GARNER_COMMON_CONFIG_READ_H

#include "common/config/config.h"

struct config_reader {
    struct config *config;
    struct yaml_report *report;
    const char *folder; /* absolute, of the configuration file: for what is resolved later; null: none */
    enum config_use use;
};

/* Hide all that may be a secret of `accounts` (may be null, or no list) from messages; to be called first. */
void config_hide_secrets(struct yaml_file *file, const yaml_node *accounts);

/* Read `accounts`, a list. */
void config_read_accounts(struct config_reader *c, const yaml_node *node);

/* A name that becomes part of keys: not empty, not too long, no control characters. */
bool config_read_name(struct config_reader *c, const yaml_node *node, const char **out);
bool config_check_name(struct config_reader *c, const yaml_node *node, const char *text); /* read as a text */

#endif

/* The configuration (docs/configuration.md): what to harvest, with which credentials, and where to keep it.
 *
 * Plain structs in an arena; read once, completely checked, then only read. */
#ifndef GARNER_COMMON_CONFIG_H
#define GARNER_COMMON_CONFIG_H

#include "common/yaml/yaml.h"

enum credential_kind { CREDENTIAL_ENV, CREDENTIAL_FILE, CREDENTIAL_EXEC, CREDENTIAL_PLAIN };

/* A reference to a secret; the secret itself is read by credential_resolve and never printed. */
struct credential {
    const char *name; /* of {credentials.NAME} */
    enum credential_kind kind;
    const char *text;           /* variable, path (made absolute) or the plain secret */
    const char *const *command; /* of exec: ended by null */
    const yaml_node *place;
};

/* `credentials: {aws: …}`: who to be at AWS; texts are null where nothing is said. */
struct config_aws {
    const char *profile, *role_arn, *external_id;
    const yaml_node *place; /* null: there is no such key, which is the same as an empty one */
};

struct config_account {
    const char *id;
    const char *provider;
    const char *const *regions; /* ended by null; null when the key isn't there */
    uint32_t splits;            /* 1 to LIMIT_SPLITS */
    struct value keys;          /* the other keys, an object of strings: {account.KEY} */
    struct value vars;          /* overrides of {vars.NAME}, an object of strings */
    struct credential *credentials;
    uint32_t credential_count;
    struct config_aws aws;
    struct digest written; /* of all that is said of it: config_account_digest */
    const yaml_node *place;
};

/* What a configuration is for: which of its keys are needed. */
enum config_use {
    CONFIG_RUN,
    CONFIG_WORKER,     /* `accounts` are the coordinator's affair: what stands there isn't looked at */
    CONFIG_COORDINATOR /* needs neither `accounts` nor `providers` */
};

struct config {
    struct arena arena;
    struct yaml_file *file; /* null after config_forget_places; in it: all `place`s */
    const char *path;
    const char *data;             /* absolute or relative to the working folder, not to the file any more */
    const char *const *providers; /* paths, likewise; ended by null */
    uint32_t provider_count;
    struct config_account *accounts;
    uint32_t account_count;
    const char *cluster; /* its name; default "garner" */
    const char *http;    /* null: none */
    const char *listen;  /* default tcp://127.0.0.1:7801 */
    const char *tokens;  /* the path of a file; null: none */
    const char *bus;     /* null: none */
    int64_t retention_age_ms;
    uint64_t retention_bytes;
    uint32_t shards;  /* a shard count of 1 to LIMIT_SHARDS */
    uint32_t threads; /* of a run, 1 to LIMIT_THREADS; 0: as many as there are cores */
    uint32_t followers;
    int64_t lease_ms;
    int64_t
        retry_first_ms; /* a request's first retry waits up to this, each further one up to twice as long */
    uint64_t map_size;  /* bytes of address space a shard's file may grow to */
};

/* Read and check a configuration file. What is wrong goes into the report; null only if nothing could be
 * made of it. With errors in the report the result must not be run. config_close(NULL) is fine. */
struct config *config_open(const char *path, enum config_use use, struct yaml_report *report);
void config_close(struct config *config);

/* Nothing more will be said of where something stands in the file. Frees its text and its nodes, which are
 * larger than all else here: a running Garner has no use for them. All `place`s are null from now on. */
void config_forget_places(struct config *config);

/* A copy that needs no file and no configuration any more: all `place`s in it are null. */
struct config_account *config_account_copy(struct arena *arena, const struct config_account *from);

/* Say of each credential that can't be resolved as things are now: a variable that isn't set, a file that
 * can't be read, a command that isn't there (none is run). Warnings, since such a credential fails its
 * account only. */
void config_check_credentials(const struct config *config, struct yaml_report *report);

/* Resolve a credential into `out` (replaced): environment, file (without one trailing newline) or plain text.
 * Not for CREDENTIAL_EXEC: its command is run by a driver, which doesn't block, and what came of it goes to
 * credential_take. Returns 0 or ERR_CREDENTIALS; the sentence names the reference, never the secret. */
int credential_resolve(const struct credential *credential, struct buffer *out, struct error *e);

/* The same of a command's standard output (without one trailing newline), or of why there is none. */
int credential_take(const struct credential *credential, struct bytes output, const struct error *failed,
                    struct buffer *out, struct error *e);

#endif

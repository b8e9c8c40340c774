/* Reading a provider file: what the readers of its parts share. Nobody outside read_*.c and definition.c
 * includes this.
 *
 * Every reader puts what is wrong into the report and goes on, so that all mistakes of a file are told at
 * once; what can't be read stays as it was. A file with errors is never run. */
#ifndef GARNER_PROVIDER_READ_H
#define GARNER_PROVIDER_READ_H

#include "worker/provider/provider.h"
#include "worker/provider/template.h"

/* A set of names that placeholders use, in the order they were met. */
struct names {
    const char **items; /* ended by null once there is one */
    uint32_t count, cap;
};

struct reader {
    struct provider *provider;
    struct yaml_report *report;
    struct yaml_file *file;
    struct arena *arena; /* the provider's */
    /* Which placeholders may stand where we are reading. */
    unsigned allowed;
    uint32_t parents;
    struct names credentials, account_keys;
    bool has_aws_auth; /* one of kind aws_sigv4 was met, and has this index */
    uint32_t aws_auth;
    struct names *used_vars; /* of what shapes the collection being read; null elsewhere */
};

enum { /* of requests and auth, anywhere */
       ALLOW_REQUEST = ALLOW_ACCOUNT | ALLOW_CREDENTIALS | ALLOW_VARS,
};

/* One collection of the list, before its parts are read. */
struct draft {
    const yaml_node *node;
    const char *type; /* null: its draft is unusable */
    enum scope_kind scope;
    const yaml_node *parent_node; /* of {parent: TYPE} */
    int64_t parent;               /* index of its draft; -1: none */
    uint32_t parents;             /* how many there are above it */
    bool in_region;               /* its root scope is a region */
    uint32_t position;            /* in the provider's list */
};

/* --- read_values.c: texts, templates, pointers, sources, targets, small maps --- */

/* The value of a key that must be there; null and a message if it isn't. */
const yaml_node *read_need(struct reader *r, const yaml_node *map, const char *key);

/* A name that becomes part of keys and topics: letters, digits, ".", "_", "-". */
bool read_name(struct reader *r, const yaml_node *node, const char **out);
bool read_template(struct reader *r, const yaml_node *node, const struct template **out);
bool read_check_template(struct reader *r, const yaml_node *node, const char *text);

/* One that is written in our own code. */
const struct template *read_own_template(struct reader *r, const char *text);

/* A text that can stand in a header: no CR, LF. A name of a header. */
bool read_check_header_value(struct reader *r, const yaml_node *node, const char *text);
bool read_check_header_name(struct reader *r, const yaml_node *node, const char *name);

enum { POINTER_WALKS = 1 << 0, POINTER_WHOLE = 1 << 1 }; /* `*` is fine; "" is fine */
bool read_pointer(struct reader *r, const yaml_node *node, unsigned flags, struct pointer *out);
bool read_pointers(struct reader *r, const yaml_node *node, unsigned flags, const struct pointer **out,
                   uint32_t *count);

/* body:/pointer, header:NAME, item:/pointer: those of `kinds`, a mask of 1 << SOURCE_…. */
bool read_source(struct reader *r, const yaml_node *node, unsigned kinds, struct source *out);
bool read_target(struct reader *r, const yaml_node *node, struct target *out);
void read_limits(struct reader *r, const yaml_node *node, struct limits_def *out);
void names_add(struct reader *r, struct names *names, struct bytes name);

/* --- read_errors.c --- */
void read_errors(struct reader *r, const yaml_node *node, struct errors_def *out);

/* --- read_request.c --- */
void read_request(struct reader *r, const yaml_node *node, struct request_def *out);
bool read_fields(struct reader *r, const yaml_node *node, bool headers, struct fields *out);

/* --- read_page.c: `request` is what paging's targets must go with --- */
void read_page(struct reader *r, const yaml_node *node, const struct request_def *request,
               struct page_def *out);

/* --- read_auth.c --- */
void read_auth(struct reader *r, const yaml_node *node, struct auth_def *out);

/* --- read_delete.c: `get`, `page` and `order` must have been read --- */
void read_delete(struct reader *r, const yaml_node *collection, struct collection_def *out);

/* --- read_scopes.c --- */

/* Types, scopes and parents of all collections, and their positions: parents before their children. */
struct draft *read_drafts(struct reader *r, const yaml_node *list, uint32_t *count);

/* --- read_collection.c --- */
void read_collection(struct reader *r, const struct draft *draft, struct collection_def *out);
void read_regions(struct reader *r, const yaml_node *node);

/* --- definition.c --- */

/* The digests of what shapes a collection's documents and listings, and of its ids. */
void definition_digest(const struct reader *r, const struct names *vars, struct collection_def *def);

#endif

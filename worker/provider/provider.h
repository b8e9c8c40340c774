/* A provider: what a provider file (docs/provider-files.md) says about how an API is asked.
 *
 * Plain structs in one arena, read and completely checked by provider_open, then only read, so any
 * thread may. Templates (template.h) are compiled. Optional texts and templates are null. */
#ifndef GARNER_PROVIDER_H
#define GARNER_PROVIDER_H

#include "common/hash.h"
#include "common/value/pointer.h"
#include "common/yaml/yaml.h"

struct template;

/* A pair of a name and its values. `count` 0 leaves the parameter out (a YAML null); a list repeats it. */
struct field {
    const char *name;
    const struct template *const *values;
    uint32_t count;
};

struct fields {
    const struct field *items;
    uint32_t count;
};

struct request_def {
    const char *method; /* upper case; GET by default */
    const struct template *url;
    struct fields query, headers, form;
    struct value body; /* strings in it (not keys) are the texts of templates, compiled when they are used */
    bool has_body;
    const yaml_node *place;
};

/* Where a value comes from in an answer, and where it goes in a request. */
enum source_kind { SOURCE_BODY, SOURCE_HEADER, SOURCE_ITEM };
struct source {
    enum source_kind kind;
    const char *name;       /* of a header */
    struct pointer pointer; /* into the body or the last item */
};

enum target_kind { TARGET_QUERY, TARGET_FORM, TARGET_HEADER, TARGET_BODY };
struct target {
    enum target_kind kind;
    const char *name;
    struct pointer pointer;
};

enum page_style { PAGE_NONE, PAGE_TOKEN, PAGE_LINK, PAGE_OFFSET, PAGE_NUMBER, PAGE_MARKER };

struct page_part { /* of `parts`; `from`/`to` alone is one part */
    struct source from;
    struct target to;
};

struct page_def {
    enum page_style style;
    const struct page_part
        *parts; /* token: at least one; link, marker: [0].from; offset, number, marker: [0].to */
    uint32_t part_count;
    bool marker_is_id; /* marker without `from`: the last item's id */
    bool end_short;    /* `end: short` */
    bool has_total, has_last, has_more, has_size;
    struct source total, last, more;
    uint64_t first; /* number: 1 by default; offset: 0 */
    struct {
        struct target to;
        uint64_t min, max, default_;
    } size; /* default_: what the first request asks for */
    uint64_t pages_max;
};

enum auth_kind { AUTH_NONE, AUTH_BASIC, AUTH_BEARER, AUTH_HEADER, AUTH_LOGIN, AUTH_EXEC, AUTH_AWS_SIGV4 };

struct auth_def {
    enum auth_kind kind;
    const struct template *user, *password; /* basic */
    const struct template *token;           /* bearer */
    struct fields headers;                  /* header */
    /* login and exec: where the session's token is, and how it is sent. */
    struct request_def request;            /* login */
    const struct template *const *command; /* exec: ended by null */
    struct source session_token;           /* header or body */
    bool has_expires_in, has_expires_at;
    struct pointer expires_in; /* seconds from now */
    struct pointer expires_at; /* seconds since 1970, or an RFC 3339 time */
    const char *send_header;
    const struct template *format; /* "{token}" is where the token goes; null: it goes alone */
    /* aws_sigv4 */
    const char *service;           /* that is signed for: "ec2" */
    const char *service_id;        /* as in AWS_ENDPOINT_URL_<ID>: "ELASTIC_LOAD_BALANCING_V2" */
    const struct template *region; /* that is signed for, {auth.region} */
    const char *region_from;       /* the header in which a redirect names another region; null: none does */
    uint32_t index; /* of this auth in the provider: sessions are kept per account and index. All of kind
                       aws_sigv4 have one together */
    const yaml_node *place;
};

struct limits_def {
    bool set;
    double rate;                /* requests a second; 0: unlimited */
    double burst;               /* at least 1 when there is a rate */
    uint32_t concurrency;       /* 0: the default */
    const struct template *key; /* null: account, region, provider */
};

struct errors_def {
    const struct source *code_at, *message_at; /* body or header; the first that is there counts */
    uint32_t code_at_count, message_at_count;
    const char *code_after,
        *code_before;             /* the code is behind the last, before the first of these; or null */
    const char *const *throttled; /* ended by null; null when none */
    const char *const *expired, *const *skewed, *const *denied;
    struct value advice; /* an object: code -> what to do about it */
};

/* How XML becomes documents. */
struct xml_rules {
    const char *const *list_elements; /* ended by null; null when none */
    const struct pointer *arrays;
    uint32_t array_count;
};

enum scope_kind { SCOPE_ACCOUNT, SCOPE_REGION, SCOPE_PARENT };
enum format_kind { FORMAT_AUTO, FORMAT_JSON, FORMAT_XML, FORMAT_JSONL };
enum id_kind { ID_POINTERS, ID_TEMPLATE };
enum confirm_kind { CONFIRM_NONE, CONFIRM_RELIST, CONFIRM_GET };
enum priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW };

struct absent_def {
    uint32_t status;
    const char *code; /* null: any */
};

struct delete_def {
    enum confirm_kind confirm;
    bool guarded;
    uint32_t guard_share; /* millionths */
    uint32_t guard_min;
    uint32_t guard_listings;
    int64_t guard_over_ms;
};

struct provider;

struct collection_def {
    const struct provider *provider;
    const char *type;
    enum scope_kind scope;
    const struct collection_def *parent; /* of SCOPE_PARENT */
    struct auth_def auth;                /* the file's, unless the collection overrides it */
    struct errors_def errors;            /* likewise */
    struct request_def request;
    enum format_kind format;
    struct xml_rules xml; /* the file's, as they hold for these items */
    struct pointer items;
    bool items_optional;
    enum id_kind id_kind;
    const struct pointer *id_pointers; /* ID_POINTERS: one or several */
    uint32_t id_pointer_count;
    const struct template *id_template;
    struct page_def page;
    bool has_get;
    struct request_def get;
    const struct absent_def *absent;
    uint32_t absent_count;
    const struct pointer *require, *parse, *ignore, *unordered;
    uint32_t require_count, parse_count, ignore_count, unordered_count;
    bool order_stable;
    int64_t every_ms, full_every_ms;
    enum priority priority;
    struct delete_def delete_;
    struct limits_def limits;       /* the collection's own bucket, beside the provider's */
    const char *const *permissions; /* that its requests need, ended by null; null when it doesn't say */
    struct digest definition; /* of all that shapes documents and listings: not of every, full_every, limits,
                                 priority, delete; the same however the YAML is laid out */
    struct digest id_rule;    /* of `id` alone */
    const yaml_node *place;
};

struct regions_def {
    const char *const *names; /* a list, ended by null; null when there is none */
    bool discovered;
    struct collection_def
        discovery; /* request, items, id, paging, errors: as a collection's; type "regions" */
};

struct provider {
    struct arena arena;
    struct yaml_file *file;
    const char *path, *name;
    struct limits_def limits;
    struct regions_def regions;
    struct value vars;                /* an object of strings */
    const char *const *allow_origins; /* ended by null */
    bool rewrite_origin;
    struct xml_rules xml;
    struct collection_def *collections; /* parents before their children */
    uint32_t collection_count;
    uint32_t auth_count;
    bool uses_aws;                   /* any auth of kind aws_sigv4 */
    const char *const *credentials;  /* names of {credentials.NAME} used anywhere, ended by null */
    const char *const *account_keys; /* names of {account.KEY} used anywhere, without id; ended by null */
};

/* Read and check a provider file completely: unknown keys (with the nearest known one), wrong types,
 * unknown placeholders and placeholders where they can't have a value ({item:…} outside `get` and `id`,
 * {region} in account scope, {parent.…} without a parent), bad pointers, unknown or circular parents,
 * duplicate types. What is wrong goes into the report. Null only if nothing could be made of it. */
struct provider *provider_open(const char *path, struct yaml_report *report);
struct provider *provider_open_text(const char *name, struct bytes text, struct yaml_report *report);
void provider_close(struct provider *provider); /* null is fine */

const struct collection_def *provider_find(const struct provider *provider, const char *type);

#endif

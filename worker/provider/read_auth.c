/* Auth: which keys go with which kind is a table. */
#include <ctype.h>
#include <string.h>

#include "worker/provider/read.h"

enum { KIND_LATER = -1 };

static const char *const kind_names[] = {"none", "basic",     "bearer",           "header", "login",
                                         "exec", "aws_sigv4", "azure_shared_key", NULL};
static const int kinds[] = {AUTH_NONE,  AUTH_BASIC, AUTH_BEARER,    AUTH_HEADER,
                            AUTH_LOGIN, AUTH_EXEC,  AUTH_AWS_SIGV4, KIND_LATER};

static const char *const kind_keys[][9] = {
    [AUTH_NONE] = {"kind", NULL},
    [AUTH_BASIC] = {"kind", "user", "password", NULL},
    [AUTH_BEARER] = {"kind", "token", NULL},
    [AUTH_HEADER] = {"kind", "headers", NULL},
    [AUTH_LOGIN] = {"kind", "request", "token", "expires_in", "expires_at", "send", "format", NULL},
    [AUTH_EXEC] = {"kind", "command", "token", "expires_in", "expires_at", "send", "format", NULL},
    [AUTH_AWS_SIGV4] = {"kind", "service", "id", "region", "region_from", NULL},
};

static void need_template(struct reader *r, const yaml_node *map, const char *key,
                          const struct template **out)
{
    const yaml_node *n = read_need(r, map, key);
    *out = read_own_template(r, "");
    if (n && read_template(r, n, out))
        read_check_header_value(r, n, (*out)->text);
}

static void read_command(struct reader *r, const yaml_node *node, struct auth_def *out)
{
    if (!yaml_expect(r->report, r->file, node, YAML_LIST, "a list: the program and its arguments"))
        return;
    uint32_t count = yaml_count(node);
    const struct template **command = arena_zalloc(r->arena, (count + (size_t)1) * sizeof *command);
    if (!count)
        yaml_error(r->report, r->file, node, "'command' is empty: it needs a program");
    for (uint32_t i = 0; i < count; i++)
        if (!read_template(r, yaml_item(node, i), &command[i]))
            command[i] = read_own_template(r, "");
    if (count && !*command[0]->text)
        yaml_error(r->report, r->file, yaml_item(node, 0), "the program's name is empty");
    out->command = command;
}

static bool read_expiry(struct reader *r, const yaml_node *map, const char *key, struct pointer *out)
{
    struct source source;
    const yaml_node *n = yaml_get(map, key);
    if (!n || !read_source(r, n, 1 << SOURCE_BODY, &source))
        return false;
    *out = source.pointer;
    return true;
}

static void read_send(struct reader *r, const yaml_node *node, struct auth_def *out)
{
    struct target target;
    if (!read_target(r, node, &target))
        return;
    if (target.kind == TARGET_HEADER)
        out->send_header = target.name;
    else
        yaml_error(r->report, r->file, node, "a token is sent as a header: header:NAME");
}

static void read_format(struct reader *r, const yaml_node *node, struct auth_def *out)
{
    unsigned before = r->allowed;
    r->allowed = ALLOW_TOKEN;
    if (read_template(r, node, &out->format) && read_check_header_value(r, node, out->format->text) &&
        !strstr(out->format->text, "{token}"))
        yaml_error(r->report, r->file, node, "{token} is missing: it says where the token goes");
    r->allowed = before;
}

/* What login and exec have in common: a token, its expiry, and how it is sent. A session serves all
 * regions of an account, so nothing of it may depend on one. */
static void read_session(struct reader *r, const yaml_node *node, struct auth_def *out)
{
    const yaml_node *n;
    unsigned from = out->kind == AUTH_LOGIN ? 1 << SOURCE_BODY | 1 << SOURCE_HEADER : 1 << SOURCE_BODY;
    unsigned before = r->allowed;
    r->allowed &= ~(unsigned)(ALLOW_REGION | ALLOW_PARENT);
    if (out->kind == AUTH_LOGIN && (n = read_need(r, node, "request")))
        read_request(r, n, &out->request);
    if (out->kind == AUTH_EXEC && (n = read_need(r, node, "command")))
        read_command(r, n, out);
    r->allowed = before;
    if ((n = read_need(r, node, "token")))
        read_source(r, n, from, &out->session_token);
    out->has_expires_in = read_expiry(r, node, "expires_in", &out->expires_in);
    out->has_expires_at = read_expiry(r, node, "expires_at", &out->expires_at);
    if (yaml_get(node, "expires_in") && (n = yaml_get(node, "expires_at")))
        yaml_error(r->report, r->file, n, "'expires_in' and 'expires_at' exclude each other");
    if ((n = read_need(r, node, "send")))
        read_send(r, n, out);
    if ((n = yaml_get(node, "format")))
        read_format(r, n, out);
}

/* A service's id as in AWS_ENDPOINT_URL_<ID>, however it is written: "Route 53", "route-53", "ROUTE_53". */
static const char *endpoint_id(struct reader *r, const char *text)
{
    char *id = arena_strdup(r->arena, bytes_of(text));
    for (char *c = id; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    return id;
}

/* All of kind aws_sigv4 share one identity, so one session; what differs is said in each request. */
static uint32_t shared_index(struct reader *r)
{
    if (!r->has_aws_auth) {
        r->has_aws_auth = true;
        r->aws_auth = r->provider->auth_count++;
    }
    return r->aws_auth;
}

static void read_aws(struct reader *r, const yaml_node *node, struct auth_def *out)
{
    const yaml_node *n;
    struct source from;
    const char *id;
    out->service = out->service_id = "";
    out->region = read_own_template(r, "");
    if ((n = read_need(r, node, "service")) && read_name(r, n, &out->service))
        out->service_id = endpoint_id(r, out->service);
    if ((n = yaml_get(node, "id")) && yaml_read_text(r->report, r->file, n, r->arena, &id))
        out->service_id = endpoint_id(r, id);
    if ((n = yaml_get(node, "region")))
        read_template(r, n, &out->region);
    else if (r->allowed & ALLOW_REGION)
        out->region = read_own_template(r, "{region}");
    else
        yaml_error(r->report, r->file, node,
                   "the key 'region' is missing: which region is signed for, where there is no {region}");
    if ((n = yaml_get(node, "region_from")) && read_source(r, n, 1 << SOURCE_HEADER, &from))
        out->region_from = from.name;
}

void read_auth(struct reader *r, const yaml_node *node, struct auth_def *out)
{
    const yaml_node *n = yaml_get(node, "kind");
    int index;
    *out = (struct auth_def){.kind = AUTH_NONE, .place = node};
    if (!yaml_expect(r->report, r->file, node, YAML_MAP, "a map with a 'kind'"))
        return;
    if (!n)
        n = read_need(r, node, "kind");
    if (!n || !yaml_read_word(r->report, r->file, n, kind_names, &index))
        return;
    if (kinds[index] == KIND_LATER) {
        yaml_error(r->report, r->file, n, "auth of kind '%s' is not supported by this version yet",
                   kind_names[index]);
        return;
    }
    out->kind = (enum auth_kind)kinds[index];
    out->index = out->kind == AUTH_AWS_SIGV4 ? shared_index(r) : r->provider->auth_count++;
    yaml_check_keys(r->report, r->file, node, kind_keys[out->kind]);
    if (out->kind == AUTH_BASIC) {
        need_template(r, node, "user", &out->user);
        need_template(r, node, "password", &out->password);
    } else if (out->kind == AUTH_BEARER) {
        need_template(r, node, "token", &out->token);
    } else if (out->kind == AUTH_HEADER) {
        if ((n = read_need(r, node, "headers")) && read_fields(r, n, true, &out->headers) &&
            !out->headers.count)
            yaml_error(r->report, r->file, n, "'headers' is empty");
    } else if (out->kind == AUTH_AWS_SIGV4) {
        read_aws(r, node, out);
    } else if (out->kind != AUTH_NONE) {
        read_session(r, node, out);
    }
}

/* What stands in for AWS's own hosts: all of it is collected once, so that whoever sends a request has only
 * to look its service up. AWS_ENDPOINT_URL goes before all of the profile, even before what that says for one
 * service: so botocore has it, and so a test's environment can't be left by a line in somebody's file. */
#include <ctype.h>
#include <string.h>

#include "common/nearest.h"
#include "worker/aws/internal.h"
#include "worker/provider/url.h"

#define VARIABLE "AWS_ENDPOINT_URL"

enum { ID_BYTES = 128 };

struct endpoints {
    struct aws_chain *c;
    struct value *object;
    struct error *e;
};

/* Where a service's name may be written in several ways: upper case, "_" for what parts words. */
static bool normalize(const char *name, char out[ID_BYTES])
{
    size_t len = strlen(name);
    if (len >= ID_BYTES)
        return false;
    for (size_t i = 0; i <= len; i++)
        out[i] = name[i] == '-' || name[i] == ' ' ? '_' : (char)toupper((unsigned char)name[i]);
    return true;
}

struct bytes aws_endpoint(const struct value *endpoints, const char *service_id)
{
    char id[ID_BYTES];
    const struct value *found = NULL;
    if (normalize(service_id, id))
        found = value_get_text(endpoints, id);
    if (!found)
        found = value_get_text(endpoints, "");
    return found ? found->text : (struct bytes){"", 0};
}

/* The first that says something about a service counts. `where` is what names the value, for sentences. */
static int put(struct endpoints *to, const char *id, const char *text, const char *where)
{
    struct url url;
    struct error cause;
    int err = url_parse(bytes_of(text), &url, &cause);
    if (!err && (url.has_userinfo || url.has_query))
        err = error_set(&cause, ERR_HTTP, "it may have a host, a port and a path, and nothing else");
    if (err)
        return error_set(to->e, ERR_CREDENTIALS, "%s is no endpoint (https://HOST:PORT): %s", where,
                         cause.text);
    if (!value_get_text(to->object, id))
        value_put(to->object, arena_copy(&to->c->arena, bytes_of(id)),
                  value_string(arena_copy(&to->c->arena, bytes_of(text))));
    return 0;
}

static int put_environment(struct endpoints *to)
{
    size_t len = sizeof VARIABLE - 1;
    for (const char *const *at = to->c->set.environment; at && *at; at++) {
        const char *equals = strchr(*at, '=');
        if (strncmp(*at, VARIABLE, len) != 0 || !equals || !equals[1])
            continue;
        const char *name = arena_strdup(&to->c->arena, (struct bytes){*at, (size_t)(equals - *at)});
        bool is_for_all = name[len] == 0;
        if (!is_for_all && (name[len] != '_' || !name[len + 1]))
            continue;
        int err = put(to, is_for_all ? "" : name + len + 1, equals + 1, name);
        if (err)
            return err;
    }
    return 0;
}

static int unknown_services(struct endpoints *to, const char *services)
{
    const struct aws_file *file = &to->c->files[AWS_CONFIG_FILE];
    size_t count = 0;
    for (const struct ini_section *at = file->ini.sections; at; at = at->next)
        count++;
    const char **names = arena_alloc(&to->c->arena, (count + 1) * sizeof *names);
    count = 0;
    for (const struct ini_section *at = file->ini.sections; at; at = at->next)
        if (strcmp(at->kind, "services") == 0)
            names[count++] = at->name;
    const char *nearest = nearest_word(bytes_of(services), names, count);
    return error_set(to->e, ERR_CREDENTIALS, "profile '%s': there is no [services %s] in %s%s%s%s",
                     to->c->profile, services, file->path, nearest ? ": did you mean '" : "",
                     nearest ? nearest : "", nearest ? "'?" : "");
}

/* One service's lines within a "[services x]" section. */
static int put_service(struct endpoints *to, const char *services, const struct ini_entry *service)
{
    char id[ID_BYTES];
    int err = 0;
    for (const struct ini_entry *at = service->inner; at && !err; at = at->next)
        if (strcmp(at->key, "endpoint_url") == 0 && *at->value && normalize(service->key, id))
            err = put(
                to, id, at->value,
                arena_printf(&to->c->arena, "endpoint_url of %s in [services %s]", service->key, services));
    return err;
}

static int put_services(struct endpoints *to, const char *services)
{
    const struct ini *ini = &to->c->files[AWS_CONFIG_FILE].ini;
    if (!ini_has(ini, "services", services))
        return unknown_services(to, services);
    for (const struct ini_section *section = ini->sections; section; section = section->next) {
        if (!ini_section_is(section, "services", services))
            continue;
        for (const struct ini_entry *service = section->entries; service; service = service->next) {
            int err = put_service(to, services, service);
            if (err)
                return err;
        }
    }
    return 0;
}

static int put_profile(struct endpoints *to)
{
    const char *profile = to->c->profile;
    const char *services = aws_profile_get(to->c, profile, "services");
    const char *url = aws_profile_get(to->c, profile, "endpoint_url");
    int err = services ? put_services(to, services) : 0;
    if (!err && url)
        err = put(to, "", url, arena_printf(&to->c->arena, "endpoint_url of profile '%s'", profile));
    return err;
}

/* Room for everything that may be put. */
static uint32_t count_all(const struct aws_chain *c)
{
    uint32_t count = 2;
    for (const char *const *at = c->set.environment; at && *at; at++)
        count += strncmp(*at, VARIABLE, sizeof VARIABLE - 1) == 0;
    for (const struct ini_section *section = c->files[AWS_CONFIG_FILE].ini.sections; section;
         section = section->next)
        for (const struct ini_entry *entry = section->entries; entry; entry = entry->next)
            count += entry->inner != NULL;
    return count;
}

int aws_endpoints(struct aws_chain *c, struct error *e)
{
    struct endpoints to = {c, &c->result.endpoints, e};
    *to.object = value_object(&c->arena, count_all(c));
    if (c->set.endpoint)
        return put(&to, "", c->set.endpoint, "endpoint");
    const char *ignore = aws_env(c, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (!ignore)
        ignore = aws_profile_get(c, c->profile, "ignore_configured_endpoint_urls");
    if (aws_is_true(ignore))
        return 0;
    int err = put_environment(&to);
    return err || value_get_text(to.object, "") ? err : put_profile(&to);
}

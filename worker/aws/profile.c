/* How a profile comes to its keys. A walk from profile to profile, each with a role that the next one's keys
 * assume, until one has a source; the roles then stand in the plan in the order they are assumed in.
 *
 * Order within a profile, as botocore has it: role_arn (a source profile's own keys go before its role), web
 * identity, SSO, keys of the credentials file, credential_process, keys of the config file. Keys are taken
 * from one file only: half of them from each would be nobody's. */
#include <string.h>

#include "common/nearest.h"
#include "worker/aws/internal.h"

/* --- Looking things up --- */

/* "[profile x]" of the config; its "[default]" counts only if there is no "[profile default]". */
static const char *config_kind(const struct aws_chain *c, const char *profile)
{
    bool is_bare = strcmp(profile, "default") == 0 &&
                   !ini_has(&c->files[AWS_CONFIG_FILE].ini, "profile", profile);
    return is_bare ? NULL : "profile";
}

static const char *get_in(const struct aws_chain *c, int file, const char *profile, const char *key)
{
    const char *kind = file == AWS_CONFIG_FILE ? config_kind(c, profile) : NULL;
    const char *value = ini_get(&c->files[file].ini, kind, profile, key);
    return value && *value ? value : NULL;
}

const char *aws_profile_get(const struct aws_chain *c, const char *profile, const char *key)
{
    const char *value = get_in(c, AWS_CREDENTIALS_FILE, profile, key);
    return value ? value : get_in(c, AWS_CONFIG_FILE, profile, key);
}

bool aws_profile_is(const struct aws_chain *c, const char *profile)
{
    return ini_has(&c->files[AWS_CREDENTIALS_FILE].ini, NULL, profile) ||
           ini_has(&c->files[AWS_CONFIG_FILE].ini, config_kind(c, profile), profile);
}

static bool is_profile(const struct ini_section *section, int file)
{
    return file == AWS_CREDENTIALS_FILE || strcmp(section->kind, "profile") == 0 ||
           strcmp(section->raw, "default") == 0;
}

static const char *nearest_profile(struct aws_chain *c, const char *profile)
{
    size_t count = 0;
    for (int i = 0; i < AWS_FILES; i++)
        for (const struct ini_section *at = c->files[i].ini.sections; at; at = at->next)
            count++;
    const char **names = arena_alloc(&c->arena, (count + 1) * sizeof *names);
    count = 0;
    for (int i = 0; i < AWS_FILES; i++)
        for (const struct ini_section *at = c->files[i].ini.sections; at; at = at->next)
            if (is_profile(at, i))
                names[count++] = i == AWS_CREDENTIALS_FILE ? at->raw : at->name;
    return nearest_word(bytes_of(profile), names, count);
}

void aws_profile_missing(const struct aws_chain *c, const char *profile, const char *by, struct buffer *out)
{
    buffer_printf(out, "profile '%s'%s%s is in neither ", profile, by ? " of " : "", by ? by : "");
    for (int i = 0; i < AWS_FILES; i++) {
        const struct aws_file *file = &c->files[i];
        buffer_printf(out, "%s%s", i ? " nor " : "", file->path);
        if (file->why)
            buffer_printf(out, " (%s)", file->why);
    }
}

int aws_profile_unknown(struct aws_chain *c, const char *profile, const char *by, struct error *e)
{
    struct buffer text = {0};
    const char *nearest = nearest_profile(c, profile);
    aws_profile_missing(c, profile, by, &text);
    if (nearest)
        buffer_printf(&text, ": did you mean '%s'?", nearest);
    error_set(e, ERR_CREDENTIALS, "%s", buffer_text(&text));
    buffer_close(&text);
    return ERR_CREDENTIALS;
}

/* --- What a profile holds itself --- */

/* Keys of one file. 0, ERR_NOT_FOUND or ERR_CREDENTIALS. */
static int plan_keys(struct aws_chain *c, int file, const char *profile, struct error *e)
{
    struct aws_plan *plan = &c->plan;
    const char *id = get_in(c, file, profile, "aws_access_key_id");
    const char *secret = get_in(c, file, profile, "aws_secret_access_key");
    const char *token = get_in(c, file, profile, "aws_session_token");
    if (!id && !secret)
        return ERR_NOT_FOUND;
    if (!id || !secret)
        return error_set(e, ERR_CREDENTIALS, "profile '%s' in %s has %s and no %s", profile,
                         c->files[file].path, id ? "aws_access_key_id" : "aws_secret_access_key",
                         id ? "aws_secret_access_key" : "aws_access_key_id");
    if (!token)
        token = get_in(c, file, profile, "aws_security_token");
    plan->source = AWS_SOURCE_KEYS;
    plan->origin = arena_printf(&c->arena, "profile '%s'", profile);
    plan->keys = (struct sigv4_keys){bytes_of(id), bytes_of(secret), bytes_of(token)};
    plan->expires_ms = INT64_MAX;
    return 0;
}

/* A value of the environment, if that counts, else of the profile. */
static const char *either(const struct aws_chain *c, bool environment, const char *name, const char *profile,
                          const char *key)
{
    const char *value = environment ? aws_env(c, name) : NULL;
    return value ? value : aws_profile_get(c, profile, key);
}

static int plan_web_identity(struct aws_chain *c, const char *profile, bool environment, struct error *e)
{
    struct aws_plan *plan = &c->plan;
    const char *file = either(c, environment, "AWS_WEB_IDENTITY_TOKEN_FILE", profile,
                              "web_identity_token_file");
    bool by_profile = !environment || !aws_env(c, "AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!file)
        return ERR_NOT_FOUND;
    plan->web.arn = either(c, environment, "AWS_ROLE_ARN", profile, "role_arn");
    plan->web.session = either(c, environment, "AWS_ROLE_SESSION_NAME", profile, "role_session_name");
    if (!plan->web.arn && by_profile)
        return error_set(e, ERR_CREDENTIALS,
                         "profile '%s' has web_identity_token_file and no role_arn: add the role's ARN",
                         profile);
    if (!plan->web.arn)
        return error_set(e, ERR_CREDENTIALS,
                         "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN isn't: set both, or neither");
    plan->source = AWS_SOURCE_WEB_IDENTITY;
    plan->token_file = file;
    plan->origin = by_profile ? arena_printf(&c->arena, "the web identity of profile '%s'", profile)
                              : "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE";
    return 0;
}

/* What only AWS's command line can do: it keeps what a browser's login gave it. Garner can ask that for the
 * keys, so a credential_process beside it is what the person was told to write. */
static int check_login(const struct aws_chain *c, const char *profile, struct error *e)
{
    static const char *const keys[] = {"sso_account_id", "sso_role_name", "login_session"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (aws_profile_get(c, profile, keys[i]) && !aws_profile_get(c, profile, "credential_process"))
            return error_set(e, ERR_CREDENTIALS,
                             "profile '%s' has %s, a login in a browser, which Garner doesn't do itself: add "
                             "credential_process = aws configure export-credentials --profile %s --format "
                             "process",
                             profile, keys[i], profile);
    return 0;
}

static int plan_process(struct aws_chain *c, const char *profile)
{
    const char *process = aws_profile_get(c, profile, "credential_process");
    if (!process)
        return ERR_NOT_FOUND;
    c->plan.source = AWS_SOURCE_PROCESS;
    c->plan.process = process;
    c->plan.origin = arena_printf(&c->arena, "credential_process of profile '%s'", profile);
    return 0;
}

static int plan_direct(struct aws_chain *c, const char *profile, bool environment, struct error *e)
{
    int err = plan_web_identity(c, profile, environment, e);
    if (err == ERR_NOT_FOUND && check_login(c, profile, e))
        return ERR_CREDENTIALS;
    if (err == ERR_NOT_FOUND)
        err = plan_keys(c, AWS_CREDENTIALS_FILE, profile, e);
    if (err == ERR_NOT_FOUND)
        err = plan_process(c, profile);
    if (err == ERR_NOT_FOUND)
        err = plan_keys(c, AWS_CONFIG_FILE, profile, e);
    return err;
}

/* --- Roles --- */

int aws_plan_role(struct aws_chain *c, struct aws_role role, struct error *e)
{
    struct aws_plan *plan = &c->plan;
    if (plan->role_count == LIMIT_AWS_ROLES)
        return error_set(e, ERR_CREDENTIALS, "more than %d roles are to be assumed one from the other",
                         LIMIT_AWS_ROLES);
    plan->roles[plan->role_count++] = role;
    return 0;
}

static bool has_keys(const struct aws_chain *c, const char *profile)
{
    return aws_profile_get(c, profile, "aws_access_key_id") ||
           aws_profile_get(c, profile, "aws_secret_access_key");
}

static bool has_role(const struct aws_chain *c, const char *profile)
{
    return aws_profile_get(c, profile, "role_arn") && !aws_profile_get(c, profile, "web_identity_token_file");
}

static int add_role(struct aws_chain *c, const char *profile, struct error *e)
{
    struct aws_role role = {
        .arn = aws_profile_get(c, profile, "role_arn"),
        .external_id = aws_profile_get(c, profile, "external_id"),
        .session = aws_profile_get(c, profile, "role_session_name"),
        .duration = aws_profile_get(c, profile, "duration_seconds"),
    };
    const char *mfa = aws_profile_get(c, profile, "mfa_serial");
    uint64_t seconds;
    if (mfa)
        return error_set(e, ERR_CREDENTIALS,
                         "profile '%s' has mfa_serial, and there is nobody to ask for the code: use a role "
                         "that needs none, or credential_process",
                         profile);
    if (role.duration && !bytes_to_u64(bytes_of(role.duration), &seconds))
        return error_set(e, ERR_CREDENTIALS, "duration_seconds of profile '%s' is no number of seconds",
                         profile);
    return aws_plan_role(c, role, e);
}

/* credential_source: keys that no profile has. */
static int plan_named_source(struct aws_chain *c, const char *profile, const char *source, struct error *e)
{
    static const char *const names[] = {"Environment", "Ec2InstanceMetadata", "EcsContainer"};
    struct aws_plan *plan = &c->plan;
    plan->wanted = profile;
    if (strcmp(source, names[0]) == 0) {
        int err = aws_environment_plan(c, e);
        if (err != ERR_NOT_FOUND)
            return err;
        return error_set(e, ERR_CREDENTIALS,
                         "profile '%s' has credential_source = Environment, and AWS_ACCESS_KEY_ID isn't set",
                         profile);
    }
    if (strcmp(source, names[1]) == 0) {
        plan->source = AWS_SOURCE_INSTANCE;
        return 0;
    }
    if (strcmp(source, names[2]) == 0) {
        plan->source = AWS_SOURCE_CONTAINER;
        if (aws_container_is_named(c))
            return 0;
        return error_set(
            e, ERR_CREDENTIALS,
            "profile '%s' has credential_source = EcsContainer, and neither "
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
            profile);
    }
    const char *nearest = nearest_word(bytes_of(source), names, 3);
    return error_set(e, ERR_CREDENTIALS, "profile '%s': credential_source '%s' isn't known: %s%s%s", profile,
                     source, nearest ? "did you mean '" : "it is ",
                     nearest ? nearest : "Environment, Ec2InstanceMetadata or EcsContainer",
                     nearest ? "'?" : "");
}

static int say_circle(const char *const *visited, unsigned count, const char *again, struct error *e)
{
    struct buffer way = {0};
    for (unsigned i = 0; i < count; i++)
        buffer_printf(&way, "%s -> ", visited[i]);
    error_set(e, ERR_CREDENTIALS, "profiles source each other in a circle: %s%s: one of them needs keys",
              buffer_text(&way), again);
    buffer_close(&way);
    return ERR_CREDENTIALS;
}

/* Where the keys for a profile's role come from: `*next` is the source profile, null if it is another
 * source. */
static int find_source(struct aws_chain *c, const char *profile, const char *const *visited, unsigned count,
                       const char **next, struct error *e)
{
    const char *source = aws_profile_get(c, profile, "source_profile");
    const char *named = aws_profile_get(c, profile, "credential_source");
    *next = source;
    if (source && named)
        return error_set(e, ERR_CREDENTIALS,
                         "profile '%s' has both source_profile and credential_source: keep one", profile);
    if (named)
        return plan_named_source(c, profile, named, e);
    if (!source)
        return error_set(
            e, ERR_CREDENTIALS,
            "profile '%s' has role_arn, and neither source_profile nor credential_source says by "
            "whose keys it is assumed",
            profile);
    if (!aws_profile_is(c, source)) {
        aws_profile_unknown(c, source, NULL, e);
        error_at(e, "source_profile of profile '%s'", profile);
        return ERR_CREDENTIALS;
    }
    bool is_own = strcmp(source, profile) == 0 && has_keys(c, source);
    for (unsigned i = 0; i < count && !is_own; i++)
        if (strcmp(visited[i], source) == 0)
            return say_circle(visited + i, count - i, source, e);
    return 0;
}

/* Roles were met from the last one on. */
static void turn_roles(struct aws_plan *plan)
{
    for (unsigned i = 0; i < plan->role_count / 2; i++) {
        struct aws_role role = plan->roles[i];
        plan->roles[i] = plan->roles[plan->role_count - 1 - i];
        plan->roles[plan->role_count - 1 - i] = role;
    }
}

int aws_profile_plan(struct aws_chain *c, const char *profile, bool environment, struct error *e)
{
    const char *visited[LIMIT_AWS_ROLES];
    unsigned count = 0;
    const char *next = profile;
    while (has_role(c, next) && (count == 0 || !has_keys(c, next))) {
        const char *at = next;
        int err = add_role(c, at, e);
        if (err)
            return err;
        visited[count++] = at;
        err = find_source(c, at, visited, count, &next, e);
        if (err)
            return err;
        if (!next)
            break;
    }
    turn_roles(&c->plan);
    if (!next)
        return 0;
    int err = plan_direct(c, next, environment && count == 0, e);
    if (err == ERR_NOT_FOUND && count > 0)
        return error_set(e, ERR_CREDENTIALS, "profile '%s', source_profile of '%s', has no keys", next,
                         visited[count - 1]);
    return err;
}

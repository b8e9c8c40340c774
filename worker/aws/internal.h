/* What the files of the chain share. Each source of keys is a file of its own (source_*.c, sts.c); chain.c
 * moves from one to the next. */
#ifndef GARNER_AWS_INTERNAL_H
#define GARNER_AWS_INTERNAL_H

#include "common/limits.h"
#include "common/value/value.h"
#include "worker/aws/chain.h"
#include "worker/aws/ini.h"

/* --- The plan (plan.c, profile.c): where keys come from, known once the shared files are read --- */

enum aws_source {
    AWS_SOURCE_KEYS,
    AWS_SOURCE_WEB_IDENTITY,
    AWS_SOURCE_PROCESS,
    AWS_SOURCE_CONTAINER,
    AWS_SOURCE_INSTANCE,
};

struct aws_role {
    const char *arn;
    const char *external_id, *session, *duration; /* or null */
};

struct aws_plan {
    enum aws_source source;
    const char *origin; /* whose keys they are, for sentences: "profile 'x'" */
    const char *wanted; /* the profile whose credential_source it is; null: the last resort of all */
    struct sigv4_keys keys;
    int64_t expires_ms;
    const char *token_file; /* web identity */
    struct aws_role web;
    const char *process;
    struct aws_role roles[LIMIT_AWS_ROLES]; /* assumed in this order */
    unsigned role_count;
};

/* --- The chain (chain.c) --- */

/* A request until it has its answer. */
struct aws_ask {
    int (*build)(struct aws_chain *c); /* makes result.request, for each try anew; 0 or result.error's code */
    /* 0: taken; ASK_AGAIN: send once more at once; else result.error's code: tried again if that makes sense
     */
    int (*judge)(struct aws_chain *c, const struct answer *answer);
    int (*broke)(struct aws_chain *c);             /* put the place into result.error, return its code */
    enum aws_want (*next)(struct aws_chain *c);    /* after an answer was taken */
    enum aws_want (*gave_up)(struct aws_chain *c); /* null: the chain fails with result.error */
    unsigned tries_max;
};

enum { ASK_AGAIN = -1 };

struct sts_advice;

/* A role that is asked for at STS (sts.h). */
struct sts_call {
    const char *action, *result; /* "AssumeRole", "AssumeRoleResult" */
    const struct aws_role *role;
    const char *by;    /* who asks for the role, for sentences */
    const char *token; /* web identity's: then the request isn't signed. Null: it is, by result.keys */
    const struct sts_advice *advice;            /* ended by a null code */
    enum aws_want (*next)(struct aws_chain *c); /* with result.keys */
};

enum { AWS_CONFIG_FILE, AWS_CREDENTIALS_FILE, AWS_FILES };

struct aws_file {
    const char *path; /* where it is or should be */
    const char *why;  /* why nothing of it is known: "not there"; null: it was read */
    struct ini ini;
};

struct aws_secret {
    struct bytes text;
    struct aws_secret *next;
};

struct aws_chain {
    struct aws_setting set;
    struct arena arena;
    struct aws_result result;
    int state;
    int64_t now_ms, wall_ms, *skew_ms;
    bool skew_corrected;
    struct aws_file files[AWS_FILES];
    unsigned reading;       /* the next of `files` */
    const char *profile;    /* that counts */
    const char *profile_by; /* what named it: "AWS_PROFILE"; null: nothing, it is the default one */
    struct aws_plan plan;
    unsigned role;      /* the next of plan.roles */
    const char *origin; /* whose result.keys are */
    const struct aws_ask *ask;
    unsigned tries;
    struct bytes token; /* that the source sends: web identity's, the container's, the instance's */
    const char *instance_role;
    struct sts_call call; /* that is under way */
    struct aws_secret *secrets;
};

/* Ends the chain with result.error, secrets taken out of it. */
enum aws_want aws_fail(struct aws_chain *c);

enum aws_want aws_ask(struct aws_chain *c, const struct aws_ask *ask);

/* result.keys are there, of `origin`: go on with the first or next role, or end. */
enum aws_want aws_took_keys(struct aws_chain *c, const char *origin);

/* Never to show up in a sentence. The text must live as long as the arena. */
void aws_keep_secret(struct aws_chain *c, struct bytes text);

/* --- Environment (environment.c) --- */

const char *aws_env(const struct aws_chain *c, const char *name); /* null if not set, or empty */
bool aws_is_true(const char *text);                               /* "true", in any case; null isn't */

/* A path with "~" as HOME; null if it begins with "~" and there is no HOME. */
const char *aws_path(struct aws_chain *c, const char *path);

/* --- Profiles (profile.c) --- */

/* The value of a profile's key, credentials before config; null if not there, or empty. */
const char *aws_profile_get(const struct aws_chain *c, const char *profile, const char *key);
bool aws_profile_is(const struct aws_chain *c, const char *profile);

/* Put into plan how a profile comes to its keys. `environment`: AWS_WEB_IDENTITY_TOKEN_FILE counts, too.
 * 0; ERR_NOT_FOUND: it has nothing of the kind (no sentence); ERR_CREDENTIALS. */
int aws_profile_plan(struct aws_chain *c, const char *profile, bool environment, struct error *e);

/* Keys of the environment into plan: 0, ERR_NOT_FOUND (no sentence), ERR_CREDENTIALS. */
int aws_environment_plan(struct aws_chain *c, struct error *e);
int aws_plan_role(struct aws_chain *c, struct aws_role role, struct error *e); /* adds one */

/* A profile that isn't there; `by` is what named it, or null. Appends "profile 'x' of AWS_PROFILE is in
 * neither … nor …"; as an error (ERR_CREDENTIALS) with the nearest one: "did you mean 'y'?" */
void aws_profile_missing(const struct aws_chain *c, const char *profile, const char *by, struct buffer *out);
int aws_profile_unknown(struct aws_chain *c, const char *profile, const char *by, struct error *e);

int aws_plan(struct aws_chain *c, struct error *e);                 /* 0 or ERR_CREDENTIALS */
const char *aws_nothing(struct aws_chain *c, const char *instance); /* the sentence when nothing was found */

/* --- Keys in JSON (keys.c) --- */

/* Read an object with AccessKeyId, SecretAccessKey, a token by that name, and Expiration into result.keys and
 * result.expires_ms. 0; ERR_BODY: what is missing or of another type. Nothing of it is in the sentence. */
int aws_read_keys(struct aws_chain *c, struct bytes json, const char *token, struct error *e);

/* The same from a document; values of a time that is `ahead_ms` ahead of ours. */
int aws_take_keys(struct aws_chain *c, const struct value *object, const char *token, int64_t ahead_ms,
                  struct error *e);

/* The text of an error message of a stranger, cut to what leaves room for the rest of a sentence. */
struct bytes aws_clip(struct bytes text);

/* --- Sources, each begun when its turn has come --- */

enum aws_want aws_web_identity_begin(struct aws_chain *c); /* with plan.token_file's content in `token` */
enum aws_want aws_container_begin(struct aws_chain *c);    /* as above, if aws_container_token_file is one */
const char *aws_container_token_file(const struct aws_chain *c);
bool aws_container_is_named(const struct aws_chain *c);
enum aws_want aws_instance_begin(struct aws_chain *c);
int aws_process_begin(struct aws_chain *c, struct error *e); /* result.command */
int aws_process_take(struct aws_chain *c, struct bytes output, struct error *e);
enum aws_want aws_role_begin(struct aws_chain *c); /* plan.roles[role] by result.keys (sts.c) */

/* A request that goes out by itself: not redirected, without a body. */
int aws_local_request(struct aws_chain *c, const char *method, const char *url, const char *header,
                      struct bytes value);

/* --- Endpoints (endpoints.c) --- */

int aws_endpoints(struct aws_chain *c, struct error *e); /* result.endpoints; 0 or ERR_CREDENTIALS */

#endif

/* What the options say is written down as a file would, and read as one: so it is judged in the same way. */
#include "cli/cluster/account_new.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "common/check.h"
#include "common/config/account_text.h"
#include "common/limits.h"
#include "common/nearest.h"
#include "common/value/value.h"
#include "proto/filter.h"

enum { KNOWN = 6 }; /* members of an account */

static const char aws[] = "aws.";

/* "NAME=VALUE". What stands behind the "=" may be a secret: it isn't repeated. */
static int split(const char *option, const char *what, const char *text, struct bytes *name,
                 struct bytes *value)
{
    const char *equals = strchr(text, '=');
    if (equals && equals > text) {
        *name = (struct bytes){text, (size_t)(equals - text)};
        *value = bytes_of(equals + 1);
        return 0;
    }
    if (equals)
        say("--%s: the name before the '=' is missing: %s", option, what);
    else
        say("--%s '%s': it needs a '=', as in %s", option, text, what);
    return EXIT_USAGE;
}

static int put_once(const char *option, struct value *object, struct bytes name, struct value value)
{
    if (value_get(object, name)) {
        say("--%s %.*s is given twice", option, BYTES_ARG(name));
        return EXIT_USAGE;
    }
    value_put(object, name, value);
    return 0;
}

/* --- credentials --- */

static struct value absolute(struct arena *arena, struct bytes path)
{
    char *folder = bytes_starts(path, "/") ? NULL : getcwd(NULL, 0);
    struct value text =
        value_string(folder ? bytes_of(arena_printf(arena, "%s/%.*s", folder, BYTES_ARG(path))) : path);
    free(folder);
    return text;
}

/* Its words: a program that isn't looked for in PATH is one of a path. */
static struct value command(struct arena *arena, struct bytes text)
{
    struct value words = value_array(arena, (uint32_t)text.len / 2 + 1);
    words.count = 0;
    while ((text = bytes_trim(text)).len) {
        size_t len = 0;
        while (len < text.len && text.data[len] != ' ')
            len++;
        struct bytes word = {text.data, len};
        bool is_path = !words.count && memchr(word.data, '/', word.len);
        words.items[words.count++] = is_path ? absolute(arena, word) : value_string(word);
        text = bytes_from(text, len);
    }
    return words;
}

static int say_kind(struct bytes name, struct bytes kind)
{
    static const char *const kinds[] = {"env", "file", "exec", "plain"};
    const char *nearest = kind.data ? nearest_word(kind, kinds, sizeof kinds / sizeof *kinds) : NULL;
    if (nearest)
        say("--credential %.*s: did you mean '%s:'?", BYTES_ARG(name), nearest);
    else
        say("--credential %.*s: say where workers find it: env:VARIABLE, file:PATH or exec:COMMAND (a secret "
            "itself belongs into none of them)",
            BYTES_ARG(name));
    return EXIT_USAGE;
}

/* "env:VARIABLE" as {env: VARIABLE}. */
static int reference(struct arena *arena, struct bytes name, struct bytes where, struct value *out)
{
    const char *colon = where.len ? memchr(where.data, ':', where.len) : NULL;
    if (!colon)
        return say_kind(name, (struct bytes){0});
    struct bytes kind = {where.data, (size_t)(colon - where.data)}, rest = bytes_from(where, kind.len + 1);
    *out = value_object(arena, 1);
    if (bytes_is(kind, "env") || bytes_is(kind, "plain"))
        value_put(out, kind, value_string(rest));
    else if (bytes_is(kind, "file"))
        value_put(out, kind, rest.len ? absolute(arena, rest) : value_string(rest));
    else if (bytes_is(kind, "exec"))
        value_put(out, kind, command(arena, rest));
    else
        return say_kind(name, kind);
    return 0;
}

static int put_credentials(struct arena *arena, const struct options *options, struct value *account)
{
    const struct option_list *list = &options->credentials;
    struct value all = value_object(arena, list->count + 1), own = value_object(arena, list->count);
    int exit_code = 0;
    for (unsigned i = 0; i < list->count && !exit_code; i++) {
        struct bytes name, where;
        struct value found;
        exit_code = split("credential", "token=env:TOKEN", list->items[i], &name, &where);
        if (!exit_code && bytes_starts(name, aws))
            exit_code = put_once("credential", &own, bytes_from(name, strlen(aws)), value_string(where));
        else if (!exit_code && !(exit_code = reference(arena, name, where, &found)))
            exit_code = put_once("credential", &all, name, found);
    }
    if (own.count)
        value_put(&all, BYTES("aws"), own);
    if (all.count)
        value_put(account, BYTES("credentials"), all);
    return exit_code;
}

/* --- all that is said of it --- */

static const char *const own_keys[KNOWN] = {"id", "provider", "regions", "splits", "vars", "credentials"};

static bool is_own(struct bytes key)
{
    bool is = false;
    for (int i = 0; i < KNOWN; i++)
        is = is || bytes_is(key, own_keys[i]);
    return is;
}

static int put_keys(const struct options *options, struct value *account)
{
    int exit_code = 0;
    for (unsigned i = 0; i < options->sets.count && !exit_code; i++) {
        struct bytes key, value;
        exit_code = split("set", "endpoint=https://api.example.com", options->sets.items[i], &key, &value);
        if (!exit_code && is_own(key)) {
            say("--set %.*s: this key has a meaning of its own: there are --region, --splits and "
                "--credential; `vars` can be said in a file only (-f)",
                BYTES_ARG(key));
            exit_code = EXIT_USAGE;
        } else if (!exit_code) {
            exit_code = put_once("set", account, key, value_string(value));
        }
    }
    return exit_code;
}

static void put_regions(struct arena *arena, const struct options *options, struct value *account)
{
    struct value regions = value_array(arena, options->regions.count);
    for (unsigned i = 0; i < options->regions.count; i++)
        regions.items[i] = value_string(bytes_of(options->regions.items[i]));
    if (regions.count)
        value_put(account, BYTES("regions"), regions);
}

static int make(struct arena *arena, const char *name, const struct options *options, struct value *account)
{
    struct bytes provider, id;
    filter_split_account(bytes_of(name), &provider, &id);
    if (!provider.len || !id.len) {
        say("'%s': a new account is named PROVIDER/ID, as in aws/123456789012", name);
        return EXIT_USAGE;
    }
    *account = value_object(arena, KNOWN + options->sets.count);
    value_put(account, BYTES("id"), value_string(id));
    value_put(account, BYTES("provider"), value_string(provider));
    put_regions(arena, options, account);
    if (options->splits)
        value_put(account, BYTES("splits"), value_string(bytes_of(options->splits)));
    int exit_code = put_credentials(arena, options, account);
    return exit_code ? exit_code : put_keys(options, account);
}

static int read_again(const char *name, const struct value *account, struct account_list *out)
{
    struct buffer text = {0};
    struct config_account *accounts;
    struct error e;
    buffer_add_char(&text, '[');
    value_to_json(account, &text);
    buffer_add_char(&text, ']');
    int r = config_accounts_from_json(&out->arena, buffer_bytes(&text), &accounts, &out->count, &e);
    buffer_wipe(&text);
    out->accounts = accounts;
    if (r)
        error_at(&e, "%s", name);
    return r ? say_error(&e) : 0;
}

int account_new(const char *name, const struct options *options, struct account_list *out)
{
    struct value account;
    *out = (struct account_list){0};
    int exit_code = make(&out->arena, name, options, &account);
    if (!exit_code)
        exit_code = read_again(name, &account, out);
    if (exit_code)
        account_list_close(out);
    return exit_code;
}

int account_new_of_file(const char *path, struct account_list *out)
{
    struct yaml_report report = {0};
    *out = (struct account_list){.config = config_open_account_file(path, &report)};
    int exit_code = !out->config || report.errors ? EXIT_USAGE : 0;
    say_text(buffer_bytes(&report.text));
    if (exit_code)
        say("%s: nothing was added: correct the file first", path);
    yaml_report_close(&report);
    if (exit_code) {
        account_list_close(out);
        return exit_code;
    }
    out->accounts = out->config->accounts;
    out->count = out->config->account_count;
    return 0;
}

void account_list_close(struct account_list *list)
{
    config_close(list->config);
    arena_close(&list->arena);
    *list = (struct account_list){0};
}

/* accounts: those of a cluster, while it runs. The coordinator keeps references to credentials; workers
 * resolve them.
 *
 * Each account is added by itself, and completely or not at all. One that is there already is left as it is:
 * so a file can be imported again and again. */
#include <inttypes.h>
#include <string.h>

#include "cli/cluster/account_new.h"
#include "cli/cluster/ask.h"
#include "cli/cluster/document.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/config/account_text.h"
#include "common/nearest.h"

/* --- list --- */

static const struct table_column columns[] = {
    {.title = "ACCOUNT", .always = true},
    {.title = "FROM", .always = true},
    {.title = "SPLITS", .right = true},
    {.title = "REGIONS"},
    {.title = "CREDENTIALS"},
    {.title = "KEYS"},
};

static void add_separated(struct buffer *out, struct bytes text)
{
    buffer_add_text(out, out->len ? ", " : "");
    buffer_add_bytes(out, text);
}

static void add_texts(struct buffer *out, const struct value *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].type == VALUE_STRING)
            add_separated(out, list->items[i].text);
}

/* "token=env:TOKEN, aws.profile=prod, key=plain". */
static void add_credentials(struct buffer *out, const struct value *all)
{
    for (uint32_t i = 0; all && i < all->count; i++) {
        const struct member *one = &all->members[i];
        bool is_aws = bytes_is(one->key, "aws");
        if (one->value.type == VALUE_STRING)
            buffer_printf(out, "%s%.*s=%.*s", out->len ? ", " : "", BYTES_ARG(one->key),
                          BYTES_ARG(one->value.text));
        for (uint32_t j = 0; one->value.type == VALUE_OBJECT && j < one->value.count; j++) {
            const struct member *where = &one->value.members[j];
            struct bytes text = where->value.type == VALUE_STRING ? where->value.text : BYTES("");
            buffer_printf(out, is_aws ? "%s%.*s.%.*s=%.*s" : "%s%.*s=%.*s:%.*s", out->len ? ", " : "",
                          BYTES_ARG(one->key), BYTES_ARG(where->key), BYTES_ARG(text));
        }
    }
}

static void add_keys(struct buffer *out, const struct value *as)
{
    static const char *const others[] = {"id", "provider", "regions", "splits", "credentials", NULL};
    for (uint32_t i = 0; as && i < as->count; i++)
        if (!bytes_is_any(as->members[i].key, others) && as->members[i].value.type == VALUE_STRING)
            buffer_printf(out, "%s%.*s=%.*s", out->len ? ", " : "", BYTES_ARG(as->members[i].key),
                          BYTES_ARG(as->members[i].value.text));
}

static void add_row(struct table *t, const struct value *account, struct buffer *text)
{
    const struct value *as = document_object(account, "as");
    table_add_colour(t, document_text(account, "account"), PRINT_BOLD);
    table_add(t, document_text(account, "from"));
    table_add_count(t, document_u64(as, "splits"));
    buffer_reset(text);
    add_texts(text, document_list(as, "regions"));
    table_add(t, buffer_bytes(text));
    buffer_reset(text);
    add_credentials(text, document_object(as, "credentials"));
    table_add(t, buffer_bytes(text));
    buffer_reset(text);
    add_keys(text, as);
    table_add(t, buffer_bytes(text));
}

static void print_list(struct printer *printer, const struct value *document)
{
    const struct value *accounts = document_list(document, "accounts");
    struct table table;
    struct buffer text = {0};
    table_open(&table, printer, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < accounts->count; i++)
        add_row(&table, &accounts->items[i], &text);
    table_close(&table);
    buffer_close(&text);
    if (!accounts->count)
        say("there are no accounts: `garner accounts add PROVIDER/ID` adds one");
}

/* --- what came of each, for --json and the exit code --- */

enum outcome { DONE, THERE, DIFFERS, FAILED, OUTCOMES };

struct outcomes {
    struct arena arena;
    struct value lists[OUTCOMES]; /* of names */
    int exit_code;
};

static void begin_outcomes(struct outcomes *o, uint32_t count)
{
    *o = (struct outcomes){0};
    for (int i = 0; i < OUTCOMES; i++) {
        o->lists[i] = value_array(&o->arena, count);
        o->lists[i].count = 0;
    }
}

static void note(struct outcomes *o, enum outcome outcome, const char *name, int exit_code)
{
    struct value *list = &o->lists[outcome];
    list->items[list->count++] = value_string(bytes_of(arena_strdup(&o->arena, bytes_of(name))));
    if (exit_code)
        o->exit_code = exit_code;
}

static int end_outcomes(struct outcomes *o, const char *done, bool json)
{
    const char *const names[OUTCOMES] = {done, "there", "differ", "failed"};
    struct value document = value_object(&o->arena, OUTCOMES);
    for (int i = 0; i < OUTCOMES; i++)
        if (i == DONE || i == FAILED || strcmp(done, "added") == 0)
            value_put(&document, bytes_of(names[i]), o->lists[i]);
    int exit_code = json ? ask_print_json(&document) : 0;
    exit_code = o->exit_code ? o->exit_code : exit_code;
    arena_close(&o->arena);
    return exit_code;
}

/* --- add --- */

static void warn_of_secrets(const struct config_account *account, const char *name)
{
    for (uint32_t i = 0; i < account->credential_count; i++)
        if (account->credentials[i].kind == CREDENTIAL_PLAIN)
            say("warning: %s: credential '%s' is written out: it is kept in the coordinator's state and sent "
                "to workers as it is, and whoever reaches the coordinator can ask for it; refer to it with "
                "env, file or exec",
                name, account->credentials[i].name);
}

static bool is_same(const struct config_account *account, const struct value *as, struct arena *arena)
{
    struct buffer text = {0};
    struct value own;
    struct error e;
    config_account_public_json(account, &text);
    bool same = as && value_from_json(arena, buffer_bytes(&text), &own, NULL, &e) == 0 &&
                value_equal(&own, as);
    buffer_close(&text);
    return same;
}

static const struct value *find(const struct value *accounts, const char *name)
{
    for (uint32_t i = 0; i < accounts->count; i++)
        if (bytes_is(document_text(&accounts->items[i], "account"), name))
            return &accounts->items[i];
    return NULL;
}

static int send(struct ask *ask, const struct config_account *account)
{
    struct arena arena = {0};
    struct buffer text = {0}, packed = {0};
    struct value document, answer;
    struct error e;
    config_account_to_json(account, &text);
    int r = value_from_json(&arena, buffer_bytes(&text), &document, NULL, &e);
    if (!r) {
        value_to_msgpack(&document, &packed);
        const struct cluster_ask what = {.verb = CLUSTER_ACCOUNTS_ADD, .document = buffer_bytes(&packed)};
        r = ask_try(ask, &what, &answer, &e);
    }
    buffer_wipe(&packed);
    buffer_wipe(&text);
    arena_close(&arena);
    return r ? say_error(&e) : 0;
}

static void add_one(struct ask *ask, const struct config_account *account, const struct value *there,
                    struct outcomes *outcomes)
{
    const char *name = arena_printf(&outcomes->arena, "%s/%s", account->provider, account->id);
    const struct value *found = find(there, name);
    if (found && is_same(account, document_object(found, "as"), &outcomes->arena)) {
        say("%s is there already", name);
        note(outcomes, THERE, name, 0);
        return;
    }
    if (found) {
        say("%s is there already, as something else: `garner accounts list` shows it; to change it, remove "
            "it "
            "first%s",
            name,
            bytes_is(document_text(found, "from"), "file") ? " from the coordinator's configuration" : "");
        note(outcomes, DIFFERS, name, EXIT_INCOMPLETE);
        return;
    }
    warn_of_secrets(account, name);
    int exit_code = send(ask, account);
    if (!exit_code)
        say("%s was added: it is harvested within seconds (`garner where %s` says by whom)", name, name);
    note(outcomes, exit_code ? FAILED : DONE, name, exit_code);
}

static int add_all(const struct options *options, const struct account_list *list)
{
    struct ask ask;
    struct value document;
    struct outcomes outcomes;
    int exit_code = ask_open(options, &ask);
    if (!exit_code)
        exit_code = ask_cluster(&ask, &(struct cluster_ask){.verb = CLUSTER_ACCOUNTS_LIST}, &document);
    if (!exit_code) {
        begin_outcomes(&outcomes, list->count);
        for (uint32_t i = 0; i < list->count; i++)
            add_one(&ask, &list->accounts[i], document_list(&document, "accounts"), &outcomes);
        exit_code = end_outcomes(&outcomes, "added", options->json);
    }
    ask_close(&ask);
    return exit_code;
}

static bool says_anything(const struct options *options)
{
    return options->splits || options->regions.count || options->sets.count || options->credentials.count;
}

static int add_of_file(const struct options *options, const char *path)
{
    struct account_list list;
    if (says_anything(options)) {
        say("--region, --splits, --set and --credential are for one account, and a file says that of its "
            "own");
        return EXIT_USAGE;
    }
    int exit_code = account_new_of_file(path, &list);
    if (!exit_code)
        exit_code = add_all(options, &list);
    account_list_close(&list);
    return exit_code;
}

static int add(const struct options *options)
{
    struct account_list list;
    const char *name = options->operands[1];
    if (name && !options->operands[2] && !options->file) {
        int exit_code = account_new(name, options, &list);
        if (!exit_code)
            exit_code = add_all(options, &list);
        account_list_close(&list);
        return exit_code;
    }
    if (options->file && !name)
        return add_of_file(options, options->file);
    say("`add` takes one new account, as PROVIDER/ID, or a file with any number of them: -f FILE");
    return EXIT_USAGE;
}

static int import(const struct options *options)
{
    if (options->operands[1] && !options->operands[2] && !options->file)
        return add_of_file(options, options->operands[1]);
    say("`import` takes one file: a list of accounts, or a configuration that has some");
    return EXIT_USAGE;
}

/* --- remove --- */

static void remove_one(struct ask *ask, const char *name, struct outcomes *outcomes)
{
    const struct cluster_ask what = {.verb = CLUSTER_ACCOUNTS_REMOVE, .account = remote_text(name)};
    struct value document;
    int exit_code = ask_cluster(ask, &what, &document);
    if (!exit_code)
        say("%.*s was removed: it isn't harvested any more, and nothing of it is deleted (the feed says "
            "`unwatched`)",
            BYTES_ARG(document_text(&document, "account")));
    note(outcomes, exit_code ? FAILED : DONE, name, exit_code);
}

static int remove_all(const struct options *options)
{
    struct ask ask;
    struct outcomes outcomes;
    if (!options->operands[1]) {
        say("`remove` takes the accounts to be removed: `garner accounts list` lists them");
        return EXIT_USAGE;
    }
    int exit_code = ask_open(options, &ask);
    if (!exit_code) {
        begin_outcomes(&outcomes, OPERANDS_MAX);
        for (unsigned i = 1; options->operands[i]; i++)
            remove_one(&ask, options->operands[i], &outcomes);
        exit_code = end_outcomes(&outcomes, "removed", options->json);
    }
    ask_close(&ask);
    return exit_code;
}

/* --- which of them --- */

static int list(const struct options *options)
{
    const struct cluster_ask ask = {.verb = CLUSTER_ACCOUNTS_LIST};
    if (options->operands[1]) {
        say("`list` takes no account: it lists all");
        return EXIT_USAGE;
    }
    return ask_and_print(options, &ask, print_list);
}

static int run(const struct options *options)
{
    static const char *const words[] = {"add", "import", "remove", "list"};
    static int (*const actions[])(const struct options *options) = {add, import, remove_all, list};
    const char *word = options->operands[0];
    enum { ACTIONS = sizeof words / sizeof *words, ADD = 0 };
    int action = 0;
    while (action < ACTIONS && strcmp(word, words[action]) != 0)
        action++;
    if (action == ACTIONS) {
        const char *nearest = nearest_word(bytes_of(word), words, ACTIONS);
        if (nearest)
            say("unknown action '%s': did you mean '%s'?", word, nearest);
        else
            say("unknown action '%s': there are add, import, remove and list", word);
        return EXIT_USAGE;
    }
    if (action != ADD && (says_anything(options) || (options->file && action != 1))) {
        say("--file, --region, --splits, --set and --credential are for `add`");
        return EXIT_USAGE;
    }
    return actions[action](options);
}

const struct verb verb_accounts = {
    .name = "accounts",
    .summary = "add, import, remove or list the accounts of a cluster",
    .operands = "add|import|remove|list [ACCOUNT|FILE...]",
    .options = OPTION_AT | OPTION_JSON | OPTION_ACCOUNTS,
    .about =
        "The accounts of a running cluster, beside those of its coordinator's configuration. add takes a new "
        "one, with what is to be said of it, or a file; import takes a file: a list of accounts as a "
        "configuration has it, or a configuration. Those that are new are added, each completely or not at "
        "all; those that are there already are left as they are. remove ends the harvesting of accounts, and "
        "deletes nothing. list prints what there is, without secrets.\n"
        "Credentials are references, which workers resolve, each for itself: a variable or a file must be "
        "there on every one of them. Paths are made absolute here.",
    .examples =
        "Examples:\n"
        "  garner accounts add aws/123456789012 --region eu-west-1 --credential "
        "aws.role_arn=arn:aws:iam::123456789012:role/garner\n"
        "  garner accounts add shop/berlin --set endpoint=https://berlin.example.com --credential "
        "token=file:/run/secrets/berlin\n"
        "  garner accounts import accounts.yaml\n"
        "  garner accounts remove shop/berlin\n"
        "  garner accounts list --json | jq -r '.accounts[].account'\n\n"
        "Exits with 0 when all is as it should be, 1 when an account is there as something else, 2 when one "
        "can't be added or removed.",
    .run = run,
};

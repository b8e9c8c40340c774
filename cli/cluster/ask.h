/* Ask: what verbs of a cluster want of its coordinator, and the document that it answers with.
 *
 *     int exit_code = ask_open(options, &ask);
 *     if (!exit_code)
 *         exit_code = ask_cluster(&ask, &what, &document);
 *     ask_close(&ask);
 *
 * One thread; everything blocks, within the bounds of client/client.h. */
#ifndef GARNER_CLI_ASK_H
#define GARNER_CLI_ASK_H

#include "cli/options.h"
#include "cli/print.h"
#include "client/client.h"
#include "common/value/value.h"
#include "proto/cluster_ask.h"

struct ask {
    struct client *client;
    const char *address;
    struct arena arena; /* of the last documents: reset it where many are asked for */
};

/* Connect to the coordinator at --at, or else GARNER_AT. Returns 0, or the exit code after having said why:
 * nobody is there, or no coordinator. */
int ask_open(const struct options *options, struct ask *ask);
void ask_close(struct ask *ask); /* safe after a failed open, and twice */

/* Ask. The document is an object that lives in the arena. As client_ask, or ERR_BODY. */
int ask_try(struct ask *ask, const struct cluster_ask *what, struct value *document, struct error *e);
/* The same. Returns 0, or the exit code after having said why. */
int ask_cluster(struct ask *ask, const struct cluster_ask *what, struct value *document);

/* Open, ask once, and have `print` print the answer, or print it as it is with --json. `print` null: nothing.
 * Returns the exit code. */
int ask_and_print(const struct options *options, const struct cluster_ask *what,
                  void (*print)(struct printer *printer, const struct value *document));

/* Print a document as JSON, on one line. Returns the exit code. */
int ask_print_json(const struct value *document);

/* The operands from `from` on, as names of workers: each once. Returns 0 or the exit code after having said
 * which isn't one. They live in the arena. */
int ask_workers(struct arena *arena, const struct options *options, unsigned from, struct cluster_ask *what);
/* One worker's name, of an option. */
int ask_worker(struct arena *arena, const char *option, const char *name, struct cluster_ask *what);
/* An operand as a shard's number, or as a plan's; `what`: "a shard's number". Likewise. */
int ask_shard(const char *text, struct cluster_ask *what);
int ask_number(const char *text, const char *what, uint64_t *number);

#endif

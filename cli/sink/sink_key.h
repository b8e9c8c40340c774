/* Sink key: what tells rows apart, in 16 bytes: ids of 4,096 bytes don't fit into an index. Pure.
 *
 * The beginning of a SHA-256, since ids are written by strangers: nobody can make two that look the same. */
#ifndef GARNER_CLI_SINK_KEY_H
#define GARNER_CLI_SINK_KEY_H

#include "client/garner.h"
#include "common/hash.h"

struct digest sink_key_collection(const struct garner_collection *collection);
struct digest sink_key_resource(struct digest collection, struct garner_bytes id);

#endif

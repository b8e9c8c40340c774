/* Validators: what a listing of one page came with, and how the next one asks with it whether anything has
 * changed since (tier 0). Pure. */
#ifndef GARNER_HARVEST_VALIDATORS_H
#define GARNER_HARVEST_VALIDATORS_H

#include "proto/record.h"
#include "worker/provider/request.h"

/* Which request these parts are, auth not yet among them, and what else the ids of its items hang on: as a
 * hash that is never 0. */
uint64_t validators_request(const struct request_parts *parts, const struct collection_def *def,
                            const struct placeholders *values);

/* What an answer with status 200 to that request came with, copied into the arena: its ETag, weak ones too,
 * or else its Last-Modified if that is older than the answer's Date by LIMIT_MODIFIED_AGE_MS (what is younger
 * may change once more in the same second). False, and all zero: neither of them. */
bool validators_read(const struct answer *answer, uint64_t request, struct arena *arena,
                     struct validators *out);

/* Ask with them. False: nothing was added, so a 304 would be no answer: there are none (null or all zero),
 * they are of another request, or the request is no GET, or says If-… or Range itself. */
bool validators_apply(const struct validators *known, uint64_t request, struct request_parts *parts);

#endif

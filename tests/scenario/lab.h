/* Lab: one worker's harvest without sockets or clocks. The real deciders and the real store; the provider is
 * a list of answers, time passes when the lab says so. What happens goes into a diary:
 *
 *     [    0] asks /items
 *     [    0] created a
 *     [    0] complete, sound: 1 item on 1 page
 *     [60000] asks /items, unless "v1"
 *     [60000] complete, unmodified: 1 resources as before
 */
#ifndef GARNER_LAB_H
#define GARNER_LAB_H

#include "worker/harvest/job.h"

struct lab;

/* `yaml` is the text of a provider file named "lab"; all collections of it can be harvested. */
struct lab *lab_open(const char *yaml);
void lab_close(struct lab *lab);

/* Go on with an edited provider file. */
void lab_edit(struct lab *lab, const char *yaml);

void lab_var(struct lab *lab, const char *name, const char *value); /* {vars.NAME}: the only one */

/* The next answers, in order. `headers` may be null: "Name: value\nName: value". */
void lab_answers(struct lab *lab, int status, const char *headers, const char *body);
void lab_answers_bytes(struct lab *lab, int status, struct bytes body);
/* No answer but this error; ERR_STOPPED: the run is told to stop before one came. */
void lab_breaks(struct lab *lab, enum err code, const char *text);

/* From now on, the provider knows no position of an earlier harvest: the first request of a listing that goes
 * on from one is answered with 410, beside the answers given. */
void lab_expires(struct lab *lab);

/* 200 and {"items":[…],"next":NEXT} of items {"id":"a","v":1}: ids are words ("a b c"), a word "a=2" sets v.
 */
void lab_page(struct lab *lab, const char *words, const char *next);

/* Harvest a collection once, with the answers given. Commits. Answers left over are forgotten. */
void lab_harvest(struct lab *lab, const char *type);

/* Harvest a child of the resource `id` of `parent`, whose last listing counts. */
void lab_harvest_child(struct lab *lab, const char *type, const char *parent, const char *id);

bool lab_has_checkpoint(struct lab *lab, const char *type); /* its record says so */

void lab_pass(struct lab *lab, int64_t ms);
void lab_confirm(struct lab *lab, const char *type); /* as `garner confirm` does */
void lab_reopen(struct lab *lab);                    /* close and open the store, as a restart does */
void lab_kills(struct lab *lab); /* the next harvest is killed when its answers are used up */
void lab_loses(struct lab *lab); /* the next harvest's commit fails: all that it wrote is void */

/* Hold the diary since the last call against this text. */
void lab_expect(struct lab *lab, const char *diary);
void lab_forget(struct lab *lab);             /* the diary since the last call */
const char *lab_diary(const struct lab *lab); /* since then, until something happens */

/* Hold what the store has of a collection against this: "a=1 b=2", by id. Also verifies the store. */
void lab_expect_store(struct lab *lab, const char *type, const char *words);

const struct job_outcome *lab_outcome(const struct lab *lab); /* of the last harvest */
const struct receipt *lab_receipt(const struct lab *lab);     /* likewise; without its texts */
struct store *lab_store(struct lab *lab);
struct collection_key lab_key(const char *type); /* of one that has no parent */

#endif

/* Verbs: what `garner VERB` can do. A verb says which options it takes; options.c reads them. */
#ifndef GARNER_CLI_VERBS_H
#define GARNER_CLI_VERBS_H

#include "cli/options.h"

struct verb {
    const char *name;
    const char *summary; /* a line of `garner --help` */
    const char
        *operands; /* as in "TYPE ID" or "[DATA]", which may be left out, "[ITEM...]" repeated; "" for none */
    unsigned options;  /* OPTION_… that it takes, beside those that all take */
    const char *about; /* `garner VERB --help`: what it does; below the options: examples */
    const char *examples;
    int (*run)(const struct options *options); /* gives the exit code */
};

extern const struct verb verb_run;
extern const struct verb verb_validate;
extern const struct verb verb_feed;
extern const struct verb verb_list;
extern const struct verb verb_get;
extern const struct verb verb_harvest;
extern const struct verb verb_history;
extern const struct verb verb_receipts;
extern const struct verb verb_confirm;
extern const struct verb verb_quarantine;
extern const struct verb verb_sink;
extern const struct verb verb_verify;
extern const struct verb verb_status;

#endif

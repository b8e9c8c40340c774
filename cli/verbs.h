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

/* Of a cluster: cli/cluster/ */
extern const struct verb verb_accounts;
extern const struct verb verb_apply;
extern const struct verb verb_cancel;
extern const struct verb verb_cordon;
extern const struct verb verb_drain;
extern const struct verb verb_explain;
extern const struct verb verb_forget;
extern const struct verb verb_move;
extern const struct verb verb_pause;
extern const struct verb verb_pin;
extern const struct verb verb_rebalance;
extern const struct verb verb_recover;
extern const struct verb verb_resume;
extern const struct verb verb_shards;
extern const struct verb verb_uncordon;
extern const struct verb verb_undrain;
extern const struct verb verb_unpin;
extern const struct verb verb_where;
extern const struct verb verb_workers;

#endif

/* Answers: what an HTTP answer means to a harvest. Pure. */
#ifndef GARNER_HARVEST_ANSWER_H
#define GARNER_HARVEST_ANSWER_H

#include "worker/decode/decode.h"
#include "worker/provider/provider.h"

enum answer_kind {
    ANSWER_DOCUMENT,   /* a body to go on with */
    ANSWER_ABSENT,     /* one of `absent`: there is nothing of that kind */
    ANSWER_UNMODIFIED, /* 304: nothing has changed since the answer whose validators were sent */
    ANSWER_REJECTED,   /* 401, or a code of `expired`: a new session may help */
    ANSWER_SKEWED,     /* a code of `skewed`: the clocks may differ */
    ANSWER_STALE,      /* a code of `skewed` that is a rejection as well: first the one, then the other */
    ANSWER_MOVED,      /* 301, 307 or 400 that names a region (region_from of the auth): it may be there */
};

/* Who decodes the body of an answer that bears a document: as decode_body. */
struct answer_decoder {
    int (*decode)(void *context, const struct answer *answer, struct arena *arena, struct decoded *out,
                  struct error *e);
    void *context;
};

/* Judge an answer to a listing, and decode its body (of an error where its code is needed, else null), by
 * `decoder` unless that is null.
 * Returns 0 and the kind; for those from ANSWER_REJECTED on `e` says what was answered, should a second try
 * not help. Else ERR_THROTTLED, ERR_SERVER, ERR_DENIED, ERR_HTTP, ERR_BODY, ERR_LIMIT. */
int answer_judge(const struct collection_def *def, const struct answer *answer,
                 const struct answer_decoder *decoder, struct arena *arena, enum answer_kind *kind,
                 struct decoded *body, struct error *e);

/* Judge an answer to a `get`: a 404 or one of `absent` is ANSWER_ABSENT, any 2xx ANSWER_DOCUMENT whatever its
 * body, the rest as above. */
int answer_judge_get(const struct collection_def *def, const struct answer *answer, struct arena *arena,
                     enum answer_kind *kind, struct error *e);

#endif

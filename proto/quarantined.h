/* Items in quarantine as plain structs: what of a listing couldn't be digested, and why; to and from
 * protobuf. Foreign bytes are validated as in record.h. */
#ifndef GARNER_PROTO_QUARANTINED_H
#define GARNER_PROTO_QUARANTINED_H

#include "proto/record.h"

struct quarantined {
    struct digest digest; /* of the document that it would be; what it is known by. Not in the message */
    enum err reason;      /* ERR_ID, ERR_LIMIT, … */
    const char *cause;    /* the sentence */
    int64_t first_ms, last_ms;
    uint64_t harvest, page; /* that met it last, and where */
    struct bytes id;        /* data is null: it can't be read */
    struct bytes item;      /* MessagePack, as it came; data is null: it is too long, and there is … */
    struct bytes beginning; /* … only how it begins, as JSON. Data is null: there is all of it */
    uint64_t item_bytes;    /* as MessagePack */
    bool is_xml;            /* it came as XML */
};

enum {
    QUARANTINED_TEXT_BYTES = 2 * sizeof(struct digest) + 1,
    QUARANTINED_SHORT = 12 /* of these digits tell one from all others, as good as always */
};

/* Its digest in hex: what people know it by. Returns `out`. */
char *quarantined_text(struct digest digest, char out[QUARANTINED_TEXT_BYTES]);

void quarantined_pack(const struct quarantined *item, struct buffer *out);

/* All but the digest. Texts live in the arena. */
int quarantined_unpack(struct arena *arena, struct bytes packed, struct quarantined *out, struct error *e);

/* Append as members of a JSON object, each after a comma: ,"digest":"…","id":null,"reason":"id","cause":"…",
 * "since":time,"last":time,"page":1,"harvest":7,"bytes":12. */
void quarantined_add_json(const struct quarantined *item, struct buffer *out);

#endif

/* Decode: the body of an answer -> a document. Pure.
 *
 * JSON lines of an answer that isn't `delimited` may have been cut between two lines, which nobody can see:
 * a listing with such a page can't be sound, and it is the caller who must say so. */
#ifndef GARNER_DECODE_H
#define GARNER_DECODE_H

#include "common/value/value.h"
#include "worker/provider/request.h"

struct decoded {
    struct value value;
    enum format_kind format; /* what it was: never FORMAT_AUTO */
    struct json_notes notes;
};

/* Decode a body by `format`, or with FORMAT_AUTO by its Content-Type (+json and +xml count; without one, or
 * with a generic one, what begins with "<" and isn't HTML is XML, all else should be JSON). JSON lines become
 * an array of their values; blank lines are skipped, an empty body is an empty array. Without `delimited` a
 * number, true, false or null at the very end may be a cut one, and is an error. XML becomes a document as
 * xml.h says, by `rules` (null: none).
 *
 * Returns 0; ERR_BODY: what it is instead and how it begins ("HTML instead of JSON: …"), where it breaks off
 * (what looks like JSON isn't repeated: it may be a login's answer), invalid UTF-8; ERR_LIMIT: too deep, too
 * long a number, what else xml.h says. */
int decode_body(struct arena *arena, const struct answer *answer, enum format_kind format,
                const struct xml_rules *rules, struct decoded *out, struct error *e);

/* What decode_body would take this body for, if it is one whose items' bytes mean the same wherever they
 * stand: FORMAT_JSON, or FORMAT_XML in UTF-8 or ASCII. FORMAT_AUTO for all others, and for what it wouldn't
 * take. */
enum format_kind decode_format(const struct answer *answer, enum format_kind format);

/* The body of an answer that is an error, if it can be read at all: JSON or XML by how it begins, whatever
 * its Content-Type says. */
bool decode_error_body(struct arena *arena, const struct answer *answer, const struct xml_rules *rules,
                       struct value *out);

/* Is this body one of JSON lines? Then, unless the answer is `delimited`, it may lack lines at its end. */
bool decode_is_lines(const struct answer *answer, enum format_kind format);

#endif

/* Sink copy: rows in PostgreSQL's binary COPY format, which needs no quoting. Pure.
 *
 * A row is begun with its number of fields; each field is then added in the order of the table's columns. */
#ifndef GARNER_CLI_SINK_COPY_H
#define GARNER_CLI_SINK_COPY_H

#include "common/bytes.h"
#include "common/hash.h"

void sink_copy_begin(struct buffer *out); /* what comes before the first row */
void sink_copy_end(struct buffer *out);   /* … and behind the last one */

void sink_copy_row(struct buffer *out, unsigned fields);
void sink_copy_null(struct buffer *out);
void sink_copy_bool(struct buffer *out, bool value);
void sink_copy_int(struct buffer *out, uint32_t value);        /* integer */
void sink_copy_bigint(struct buffer *out, uint64_t value);     /* bigint: the largest one when it is larger */
void sink_copy_time(struct buffer *out, int64_t time_ms);      /* timestamptz, of ms since 1970 */
void sink_copy_uuid(struct buffer *out, struct digest digest); /* uuid */
void sink_copy_text(struct buffer *out, struct bytes text);    /* text, its NULs replaced; null data: null */

/* A text field that is appended in between: begin gives the place that end is told. */
size_t sink_copy_open(struct buffer *out);
void sink_copy_close(struct buffer *out, size_t place);

#endif

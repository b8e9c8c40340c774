/* Brief: a document, or a part of one, in a few words for people.
 *
 *     {ipProtocol: tcp, fromPort: 22, toPort: 22, ipRanges: [{cidrIp: 0.0.0.0/0}]}
 *
 * Safe text (text.h), without quotes and without members that hold nothing; not to be read by programs. */
#ifndef GARNER_CLI_BRIEF_H
#define GARNER_CLI_BRIEF_H

#include "common/value/value.h"

/* Append it, cut to so many columns. Null appends nothing. */
void brief_add(struct buffer *out, const struct value *value, size_t columns);

/* Append `before → after`, each cut to so many columns. Long texts begin shortly before they differ. */
void brief_add_replaced(struct buffer *out, const struct value *before, const struct value *after,
                        size_t columns);

#endif

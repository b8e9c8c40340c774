/* Base64 (RFC 4648, section 4), with padding. Pure. */
#ifndef GARNER_COMMON_BASE64_H
#define GARNER_COMMON_BASE64_H

#include "common/bytes.h"

/* Append the encoding of `data` to `out`. */
void base64_encode(struct bytes data, struct buffer *out);

#endif

/* Number literals: what is one, which are equal, and which a machine number prints back. Pure. */
#ifndef GARNER_COMMON_NUMBER_H
#define GARNER_COMMON_NUMBER_H

#include "common/bytes.h"

enum { NUMBER_TEXT_BYTES = 40 }; /* holds any text that number_print_double makes */

/* True if all of the text is one JSON number (RFC 8259, section 6). */
bool number_is_literal(struct bytes text);

/* The literal that stands for all that are equal to this one: integers lose a needless sign ("-0" is
 * "0"), everything else is itself. */
struct bytes number_canonical(struct bytes literal);

/* True if the machine number prints back as exactly this literal. */
bool number_to_i64(struct bytes literal, int64_t *out);
bool number_to_u64(struct bytes literal, uint64_t *out);
bool number_to_double(struct bytes literal, double *out);

/* Print a finite double: the fewest digits that read back as it, always with a fraction or an exponent
 * ("1.0", "0.1", "1.5e-7", "1e+21"). The form is part of the stored format: a stored double stands for
 * this very text. Returns its length. */
size_t number_print_double(double number, char out[NUMBER_TEXT_BYTES]);

#endif

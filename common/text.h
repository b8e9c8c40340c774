/* Text for terminals: what a provider or a user sent, made harmless and measured.
 *
 * "Safe" text is valid UTF-8 without control characters, so it can't move a cursor, ring a bell, forge a
 * line or turn the reading direction. Pure; widths need an UTF-8 LC_CTYPE (main sets C.UTF-8). */
#ifndef GARNER_COMMON_TEXT_H
#define GARNER_COMMON_TEXT_H

#include "common/bytes.h"

/* Append as safe text: control characters as \n, \t, \x1b, \u{202e}, bytes that are no UTF-8 as \xNN. */
void text_add_safe(struct buffer *out, struct bytes text);

/* A name that may stand in any sentence and file: 1 to `bytes_max` bytes of UTF-8 without control characters,
 * line separators and changes of the reading direction. Whatever LC_CTYPE is. */
bool text_is_name(struct bytes text, size_t bytes_max);

/* Columns that safe text takes on a terminal. */
size_t text_width(struct bytes safe);

/* As much of the beginning of safe text as fits into so many columns. */
struct bytes text_cut(struct bytes safe, size_t columns);

/* Append safe text, cut to so many columns with "…" at its end if it is longer. */
void text_add_cut(struct buffer *out, struct bytes safe, size_t columns);

/* Append JSON (valid, so these stand in strings only) with DEL, C1 controls and changes of the reading
 * direction written as \uXXXX: still the same JSON, and safe. */
void text_add_json(struct buffer *out, struct bytes json);

/* Append as one word of a shell, quoted if it needs it; the result is safe text. */
void text_add_shell(struct buffer *out, struct bytes word);

#endif

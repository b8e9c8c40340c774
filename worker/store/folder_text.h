/* The text files of a data folder, which say what it is: a word, then "KEY VALUE" a line. Each is replaced as
 * a whole, never written into. For folder.c and identity.c. */
#ifndef GARNER_STORE_FOLDER_TEXT_H
#define GARNER_STORE_FOLDER_TEXT_H

#include "common/bytes.h"
#include "common/error.h"
#include "worker/store/folder.h"

enum { FOLDER_TEXT_BYTES = 512 };

struct folder_text {
    char text[FOLDER_TEXT_BYTES];
    size_t len;
};

static inline struct bytes folder_text_bytes(const struct folder_text *text)
{
    return (struct bytes){text->text, text->len};
}

/* ERR_CONFIG: too long. */
int folder_path(const char *folder, const char *name, char out[FOLDER_PATH_BYTES], struct error *e);

/* What errno says, as an error of ours. Returns its code. */
int folder_fault(const char *folder, const char *doing, int number, struct error *e);

/* Make the folder ("") or one within it; one that is there is fine. */
int folder_make(const char *folder, const char *name, struct error *e);

/* ERR_NOT_FOUND without a sentence when there is no such file. */
int folder_text_read(const char *folder, const char *name, struct folder_text *out, struct error *e);
int folder_text_write(const char *folder, const char *name, struct bytes text, struct error *e);

/* "KEY value\n": gives the value and goes on behind it. */
bool line_take(struct bytes *text, const char *key, struct bytes *value);

/* Exactly so many bytes as lower case hex, there and back. */
bool line_hex(struct bytes value, uint8_t *out, size_t len);
void line_add_hex(struct buffer *out, const uint8_t *bytes, size_t len);

#endif

/* What folder's .c files share. For them only. */
#ifndef GARNER_STORE_FOLDER_INTERNAL_H
#define GARNER_STORE_FOLDER_INTERNAL_H

#include "worker/store/folder.h"

enum { PATH_BYTES_MAX = 4096 };

int folder_path(const struct folder *folder, const char *name, char out[PATH_BYTES_MAX], struct error *e);
/* What the system said, as an error of ours. Returns its code. */
int folder_fault(const struct folder *folder, const char *doing, int number, struct error *e);

#endif

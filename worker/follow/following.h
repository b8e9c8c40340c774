#ifndef GARNER_FOLLOWING_H
#define GARNER_FOLLOWING_H
#include "worker/store/folder.h"
int folder_drop(struct folder *folder, uint32_t shard, struct error *e);
struct following;
struct followed { uint32_t shard; const char *address; bool hasten; };
struct following_setting { struct folder *folder; const char *worker; uint64_t bytes_per_s; void *context; void (*stored)(void *, uint32_t); void (*trouble)(void *, const char *); };
int following_open(const struct following_setting *set, struct following **out, struct error *e);
void following_set(struct following *f, const struct followed *all, uint32_t count);
void following_close(struct following *f);
#endif

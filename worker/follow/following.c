#include "worker/follow/following.h"
int following_open(const struct following_setting *set, struct following **out, struct error *e) { (void)set; (void)e; *out = 0; return 0; }
void following_set(struct following *f, const struct followed *all, uint32_t count) { (void)f; (void)all; (void)count; }
void following_close(struct following *f) { (void)f; }
int folder_drop(struct folder *folder, uint32_t shard, struct error *e);
int folder_drop(struct folder *folder, uint32_t shard, struct error *e) { (void)folder; (void)shard; return error_set(e, ERR_IO, "stub"); }

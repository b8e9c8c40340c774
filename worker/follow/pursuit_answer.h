/* What pursuit.c and pursuit_answer.c share. For them only. */
#ifndef GARNER_FOLLOW_PURSUIT_ANSWER_H
#define GARNER_FOLLOW_PURSUIT_ANSWER_H

#include "worker/follow/pursuit.h"

/* When to try again what has failed so often in succession; counts this one. */
int64_t pursuit_later(int64_t now_ms, uint32_t *failures);
/* A shard is asked for on BULK, in a while. */
void pursuit_leave_alone(struct pursuit_shard *s, int64_t now_ms);
/* Nothing is asked on a line any more. */
void pursuit_forget_asked(struct pursuit *p, uint32_t owner, enum pursuit_line line);

#endif

/* Program: what the simulators' programs have in common. */
#ifndef GARNER_SIM_PROGRAM_H
#define GARNER_SIM_PROGRAM_H

#include "common/bytes.h"

/* Which of `count` names it is; -1: none. */
int program_find(const char *name, const char *const *names, int count);

const char *program_tail(const struct buffer *diary, unsigned lines); /* its last lines */

#endif

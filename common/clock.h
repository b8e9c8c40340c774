/* The machine's clocks, for drivers only: what decides is handed the time. */
#ifndef GARNER_COMMON_CLOCK_H
#define GARNER_COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void);   /* since 1970, UTC; can jump */
int64_t clock_steady_ms(void); /* never jumps, counts suspended time too (CLOCK_BOOTTIME) */
int64_t clock_steady_ns(void); /* the same one, for short stretches */

#endif

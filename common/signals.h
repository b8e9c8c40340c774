/* Signals: kept from threads that aren't the program's own to take them with. A thread begins with the mask
 * of who starts it: what is started between these two (by a library, too) gets no signal. */
#ifndef GARNER_COMMON_SIGNALS_H
#define GARNER_COMMON_SIGNALS_H

#include <signal.h>

void signals_block(sigset_t *before); /* for the calling thread; keeps what was */
void signals_restore(const sigset_t *before);

#endif

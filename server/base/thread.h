/*
 * thread -- starts a thread, for which no signal is meant.
 *
 * Signals are for the main loop.  But for those that a fault raises in whoever meets
 * it: blocked, they would end the process without the word of their handler.
 */

#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Start *THREAD, to be joined, which calls RUN with CONTEXT.  0, or errno's code. */
int thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

#endif

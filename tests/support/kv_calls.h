/*
 * kv_calls -- what server/kv calls, in front of which the linker puts functions of ours
 * (--wrap; tests/SConscript says for which tests): LMDB, memory, threads, files, a
 * clock.
 *
 * A test may let one call fail, or look on.  Unlike fault.c, this stands between kv and
 * LMDB, and what LMDB itself calls goes its way.
 */

#ifndef SUPPORT_KV_CALLS_H
#define SUPPORT_KV_CALLS_H

#include <stdbool.h>

/* The names of all calls that can fail; NULL at the end. */
extern const char *const kv_calls[];

/*
 * Let call NTH from now on, 1 being the next, of CALL fail once, without being done,
 * with RC: of LMDB's functions the result, of others an errno, where they have one.
 */
void kv_calls_fail(const char *call, unsigned nth, int rc);

/* Whether that call has come; from now on none fails. */
bool kv_calls_forgive(void);

/* Whether that call has come. */
bool kv_calls_failed(void);

/*
 * From now on, ON_CALL is called before (IS_OVER false) and after each commit of LMDB
 * and each unlinkat(), on the thread that does it.  NULL: no more.
 */
void kv_calls_watch(void (*on_call)(void *context, bool is_over), void *context);

/* Let the clock of kv be MS later than it is. */
void kv_calls_later(int ms);

#endif

/*
 * fault -- let system calls on the database file fail.
 *
 * fault.c defines the calls themselves, in front of the C library's.  It is linked
 * into unit tests that want it, and built as libfault.so to be preloaded into a
 * whole server, where FAULT in the environment says what fails:
 *
 *	FAULT="call:nth:how:times,…"
 *
 *	call   data       a write of pages
 *	       meta       the write that makes a commit count
 *	       rollback   the write by which LMDB takes a failed one back
 *	       fdatasync, fsync, ftruncate, open, rename
 *	       statvfs
 *	nth    1 is the next
 *	how    the name of an errno: it fails so and does nothing
 *	       short      it writes half (data, meta, journal)
 *	       nothing    it writes nothing, and says so (data, meta, journal)
 *	       done       it is done, and then fails with EIO
 *	       full       it tells of a full disk (statvfs)
 *	times  once, or ever: the nth and all that follow
 */

#ifndef SUPPORT_FAULT_H
#define SUPPORT_FAULT_H

#include "tests/support/kv_fixture.h"

/* From now on, the calls that SPEC names fail; "" for none.  It is checked. */
void fault_arm(const char *spec);

/* How many faults have struck since then. */
unsigned fault_count(void);

/* For cmocka: a fixture goes when nothing fails any more. */
static inline int
fault_teardown(void **state)
{
	fault_arm("");
	return kv_fixture_teardown(state);
}

#endif

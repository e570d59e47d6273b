/*
 * import -- what the files of the import share.
 *
 * Lines travel in units: one customer.create each, or up to a hundred lines in one
 * customer.update_many.  Many units are under way at once; they retire in the order
 * of the file, so there is always one place before which everything is done, and
 * that place is the state.  A unit has an idempotency key made of the run and of the
 * line it begins with; units are cut the same way each time, so whatever is sent again
 * after a stop, or a crash, is not done again.
 */

#ifndef CTL_IMPORT_H
#define CTL_IMPORT_H

#include <stdio.h>

#include "proto/limits.h"
#include "tools/ctl/progress.h"
#include "tools/ctl/sentence.h"
#include "tools/ctl/source.h"

#define UNITS_MAX 128u       /* under way at once */
#define UPDATE_UNITS_MAX 16u /* the same, of a hundred lines each */

enum unit_status {
	UNIT_SENT,
	UNIT_AGAIN, /* to be sent, when it is time */
	UNIT_DONE,
};

struct unit_line {
	int64_t line;
	json_t *record; /* NULL: the line is none, and failed */
	char   *error;  /* why it failed; NULL if it did not */
};

struct unit {
	struct import      *import;
	enum unit_status    status;
	unsigned            attempts; /* refused for the moment only */
	unsigned            part;     /* how often lines were left out */
	int64_t             again_ms;
	struct source_place behind;
	unsigned            count;
	struct unit_line    lines[UPDATE_MANY_MAX];
};

struct import {
	struct ctl             *ctl;
	struct customerd_async *async;
	struct source          *source;
	const char             *name;
	char                   *state_path; /* NULL: none is kept */
	char                   *failed_path;
	FILE                   *failed_file; /* NULL until a line failed */
	char                    run[24];
	const char             *how; /* "create", "create with ids", "update" */
	int64_t                 store;
	bool                    is_update, keeps_ids, is_dry_run;

	struct unit units[UNITS_MAX];
	unsigned    first, used; /* a ring */
	unsigned    in_flight;
	bool        is_ended;   /* the file is */
	bool        is_stopped; /* because of DONE */

	/* All before PLACE is done. */
	struct source_place place;
	int64_t             done_count, failed_count, failed_bytes;
	int64_t             resumed_count; /* of both, when it began */
	int64_t             saved_ms;
	enum ctl_exit       done;
	struct progress     progress;
};

/* Fill UNIT with the next lines of the file; false at its end. */
bool import_fill(struct import *import, struct unit *unit);

/* Send UNIT, whose lines are there; or find that nothing in it can be sent. */
void import_send(struct import *import, struct unit *unit);

/* End everything, with the exit code DONE. */
void import_stop(struct import *import, enum ctl_exit done);

/* Begin, or go on with what the state says.  False when it was said why not. */
bool import_begin(struct import *import, bool is_resumed);

/* UNIT retires: its lines that failed go to the file, and the place moves. */
void import_retire(struct import *import, struct unit *unit);

/* Keep the state, if it is time or IS_NOW. */
void import_save(struct import *import, bool is_now);

/* All is done: no state is needed any more. */
void import_finish(struct import *import);

#endif

/*
 * What the files of the engine share about a work, and formats need not know.
 */

#ifndef REST_WORK_INTERNAL_H
#define REST_WORK_INTERNAL_H

#include "tools/rest/work.h"

#define MAP_EMPTY SLICE("\x80") /* {} in MessagePack */

struct route_match;

static inline struct slice
from_client(struct customerd_slice slice)
{
	return slice_of(slice.data, slice.len);
}

/* ---- check.c ---- */

/* Take the checks of the format, in its order, up to the first that fails. */
void work_check(struct work *work, const struct route_match *match);

/* Read the headers that mean the same in every format. */
void work_read_conditions(struct work *work);

/* Note that the request is to be refused; for what counts, see work_run(). */
void work_find_wrong(struct work *work, enum reason reason, struct slice subject);

/* Whether the method is one with a body that means something. */
bool carries_body(const struct http_request *request);

/* The revision of a strong entity tag, or -1. */
int64_t tag_revision(struct slice tag);

/* ---- engine.c ---- */

/* Go on with WORK: from its first line. */
void work_run(struct work *work);

/* End what is still under way; no callback will come for WORK. */
void work_cancel(struct work *work);

/*
 * Before a request is refused for what it says: does the token hold, and, if LOOKS, is
 * there the record of the path?  False: not known yet, or answered.
 */
bool work_verify(struct work *work, bool looks);

/* ---- place.c ---- */

/* Where in the JSON a path of the server's arguments leads. */
struct fault_place {
	const struct mapping *row;   /* NULL: nowhere */
	const struct shape   *shape; /* that ROW's field belongs to */
	char                  path[FAULT_PATH_BYTES];
};

/* The value of the request's JSON at PATH, or NULL. */
const json_t *value_at(const struct work *work, const char *path);

void fault_place_of(
    struct fault_place *place, const struct work *work, struct slice path);

#endif

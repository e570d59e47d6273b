/*
 * json -- the bodies of requests: read with jansson, after a look at their depth.
 *
 * What two readers could understand differently is refused: keys given twice, bad
 * UTF-8, NUL, and all that is nested more than JSON_DEPTH_MAX deep.
 */

#ifndef REST_JSON_H
#define REST_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "proto/buf.h"
#include "server/base/arena.h"

#define JSON_DEPTH_MAX 16u
#define JSON_WHY_BYTES 192u

/* Where a text stopped to be JSON, counted as editors do. */
struct json_problem {
	char     what[JSON_WHY_BYTES];
	unsigned line, column; /* from 1 */
	size_t   offset;       /* in bytes, from 0 */
};

/*
 * Let what jansson makes from now on lie in ARENA: nothing of it is freed one by one,
 * not even by json_decref(), but all of it with the arena.  NULL: on the heap again.
 */
void json_home(struct arena *arena);

/* The value in TEXT, a new reference; NULL when there is none, and PROBLEM tells. */
json_t *json_read(struct slice text, struct json_problem *problem);

/* Append VALUE to BUF as MessagePack.  False: it holds an integer beyond 2^53 - 1. */
bool json_to_wire(struct buf *buf, const json_t *value);

/* How many containers are nested in VALUE, itself included. */
unsigned json_depth(const json_t *value);

/* The bytes of a string; a slice into VALUE. */
struct slice json_slice(const json_t *value);

#endif

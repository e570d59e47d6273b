/*
 * protocol -- how each kind of server is asked, and how its answers are judged.
 *
 * A protocol is a row of functions.  None of them keeps anything: what belongs to a
 * connection or a request is in its arguments.
 *
 * Memory.  Slices given to a function are borrowed for the call.
 */

#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"

struct bench_options;

enum op { OP_READ, OP_UPDATE, OP_FILL, OP_COUNT };

#define OP_BIT(op) (1u << (op))
#define OP_ALL (OP_BIT(OP_READ) | OP_BIT(OP_UPDATE) | OP_BIT(OP_FILL))

/* A request. */
struct ask {
	enum op  op;
	uint64_t key;
	uint32_t number; /* no other one under way on its connection has it */
	int64_t  due_ns; /* when it was sent, or should have been */
};

/* What parse says of bytes that can be no answer. */
#define PROTOCOL_BROKEN SIZE_MAX

struct protocol {
	const char *name;
	const char *help;
	unsigned    ops; /* OP_BITs */
	/*
	 * What has to be said on a new connection: append it to OUT.  NULL: nothing.
	 * One answer comes back, whose end parse_greeting finds.
	 */
	void (*greet)(const struct bench_options *options, struct buf *out);
	size_t (*parse_greeting)(struct slice bytes);
	/* Append the request ASK to OUT. */
	void (*encode)(const struct bench_options *options, const struct ask *ask,
	    struct buf *out);
	/* The length of the first answer in BYTES; 0 unless it is whole. */
	size_t (*parse)(struct slice bytes);
	/* The number of the request that ANSWER belongs to.  NULL: they come in order.
	 */
	uint32_t (*number)(struct slice answer);
	/* Whether ANSWER is a right one to ASK: no error, and the record asked for. */
	bool (*check)(const struct bench_options *options, const struct ask *ask,
	    struct slice answer);
};

/* Ending with NULL. */
extern const struct protocol *const protocols[];

/* NULL: there is none. */
const struct protocol *protocol_find(const char *name);

/* ---- for the protocols themselves ---- */

extern const struct protocol protocol_customerd, protocol_rest, protocol_http,
    protocol_redis, protocol_redis_hash, protocol_tarantool, protocol_memcached,
    protocol_postgres, protocol_echo;

/* Whether the uid of KEY is in ANSWER. */
bool protocol_names(struct slice answer, uint64_t key);

void protocol_put(struct buf *out, const char *text);
void protocol_put_number(struct buf *out, uint64_t number); /* in decimal */
void protocol_put_uid(struct buf *out, uint64_t key);

/* The decimal number at the beginning of TEXT; -1 for "-1". */
int64_t protocol_number(struct slice text);

/* Big-endian, as all of them have it. */
void     protocol_put_u32(struct buf *out, uint32_t number);
uint32_t protocol_u32(const char *at);

#endif

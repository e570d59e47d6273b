#include <assert.h>
#include <stddef.h>

#include "proto/limits.h"
#include "proto/scan.h"

#define MSGPACK_EMBED_STACK_SIZE FRAME_DEPTH_MAX
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

/*
 * The parser template keeps what it knows in the bytes of scan->state.  Those are
 * declared as bytes, so whatever is read through another type must be allowed to
 * alias them.
 */
#define IN_STATE __attribute__((may_alias))

/* What the callbacks count.  ELEMENTS + OWED never passes ELEMENTS_MAX. */
struct IN_STATE tally {
	unsigned elements_max, depth_max;
	unsigned elements; /* values, keys and containers begun */
	unsigned owed;     /* values still promised by open containers */
};

/* What callbacks answer; refusals in the words of the template. */
enum {
	TAKEN = 0,
	NOT_PERMITTED = MSGPACK_UNPACK_PARSE_ERROR,
	TOO_MUCH = MSGPACK_UNPACK_NOMEM_ERROR, /* its own stack is full: the same */
};

/* A value has begun that is no container. */
static int
take(struct tally *tally, char *object)
{
	assert(tally->owed > 0);
	*object = 0;
	tally->owed--;
	tally->elements++;
	return TAKEN;
}

/* How many containers are around the one with OBJECT. */
static size_t level_of(const struct tally *tally, const char *object);

/* A container of COUNT values (twice its pairs) has begun. */
static int
take_container(struct tally *tally, uint64_t count, char *object)
{
	assert(tally->owed > 0);
	*object = 0;
	tally->owed--;
	tally->elements++;
	if (level_of(tally, object) >= tally->depth_max)
		return TOO_MUCH;
	if (count > tally->elements_max - tally->elements - tally->owed)
		return TOO_MUCH;
	tally->owed += (unsigned)count;
	return TAKEN;
}

static int
refuse(char *object)
{
	*object = 0;
	return NOT_PERMITTED;
}

/*
 * The template calls these.  Its "object" is what an unpacker would build; ours is
 * one char, which matters only for where it is: a container's is in the place of the
 * stack that is the container's.
 */
// clang-format off
#define on_root(tally)                      0
#define on_nil(tally, object)               take((tally), (object))
#define on_false(tally, object)             take((tally), (object))
#define on_true(tally, object)              take((tally), (object))
#define on_uint8(tally, value, object)      take((tally), (object))
#define on_uint16(tally, value, object)     take((tally), (object))
#define on_uint32(tally, value, object)     take((tally), (object))
#define on_uint64(tally, value, object)     take((tally), (object))
#define on_int8(tally, value, object)       take((tally), (object))
#define on_int16(tally, value, object)      take((tally), (object))
#define on_int32(tally, value, object)      take((tally), (object))
#define on_int64(tally, value, object)      take((tally), (object))
#define on_float(tally, value, object)      take((tally), (object))
#define on_double(tally, value, object)     take((tally), (object))
#define on_str(tally, base, at, len, object) take((tally), (object))
#define on_bin(tally, base, at, len, object) take((tally), (object))
#define on_ext(tally, base, at, len, object) refuse(object)
#define on_array(tally, count, object) \
	take_container((tally), (uint64_t)(count), (object))
#define on_map(tally, count, object) \
	take_container((tally), 2 * (uint64_t)(count), (object))
#define on_array_item(tally, array, item)   TAKEN
#define on_map_item(tally, map, key, value) TAKEN
// clang-format on

#define msgpack_unpack_struct_decl(name) struct IN_STATE template##name
#define msgpack_unpack_struct(name) struct template##name
#define msgpack_unpack_func(type, name) static inline type template##name
#define msgpack_unpack_callback(name) on##name
#define msgpack_unpack_object char
#define msgpack_unpack_user struct tally
#include <msgpack/unpack_template.h>

_Static_assert(sizeof(struct template_context) <= SCAN_STATE_BYTES, "the state fits");

static size_t
level_of(const struct tally *tally, const char *object)
{
	const struct template_context *context =
	    (const void *)((const char *)tally -
			   offsetof(struct template_context, user));

	return (size_t)(object - &context->stack[0].obj) / sizeof(context->stack[0]);
}

static struct template_context *
context_of(struct scan *scan)
{
	return (struct template_context *)scan->state;
}

void
scan_init(struct scan *scan, const struct scan_limits *limits)
{
	struct template_context *context = context_of(scan);

	assert(limits->bytes_max > 0 && limits->elements_max > 0);
	assert(limits->depth_max > 0 && limits->depth_max <= FRAME_DEPTH_MAX);
	/* Not the whole state: that of places in the stack is written when it is used.
	 */
	scan->bytes_max = limits->bytes_max;
	scan->scanned = 0;
	scan->status = STATUS_OK;
	template_init(context);
	context->user = (struct tally){
		.elements_max = limits->elements_max,
		.depth_max = limits->depth_max,
		.owed = 1, /* the message itself */
	};
}

/* Whether the template waits for the rest of an ext value, which is never welcome. */
static bool
is_in_ext(unsigned state)
{
	return (state >= MSGPACK_CS_EXT_8 && state <= MSGPACK_CS_EXT_32) ||
	       (state >= MSGPACK_CS_FIXEXT_1 && state <= MSGPACK_CS_FIXEXT_16) ||
	       state == MSGPACK_ACS_EXT_VALUE;
}

/* The bytes that must still come, at least: every value takes one. */
static size_t
bytes_owed(const struct template_context *context)
{
	size_t owed = context->user.owed;

	if (context->cs != MSGPACK_CS_HEADER)
		owed += context->trail - 1; /* instead of 1 for the value begun */
	return owed;
}

static enum scan_result
bad(struct scan *scan, enum status status)
{
	scan->status = status;
	return SCAN_BAD;
}

enum scan_result
scan_feed(struct scan *scan, struct slice bytes, size_t *len)
{
	struct template_context *context = context_of(scan);
	size_t end = bytes.len < scan->bytes_max ? bytes.len : scan->bytes_max;
	int    result = 0;

	if (scan->status != STATUS_OK)
		return SCAN_BAD;
	assert(end >= scan->scanned);
	if (end > scan->scanned)
		result = template_execute(context, bytes.data, end, &scan->scanned);
	if (result > 0) {
		assert(context->user.owed == 0);
		*len = scan->scanned;
		return SCAN_DONE;
	}
	if (result == TOO_MUCH)
		return bad(scan, STATUS_TOO_LARGE);
	if (result < 0 || is_in_ext(context->cs))
		return bad(scan, STATUS_MALFORMED);
	if (bytes_owed(context) > scan->bytes_max - scan->scanned)
		return bad(scan, STATUS_TOO_LARGE);
	return SCAN_MORE;
}

enum status
scan_status(const struct scan *scan)
{
	return scan->status;
}

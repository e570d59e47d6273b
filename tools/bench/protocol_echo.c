/* The floor: 60 bytes go there, 700 bytes come back (echo.c). */

#include "tools/bench/echo.h"
#include "tools/bench/protocol.h"

static void
encode(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	char bytes[ECHO_ASK_BYTES];

	(void)options;
	(void)ask;
	memset(bytes, 'q', sizeof(bytes));
	buf_put(out, bytes, sizeof(bytes));
}

static size_t
parse(struct slice bytes)
{
	return bytes.len >= ECHO_ANSWER_BYTES ? ECHO_ANSWER_BYTES : 0;
}

static bool
check(const struct bench_options *options, const struct ask *ask, struct slice answer)
{
	(void)options;
	(void)ask;
	return answer.data[0] == 'a' && answer.data[answer.len - 1] == 'a';
}

const struct protocol protocol_echo = { "echo", "the floor: no work at all",
	OP_BIT(OP_READ), NULL, NULL, encode, parse, NULL, check };

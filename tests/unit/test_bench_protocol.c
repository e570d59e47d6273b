/* How customerd-bench judges the answers of servers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/bench/keys.h"
#include "tools/bench/option.h"
#include "tools/bench/protocol.h"

#define UID "UUUUUUUUUU" /* replaced by the uid of the key asked for */
#define NUMBER "\x21"    /* 33 in MessagePack */
#define TEXT_BYTES_MAX 512u

struct example {
	const char  *protocol;
	enum op      op;
	struct slice answer;
	bool         is_right;
};

#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

// clang-format off
static const struct example examples[] = {
	{ "customerd", OP_READ, BYTES("\x94\x01" NUMBER "\xc0\x82\xa2id\x08\xa3uid\xaa" UID), true },
	{ "customerd", OP_READ, BYTES("\x94\x01" NUMBER "\xc0\x82\xa2id\x08\xa3uid\xaaNotThisOne"), false },
	{ "customerd", OP_UPDATE, BYTES("\x94\x01" NUMBER "\x81\xa4" "code\xa4" "BUSY\xaa" UID), false },
	{ "redis", OP_READ, BYTES("$15\r\n\x81\xa3uid" UID "\r\n"), true },
	{ "redis", OP_READ, BYTES("$10\r\nNotThisOne\r\n"), false },
	{ "redis", OP_READ, BYTES("$-1\r\n"), false },
	{ "redis", OP_UPDATE, BYTES("+OK\r\n"), true },
	{ "redis", OP_UPDATE, BYTES("-MISCONF no\r\n"), false },
	{ "redis-hash", OP_READ, BYTES("*2\r\n$3\r\nuid\r\n$10\r\n" UID "\r\n"), true },
	{ "redis-hash", OP_READ, BYTES("*0\r\n"), false },
	{ "redis-hash", OP_UPDATE, BYTES(":0\r\n"), true },
	{ "redis-hash", OP_UPDATE, BYTES(":2\r\n"), false },
	{ "tarantool", OP_READ, BYTES("\xce\0\0\0\x14\x82\x00\x00\x01" NUMBER "\x81\x30\x91\x91\xaa" UID), true },
	{ "tarantool", OP_READ, BYTES("\xce\0\0\0\x08\x82\x00\x00\x01" NUMBER "\x81\x30\x90"), false },
	{ "tarantool", OP_READ, BYTES("\xce\0\0\0\x14\x82\x00\xcd\x80\x03\x01" NUMBER "\x81\x31\xaa" UID), false },
	{ "memcached", OP_READ, BYTES("VALUE " UID " 0 12\r\nab" UID "\r\nEND\r\n"), true },
	{ "memcached", OP_READ, BYTES("END\r\n"), false },
	{ "memcached", OP_UPDATE, BYTES("STORED\r\n"), true },
	{ "memcached", OP_UPDATE, BYTES("SERVER_ERROR out of memory\r\n"), false },
	{ "postgresql", OP_READ, BYTES("2\0\0\0\4D\0\0\0\x14\0\1\0\0\0\x0a" UID "C\0\0\0\x0dSELECT 1\0Z\0\0\0\5I"), true },
	{ "postgresql", OP_READ, BYTES("2\0\0\0\4C\0\0\0\x0dSELECT 0\0Z\0\0\0\5I"), false },
	{ "postgresql", OP_UPDATE, BYTES("2\0\0\0\4C\0\0\0\x0dUPDATE 1\0Z\0\0\0\5I"), true },
	{ "postgresql", OP_UPDATE, BYTES("2\0\0\0\4C\0\0\0\x0dUPDATE 0\0Z\0\0\0\5I"), false },
	{ "http", OP_READ, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{" UID "}"), true },
	{ "http", OP_READ, BYTES("HTTP/1.1 404 Not Found\r\ncontent-length: 12\r\n\r\n{" UID "}"), false },
	{ "rest", OP_UPDATE, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nNotThisOne"), false },
};
// clang-format on

#define EXAMPLE_COUNT (sizeof(examples) / sizeof(examples[0]))

static const struct ask     asked = { .key = 7, .number = 33 };
static struct bench_options options = { .path = "/{uid}", .record_bytes = 650 };

/* The answer of EXAMPLE with the uid in it. */
static struct slice
answer_of(const struct example *example, char text[TEXT_BYTES_MAX])
{
	char *place;

	assert_true(example->answer.len <= TEXT_BYTES_MAX);
	memcpy(text, example->answer.data, example->answer.len);
	while ((place = memmem(text, example->answer.len, UID, sizeof(UID) - 1)))
		key_uid(asked.key, place);
	return slice_of(text, example->answer.len);
}

static void
an_answer_ends_where_it_ends(void **state)
{
	char text[TEXT_BYTES_MAX];

	(void)state;
	for (unsigned i = 0; i < EXAMPLE_COUNT; i++) {
		const struct protocol *protocol = protocol_find(examples[i].protocol);
		struct slice           answer = answer_of(&examples[i], text);

		assert_int_equal(protocol->parse(answer), answer.len);
		for (size_t part = 0; part < answer.len; part++)
			assert_int_equal(
			    protocol->parse(slice_of(answer.data, part)), 0);
	}
}

static void
only_right_answers_count_as_right(void **state)
{
	char text[TEXT_BYTES_MAX];

	(void)state;
	for (unsigned i = 0; i < EXAMPLE_COUNT; i++) {
		const struct protocol *protocol = protocol_find(examples[i].protocol);
		struct slice           answer = answer_of(&examples[i], text);
		struct ask             ask = asked;

		ask.op = examples[i].op;
		if (protocol->number)
			assert_int_equal(protocol->number(answer), asked.number);
		if (protocol->check(&options, &ask, answer) != examples[i].is_right)
			fail_msg("%s: example %u is judged wrongly",
			    examples[i].protocol, i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_ends_where_it_ends),
		cmocka_unit_test(only_right_answers_count_as_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

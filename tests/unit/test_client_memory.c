/*
 * client: memory that runs out, at each allocation in turn, is an error like others.
 *
 * The linker puts the functions below in front of the C library's (--wrap).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/customerd.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/scan.h"

/* Only what the library allocates counts; -1: nothing fails. */
static long allocations_left = -1;
static bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool
fails(void)
{
	if (allocations_left < 0 || allocations_left-- > 0)
		return false;
	has_failed = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

/* Fail the allocation NUMBER of what follows; forgive() ends that. */
static void
fail_at(long number)
{
	has_failed = false;
	allocations_left = number;
}

static void
forgive(void)
{
	allocations_left = -1;
}

struct tally {
	unsigned begun, ended, answered;
};

static void
on_end(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct tally *tally = user;

	(void)result;
	(void)error;
	tally->ended++;
	tally->answered += status == CUSTOMERD_OK;
}

static void
begin(struct customerd_core *core, struct tally *tally)
{
	const struct customerd_call call = { .method = "customer.get" };
	struct customerd_error      error;
	enum customerd_status       status =
	    customerd_core_call(core, &call, 0, on_end, tally, NULL, &error);

	if (status == CUSTOMERD_OK)
		tally->begun++;
	else
		assert_int_equal(status, CUSTOMERD_NO_MEMORY);
}

static void
send_all(struct customerd_core *core)
{
	struct customerd_slice output;

	while ((output = customerd_core_output(core)).len > 0)
		customerd_core_sent(core, output.len);
}

/* Answers to the msgids 1 to 8, whoever has them, in pieces that do not fit. */
static bool
answer_all(struct customerd_core *core, struct customerd_error *error)
{
	struct buf answers;
	bool       is_good = true;
	long       left = allocations_left;

	forgive(); /* the server has memory */
	buf_init(&answers, 1 << 20);
	for (uint32_t msgid = 1; msgid <= 8; msgid++) {
		message_pack_result(&answers, msgid);
		pack_map(&answers, 0);
	}
	allocations_left = left;
	for (size_t at = 0; at < answers.len && is_good; at += 3) {
		size_t len = answers.len - at < 3 ? answers.len - at : 3;

		is_good = customerd_core_feed(core, answers.data + at, len, error);
	}
	buf_fini(&answers);
	return is_good;
}

/* A connection with three calls; each must end, and with memory, well. */
static void
run_core(struct tally *tally)
{
	const struct customerd_options options = { .address = NULL };
	struct customerd_error         error;
	struct customerd_core         *core;

	if (customerd_core_new(&core, &options, &error) != CUSTOMERD_OK) {
		assert_string_equal(error.code, "NO_MEMORY");
		assert_null(core);
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		begin(core, tally);
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		if (customerd_core_hello(core, "token", NULL, NULL, NULL, &error) !=
		    CUSTOMERD_OK) {
			assert_string_equal(error.code, "NO_MEMORY");
			continue;
		}
		send_all(core);
		if (answer_all(core, &error)) {
			send_all(core);
			if (answer_all(core, &error))
				break;
		}
		assert_string_equal(error.code, "NO_MEMORY");
		customerd_core_disconnected(core, &error);
	}
	send_all(core);
	assert_true(answer_all(core, &error));
	customerd_core_free(core);
}

static void
every_call_survives_one_failed_allocation(void **state)
{
	long number = 0;

	(void)state;
	do {
		struct tally tally = { 0 };

		fail_at(number++);
		run_core(&tally);
		forgive();
		assert_int_equal(tally.ended, tally.begun);
		assert_int_equal(tally.answered, tally.begun);
	} while (has_failed);
	assert_true(number > 5);
}

static void
an_update_that_lacks_memory_says_so(void **state)
{
	struct customerd_error error;
	struct customerd_call  call;
	long                   number = 0;

	(void)state;
	do {
		struct customerd_update *update;
		enum customerd_status    status;

		fail_at(number++);
		update = customerd_update_new_uid("XAyRWNUzyN");
		customerd_update_set_text(update, "email", "ada@example.com");
		customerd_update_open_map(update, "metadata");
		customerd_update_set_integer(update, "a", 1);
		customerd_update_close(update);
		customerd_update_add_tag(update, "vip");
		customerd_update_remove_tag(update, "gold");
		status = customerd_update_call(update, &call, &error);
		forgive();
		assert_int_equal(
		    status, has_failed ? CUSTOMERD_NO_MEMORY : CUSTOMERD_OK);
		customerd_update_free(update);
	} while (has_failed);
	assert_true(number > 4);
}

static void
handles_that_cannot_be_made_leave_nothing_behind(void **state)
{
	const struct customerd_options options = { .address = "unix:/nowhere" };
	struct customerd_error         error;
	long                           number = 0;

	(void)state;
	do {
		struct customerd_async *async;
		enum customerd_status   status;

		fail_at(number++);
		status = customerd_async_new(&async, &options, &error);
		forgive();
		assert_int_equal(
		    status, has_failed ? CUSTOMERD_NO_MEMORY : CUSTOMERD_OK);
		customerd_async_free(async);
	} while (has_failed);
	number = 0;
	do {
		struct customerd_pool *pool;

		fail_at(number++);
		customerd_pool_new(&pool, &options, 4, &error);
		forgive();
		assert_true(has_failed == (pool == NULL));
		customerd_pool_free(pool);
	} while (has_failed);
}

/* ---- Feeds ---- */

#define CHANGES 12 /* that there are */
#define WINDOW 4u
#define ROUNDS_MAX 8u /* one of them fails; so few connections must do */

struct follower {
	struct customerd_core *core;
	struct customerd_feed *feed;
	int64_t                last;    /* of the changes that came, from 1 on */
	unsigned               endings; /* of the feed */
};

static void
on_change(void *user, struct customerd_slice change)
{
	struct follower *follower = user;
	int64_t          sequence = 0;

	assert_true(customerd_get_integer(change, "seq", &sequence));
	assert_int_equal(sequence, ++follower->last);
}

static void
on_feed_end(
    void *user, enum customerd_status status, const struct customerd_error *error)
{
	struct follower *follower = user;

	(void)status;
	(void)error;
	follower->endings++;
}

/* Pack the changes behind AFTER, as many as CREDIT permits. */
static void
pack_changes(struct buf *out, int64_t after, int64_t credit)
{
	int64_t last = after + credit < CHANGES ? after + credit : CHANGES;

	message_pack_notification(out, SLICE("change"));
	pack_array(out, 1);
	pack_map(out, 4);
	pack_literal(out, "subscription");
	pack_integer(out, 1);
	pack_literal(out, "items");
	pack_array(out, (uint32_t)(last - after));
	for (int64_t sequence = after + 1; sequence <= last; sequence++) {
		pack_map(out, 1);
		pack_literal(out, "seq");
		pack_integer(out, sequence);
	}
	pack_literal(out, "next");
	pack_integer(out, last);
	pack_literal(out, "last");
	pack_integer(out, CHANGES);
}

/* What the server says to REQUEST; *SENT is the last change it has sent so far. */
static void
pack_reply(struct buf *out, const struct message *request, int64_t *sent)
{
	const struct customerd_slice args = { request->args.data, request->args.len };
	int64_t                      credit = 0;

	message_pack_result(out, request->msgid);
	pack_map(out, 3);
	pack_literal(out, "subscription");
	pack_integer(out, 1);
	pack_literal(out, "last");
	pack_integer(out, CHANGES);
	customerd_get_integer(args, "after", sent);
	pack_literal(out, "next");
	pack_integer(out, *sent);
	if (!customerd_get_integer(args, "credit", &credit) || *sent == CHANGES)
		return;
	pack_changes(out, *sent, credit);
	*sent = *sent + credit < CHANGES ? *sent + credit : CHANGES;
}

/* Answer what the core has sent.  The server has memory, whoever else has none. */
static bool
serve(struct follower *follower, int64_t *sent, struct customerd_error *error)
{
	const struct scan_limits limits = { 1 << 20, 16, 65536 };
	struct customerd_slice   output = customerd_core_output(follower->core);
	long                     left = allocations_left;
	struct buf               reply;
	bool                     is_good;
	size_t                   len;

	forgive();
	buf_init(&reply, 1 << 20);
	for (size_t at = 0; at < output.len; at += len) {
		struct slice   rest = slice_of(output.data + at, output.len - at);
		struct message request;
		struct scan    scan;

		scan_init(&scan, &limits);
		assert_int_equal(scan_feed(&scan, rest, &len), SCAN_DONE);
		assert_int_equal(
		    message_decode(&request, slice_of(rest.data, len)), STATUS_OK);
		pack_reply(&reply, &request, sent);
	}
	allocations_left = left;
	customerd_core_sent(follower->core, output.len);
	is_good = customerd_core_feed(follower->core, reply.data, reply.len, error);
	buf_fini(&reply);
	return is_good;
}

/* Take the changes that are kept, if FOLLOWER's feed keeps them. */
static void
take_kept(struct follower *follower)
{
	struct customerd_slice change;
	struct customerd_error error;

	while (customerd_feed_next(follower->feed, 0, &change, &error) == CUSTOMERD_OK)
		on_change(follower, change);
}

/* One connection: until all has come, or memory has not been there. */
static void
follow_once(struct follower *follower, bool is_kept)
{
	struct customerd_error error;
	int64_t                sent = 0;

	if (customerd_core_hello(follower->core, NULL, NULL, NULL, NULL, &error) !=
	    CUSTOMERD_OK) {
		assert_string_equal(error.code, "NO_MEMORY");
		return;
	}
	for (unsigned turn = 0; turn < 2 * CHANGES && follower->last < CHANGES;
	     turn++) {
		if (!serve(follower, &sent, &error)) {
			assert_string_equal(error.code, "NO_MEMORY");
			break;
		}
		if (is_kept)
			take_kept(follower);
	}
	error = (struct customerd_error){ "CONNECTION_LOST", "the cable",
		.retryable = true };
	customerd_core_disconnected(follower->core, &error);
}

static void
run_feed(bool is_kept)
{
	const struct customerd_options      options = { .address = NULL };
	const struct customerd_feed_options where = { .window = WINDOW };
	struct follower                     follower = { 0 };
	struct customerd_error              error;

	if (customerd_core_new(&follower.core, &options, &error) != CUSTOMERD_OK)
		return;
	if (customerd_feed_open_core(&follower.feed, follower.core, &where,
		is_kept ? NULL : on_change, on_feed_end, &follower,
		&error) != CUSTOMERD_OK) {
		assert_true(has_failed);
		assert_string_equal(error.code, "NO_MEMORY");
		assert_null(follower.feed);
	} else {
		for (unsigned i = 0; i < ROUNDS_MAX && follower.last < CHANGES; i++)
			follow_once(&follower, is_kept);
		if (is_kept)
			take_kept(&follower);
		assert_int_equal(follower.last, CHANGES);
		assert_int_equal(follower.endings, 0);
		assert_int_equal(customerd_feed_position(follower.feed), CHANGES);
	}
	customerd_feed_close(follower.feed);
	customerd_core_free(follower.core);
}

static void
a_feed_survives_one_failed_allocation(void **state)
{
	(void)state;
	for (unsigned is_kept = 0; is_kept < 2; is_kept++) {
		long number = 0;

		do {
			fail_at(number++);
			run_feed(is_kept);
			forgive();
		} while (has_failed);
		assert_true(number > 5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_survives_one_failed_allocation),
		cmocka_unit_test(a_feed_survives_one_failed_allocation),
		cmocka_unit_test(an_update_that_lacks_memory_says_so),
		cmocka_unit_test(handles_that_cannot_be_made_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

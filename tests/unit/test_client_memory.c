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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_survives_one_failed_allocation),
		cmocka_unit_test(an_update_that_lacks_memory_says_so),
		cmocka_unit_test(handles_that_cannot_be_made_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* password: argon2id, through libsodium. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <sys/resource.h>

#include "server/domain/password.h"

/* Run one job on TEXT, of which password_run() wipes a copy. */
static bool
run(struct password_job *job, enum password_todo todo, const char *text)
{
	char   clear[1024];
	size_t len = strlen(text);
	bool   done;

	assert_true(len <= sizeof(clear));
	memcpy(clear, text, len);
	job->todo = todo;
	job->clear = slice_of(clear, len);
	done = password_run(job);
	assert_true(sodium_is_zero((const unsigned char *)clear, len));
	return done;
}

static void
a_password_matches_its_own_hash_only(void **state)
{
	struct password_job job = { 0 };

	(void)state;
	assert_true(run(&job, PASSWORD_HASH, "correct horse"));
	assert_true(run(&job, PASSWORD_VERIFY, "correct horse"));
	assert_true(job.matches);
	assert_true(run(&job, PASSWORD_VERIFY, "correct horsf"));
	assert_false(job.matches);
	assert_true(run(&job, PASSWORD_VERIFY, "correct horse "));
	assert_false(job.matches);
	assert_true(run(&job, PASSWORD_VERIFY, ""));
	assert_false(job.matches);
}

static void
two_hashes_of_a_password_differ(void **state)
{
	struct password_job a = { 0 }, b = { 0 };

	(void)state;
	assert_true(run(&a, PASSWORD_HASH, "correct horse"));
	assert_true(run(&b, PASSWORD_HASH, "correct horse"));
	assert_string_not_equal(a.hash, b.hash);
	assert_ptr_equal(strstr(a.hash, "$argon2id$v=19$m=19456,t=2,p=1$"), a.hash);
	assert_null(strstr(a.hash, "correct horse"));
}

/* With the parameters of real ones, so that it takes as long. */
static void
a_decoy_is_a_hash_that_nothing_matches(void **state)
{
	struct password_job job = { 0 };

	(void)state;
	password_decoy(&job);
	assert_int_equal(crypto_pwhash_str_needs_rehash(
			     job.hash, PASSWORD_OPS, PASSWORD_MEMORY_BYTES),
	    0);
	assert_true(run(&job, PASSWORD_VERIFY, "correct horse"));
	assert_false(job.matches);
	assert_true(run(&job, PASSWORD_VERIFY, ""));
	assert_false(job.matches);
}

static void
jobs_are_done_and_wiped_to_the_last(void **state)
{
	char                clear[3][8] = { "first", "second", "third" };
	struct password_job jobs[3] = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		jobs[i].clear = slice_of(clear[i], sizeof(clear[i]));
		jobs[i].next = i < 2 ? &jobs[i + 1] : NULL;
	}
	jobs[0].todo = PASSWORD_HASH;
	jobs[1].todo = PASSWORD_NOTHING;
	jobs[2].todo = PASSWORD_HASH;
	assert_true(password_run(jobs));
	assert_true(sodium_is_zero((const unsigned char *)clear, sizeof(clear)));
	assert_string_not_equal(jobs[0].hash, "");
	assert_string_equal(jobs[1].hash, "");
	assert_string_not_equal(jobs[2].hash, "");
}

/* A lack of memory is no wrong password. */
static void
memory_that_runs_out_is_told_from_a_mismatch(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)state;
	skip(); /* they need more address space than any limit leaves */
#else
	struct password_job job = { 0 };
	struct rlimit       wide, narrow;
	bool                hashed, verified;

	(void)state;
	password_decoy(&job);
	assert_int_equal(getrlimit(RLIMIT_AS, &wide), 0);
	narrow = wide;
	narrow.rlim_cur = PASSWORD_MEMORY_BYTES; /* less than program and hash need */
	assert_int_equal(setrlimit(RLIMIT_AS, &narrow), 0);
	verified = run(&job, PASSWORD_VERIFY, "correct horse");
	hashed = run(&job, PASSWORD_HASH, "correct horse");
	assert_int_equal(setrlimit(RLIMIT_AS, &wide), 0);
	assert_false(verified);
	assert_false(hashed);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_matches_its_own_hash_only),
		cmocka_unit_test(two_hashes_of_a_password_differ),
		cmocka_unit_test(a_decoy_is_a_hash_that_nothing_matches),
		cmocka_unit_test(jobs_are_done_and_wiped_to_the_last),
		cmocka_unit_test(memory_that_runs_out_is_told_from_a_mismatch),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <sodium.h>
#include <sys/mman.h>

#include "server/domain/password.h"

_Static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_STRBYTES, "as libsodium has it");

/* Of random bytes that were thrown away, made with the parameters of password.h. */
static const char DECOY[] = "$argon2id$v=19$m=19456,t=2,p=1"
			    "$Btr/mHIMUSSoQMYi7NY3dw"
			    "$EOPX8RnXv3HjM5L99YUWmb8lWpi2+5vms/dYnysU/wo";

_Static_assert(sizeof(DECOY) <= PASSWORD_HASH_BYTES, "a hash like any other");

/* False: out of memory. */
static bool
hash(struct password_job *job)
{
	return crypto_pwhash_str_alg(job->hash, job->clear.data, job->clear.len,
		   PASSWORD_OPS, PASSWORD_MEMORY_BYTES,
		   crypto_pwhash_ALG_ARGON2ID13) == 0;
}

/* Is there as much memory as a hash takes, and a little more? */
static bool
memory_suffices(void)
{
	const size_t size = PASSWORD_MEMORY_BYTES + 1024u * 1024u;
	void        *memory;

	memory = mmap(
	    NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	munmap(memory, size);
	return true;
}

/*
 * False: out of memory.  libsodium takes that for a mismatch, which would be a wrong
 * answer, so look first.
 */
static bool
verify(struct password_job *job)
{
	if (!memory_suffices())
		return false;
	job->matches =
	    crypto_pwhash_str_verify(job->hash, job->clear.data, job->clear.len) == 0;
	return true;
}

bool
password_run(struct password_job *job)
{
	bool done = true;

	for (; job != NULL; job = job->next) {
		switch (job->todo) {
		case PASSWORD_HASH: done = done && hash(job); break;
		case PASSWORD_VERIFY: done = done && verify(job); break;
		case PASSWORD_NOTHING: break;
		}
		/* A slice only lends; but what it lends here lies in the call's arena.
		 */
		sodium_memzero((char *)job->clear.data, job->clear.len);
	}
	return done;
}

void
password_decoy(struct password_job *job)
{
	memcpy(job->hash, DECOY, sizeof(DECOY));
}

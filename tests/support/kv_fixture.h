/*
 * kv_fixture -- a database in a directory of its own, for unit tests.
 *
 * What fails here fails the test.
 */

#ifndef SUPPORT_KV_FIXTURE_H
#define SUPPORT_KV_FIXTURE_H

#include <sys/types.h>

#include "server/kv/kv.h"

struct kv_fixture {
	char       directory[64];
	size_t     bytes_max, journal_bytes_max;
	struct kv *kv; /* NULL while closed */
};

/* For cmocka: make and remove a struct kv_fixture, with its database open. */
int kv_fixture_setup(void **state);
/* The same where no disk is waited for, if there is such a place: hundreds of times. */
int kv_fixture_setup_in_memory(void **state);
int kv_fixture_teardown(void **state);

void must_open(struct kv_fixture *f);
void must_close(struct kv_fixture *f);

/* Open must fail with STATUS and a sentence that contains WORDS. */
void must_refuse(struct kv_fixture *f, enum status status, const char *words);

/* The path of NAME in the directory; valid until the next call. */
const char *path_in(const struct kv_fixture *f, const char *name);

/* One batch with one change. */
void must_put(
    struct kv_fixture *f, enum kv_table table, const char *key, const char *value);
void must_del(struct kv_fixture *f, enum kv_table table, const char *key);

/* What a new snapshot says: the value, or NULL; valid until the next call. */
const char *look_up(struct kv_fixture *f, enum kv_table table, const char *key);

/* ---- behind its back, while it is closed ---- */

void overwrite_file(
    const struct kv_fixture *f, off_t offset, const void *bytes, size_t len);

/* The bytes of the file; to be freed. */
char *file_contents(const struct kv_fixture *f, size_t *len);

/* Put the bytes STORED, which should begin with a checksum, past the seam. */
void put_raw(
    struct kv_fixture *f, const char *table, const char *key, struct slice stored);

#endif

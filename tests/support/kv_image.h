/*
 * kv_image -- the files of a database as they are at some moment: what a crash leaves.
 *
 * What fails here fails the test.
 */

#ifndef SUPPORT_KV_IMAGE_H
#define SUPPORT_KV_IMAGE_H

#include "tests/support/kv_fixture.h"

enum { KV_IMAGE_DATA, KV_IMAGE_JOURNAL_0, KV_IMAGE_JOURNAL_1, KV_IMAGE_FILES };

struct kv_image {
	char  *bytes[KV_IMAGE_FILES]; /* NULL: there is no such file */
	size_t lens[KV_IMAGE_FILES];
};

/* The files of F, while nobody writes to them; to be given to kv_image_free(). */
struct kv_image kv_image_take(const struct kv_fixture *f);
void            kv_image_free(struct kv_image *image);

/* Have the files of F, which is closed, be those of IMAGE. */
void kv_image_put(const struct kv_fixture *f, const struct kv_image *image);

/* Close F, whose directory is then as if it had been killed now: as in the image. */
struct kv_image kv_image_crash(struct kv_fixture *f);

#endif

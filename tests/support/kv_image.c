#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/kv_image.h"

static const char *const names[KV_IMAGE_FILES] = { "data.mdb", "journal.0",
	"journal.1" };

struct kv_image
kv_image_take(const struct kv_fixture *f)
{
	struct kv_image image = { { NULL }, { 0 } };
	struct stat     st;

	for (size_t i = 0; i < KV_IMAGE_FILES; i++) {
		int fd = open(path_in(f, names[i]), O_RDONLY);

		if (fd < 0)
			continue;
		assert_int_equal(fstat(fd, &st), 0);
		image.lens[i] = (size_t)st.st_size;
		assert_non_null(image.bytes[i] = malloc(image.lens[i]));
		assert_int_equal(read(fd, image.bytes[i], image.lens[i]), st.st_size);
		close(fd);
	}
	return image;
}

void
kv_image_put(const struct kv_fixture *f, const struct kv_image *image)
{
	for (size_t i = 0; i < KV_IMAGE_FILES; i++) {
		int fd;

		unlink(path_in(f, names[i]));
		if (image->bytes[i] == NULL)
			continue;
		fd = open(path_in(f, names[i]), O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, image->bytes[i], image->lens[i]),
		    (ssize_t)image->lens[i]);
		close(fd);
	}
	unlink(path_in(f, "lock.mdb"));
}

void
kv_image_free(struct kv_image *image)
{
	for (size_t i = 0; i < KV_IMAGE_FILES; i++)
		free(image->bytes[i]);
}

struct kv_image
kv_image_crash(struct kv_fixture *f)
{
	struct kv_image image = kv_image_take(f);

	must_close(f);
	kv_image_put(f, &image);
	return image;
}

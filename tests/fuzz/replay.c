/*
 * replay -- run a fuzz target once over every file of the folders given.
 *
 * What a fuzzer once found stays tested by any compiler, in every variant.  A
 * folder without a file is a mistake: nothing would be tested.
 */

#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1024u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay_file(const char *folder, const char *name)
{
	char     path[4096];
	uint8_t *data;
	size_t   size;
	FILE    *file;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		errx(1, "the path of %s is too long", name);
	file = fopen(path, "rb");
	if (file == NULL)
		err(1, "%s", path);
	data = malloc(FILE_BYTES_MAX);
	if (data == NULL)
		err(1, "malloc");
	size = fread(data, 1, FILE_BYTES_MAX, file);
	if (ferror(file) || !feof(file))
		errx(1, "%s: cannot be read, or is too large", path);
	fclose(file);
	/* Of just that size, so that a sanitizer sees a read past the end. */
	data = realloc(data, size > 0 ? size : 1);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static unsigned
replay_folder(const char *folder)
{
	const struct dirent *entry;
	unsigned             count = 0;
	DIR                 *dir = opendir(folder);

	if (dir == NULL)
		err(1, "%s", folder);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		replay_file(folder, entry->d_name);
		count++;
	}
	closedir(dir);
	if (count == 0)
		errx(1, "%s: no file to replay", folder);
	return count;
}

int
main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++)
		count += replay_folder(argv[i]);
	printf("%u files replayed\n", count);
	return count > 0 ? 0 : 1;
}

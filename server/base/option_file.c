/*
 * The configuration file, read with libinih.
 */

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "server/base/option.h"
#include "server/base/option_internal.h"

struct file_reader {
	struct options *options;
	FILE           *file;
	unsigned        line; /* the number of the one being read */
	char           *why;
	size_t          why_size;
	bool            refused;
};

/* Remember the first reason only, with the place in front. */
static void
refuse_line(struct file_reader *reader, const char *reason)
{
	if (!reader->refused)
		option_refuse(reader->why, reader->why_size, "%s:%u: %s",
		    reader->options->config, reader->line, reason);
	reader->refused = true;
}

/*
 * Give libinih one line, like fgets().  A line that its buffer cannot hold would be
 * taken for two, and one that begins with a blank for more of the line before; only
 * a comment and an empty line may.  (strchr() finds the end of the string, too.)
 */
static char *
read_line(char *bytes, int size, void *context)
{
	struct file_reader *reader = context;
	size_t              len = 0;
	int                 c;

	reader->line++;
	while ((c = getc(reader->file)) != EOF && c != '\n') {
		if (c == '\0')
			refuse_line(reader, "the line holds a NUL");
		else if (len == (size_t)size - 1)
			refuse_line(reader, "the line is too long");
		if (reader->refused)
			return NULL;
		bytes[len++] = (char)c;
	}
	if (c == EOF && len == 0)
		return NULL;
	bytes[len] = '\0';
	if ((bytes[0] == ' ' || bytes[0] == '\t') &&
	    !strchr("#;", bytes[strspn(bytes, " \t\r")])) {
		refuse_line(reader, "the line begins with a blank");
		return NULL;
	}
	return bytes;
}

static const struct option_row *
find_key(const char *name)
{
	for (const struct option_row *row = option_rows;
	     row < option_rows + OPTION_COUNT; row++)
		if (row->group != OPTION_GROUP_COMMAND && strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* libinih calls this for each pair; 0 ends the parsing. */
static int
on_pair(void *context, const char *section, const char *name, const char *value)
{
	struct file_reader      *reader = context;
	const struct option_row *row = find_key(name);
	char                     reason[256];

	if (*section != '\0')
		option_refuse(reason, sizeof(reason),
		    "there are no sections, like [%.64s]", section);
	else if (row == NULL)
		option_refuse(reason, sizeof(reason), "%.64s is not an option", name);
	else if (option_set(reader->options, row, value, OPTION_FROM_FILE, reason,
		     sizeof(reason)))
		return 1;
	refuse_line(reader, reason);
	return 0;
}

bool
option_read_file(struct options *options, char *why, size_t why_size)
{
	struct file_reader reader = { options, NULL, 0, why, why_size, false };
	int                bad_line;

	reader.file = fopen(options->config, "re");
	if (reader.file == NULL)
		return option_refuse(why, why_size, "cannot read %s: %s",
		    options->config, strerror(errno));
	bad_line = ini_parse_stream(read_line, &reader, on_pair, &reader);
	if (ferror(reader.file) && !reader.refused)
		refuse_line(&reader, strerror(errno));
	fclose(reader.file);
	if (bad_line != 0 && !reader.refused) {
		reader.line = bad_line > 0 ? (unsigned)bad_line : reader.line;
		refuse_line(&reader, "the line is not of the form name = value");
	}
	return !reader.refused;
}

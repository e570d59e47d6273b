#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/source_internal.h"

bool
source_format(const char *text, const char *name, enum source_format *format)
{
	const char *dot = strrchr(name, '.');

	if (text == NULL)
		text = dot != NULL && strcmp(dot, ".csv") == 0 ? "csv" : "ndjson";
	*format = strcmp(text, "csv") == 0 ? SOURCE_CSV : SOURCE_NDJSON;
	if (*format == SOURCE_CSV || strcmp(text, "ndjson") == 0)
		return true;
	ctl_say("--format: ndjson or csv, please");
	return false;
}

/* The mark that some programs put in front of UTF-8. */
static void
skip_mark(struct source *source)
{
	int c = getc(source->file);

	if (c != 0xef) {
		ungetc(c, source->file);
		return;
	}
	if (getc(source->file) == 0xbb && getc(source->file) == 0xbf)
		source->place.offset = 3;
	else
		rewind(source->file);
}

struct source *
source_open(const char *name, enum source_format format)
{
	struct source *source = calloc(1, sizeof(*source));
	struct stat    about;

	if (source == NULL)
		return NULL;
	source->format = format;
	source->name = strdup(name);
	buf_init(&source->piece, SOURCE_RECORD_BYTES_MAX);
	source->file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	if (source->file == NULL || fstat(fileno(source->file), &about) != 0) {
		ctl_say("%s: %s", name, strerror(errno));
		source_close(source);
		return NULL;
	}
	source->bytes = S_ISREG(about.st_mode) ? about.st_size : 0;
	skip_mark(source);
	if (format == SOURCE_CSV && !source_csv_open(source)) {
		source_close(source);
		return NULL;
	}
	return source;
}

void
source_close(struct source *source)
{
	if (source == NULL)
		return;
	if (source->format == SOURCE_CSV)
		source_csv_close(source);
	if (source->file != NULL && source->file != stdin)
		fclose(source->file);
	buf_fini(&source->piece);
	free(source->name);
	free(source);
}

bool
source_seek(struct source *source, struct source_place place)
{
	if (fseeko(source->file, place.offset, SEEK_SET) != 0) {
		ctl_say("%s: %s", source->name, strerror(errno));
		return false;
	}
	source->place = place;
	return true;
}

int64_t
source_bytes(const struct source *source)
{
	return source->bytes;
}

int
source_error(const struct source *source)
{
	return source->error;
}

/* Is C what comes next? */
static bool
is_next(FILE *file, int c)
{
	int next = getc_unlocked(file);

	ungetc(next, file);
	return next == c;
}

bool
source_piece(struct source *source, bool ends_with_cr)
{
	int64_t begin = source->place.offset;
	int     c;

	buf_clear(&source->piece, SOURCE_RECORD_BYTES_MAX);
	while ((c = getc_unlocked(source->file)) != EOF) {
		char letter = (char)c;

		buf_put(&source->piece, &letter, 1);
		source->place.offset++;
		if (c == '\r' && ends_with_cr && !is_next(source->file, '\n'))
			break;
		if (c == '\n')
			break;
	}
	source->is_too_long = source->piece.failed;
	source->is_cut = c == EOF;
	source->place.line += c == '\n';
	if (c == EOF && ferror(source->file))
		source->error = errno;
	return source->place.offset > begin && source->error == 0;
}

/* Take the object that the piece is. */
static void
take_object(struct source *source, struct source_record *record)
{
	if (source->is_too_long)
		snprintf(record->why, sizeof(record->why), "the line is too long");
	else
		record->record = json_parse_object(
		    source->piece.data, source->piece.len, record->why);
}

bool
source_next(struct source *source, struct source_record *record)
{
	*record = (struct source_record){ .record = NULL };
	if (source->format == SOURCE_CSV)
		return source_csv_next(source, record);
	while (source_piece(source, false)) {
		struct slice text = buf_slice(&source->piece);

		while (text.len > 0 && memchr(" \t\r\n", text.data[text.len - 1], 4))
			text.len--;
		if (text.len == 0)
			continue;
		record->behind = source->place;
		record->line = source->place.line + source->is_cut;
		take_object(source, record);
		return true;
	}
	return false;
}

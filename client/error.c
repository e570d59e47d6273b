#include <stdarg.h>
#include <stdio.h>

#include "client/internal.h"
#include "proto/reader.h"

void
error_set(struct customerd_error *error, const char *code, bool retryable,
    const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return;
	*error = (struct customerd_error){ .retryable = retryable };
	snprintf(error->code, sizeof(error->code), "%s", code);
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
}

enum customerd_status
error_no_memory(struct customerd_error *error)
{
	error_set(error, "NO_MEMORY", true, "out of memory");
	return CUSTOMERD_NO_MEMORY;
}

enum customerd_status
error_misuse(struct customerd_error *error, const char *message)
{
	error_set(error, "BAD_CALL", false, "%s", message);
	return CUSTOMERD_MISUSE;
}

/* The length of the printable character at the front of TEXT, or 0. */
static size_t
printable_len(struct slice text)
{
	const unsigned char *byte = (const unsigned char *)text.data;
	size_t               len;

	if (byte[0] < 0x80)
		return byte[0] >= 0x20 && byte[0] != 0x7f;
	len = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
	if (byte[0] < 0xc2 || byte[0] > 0xf4 || text.len < len)
		return 0;
	if (byte[0] == 0xc2 && byte[1] < 0xa0)
		return 0; /* control characters that some terminals obey */
	for (size_t i = 1; i < len; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/*
 * Append TEXT to the terminated string TO of SIZE bytes: one printable line, cut
 * between characters.  It comes from a server that nobody needs to trust.
 */
static void
append_printable(char *to, size_t size, struct slice text)
{
	size_t used = strlen(to);

	while (text.len > 0) {
		size_t len = printable_len(text);
		size_t taken = len == 0 ? 1 : len;

		if (used + taken >= size)
			break;
		memcpy(to + used, len == 0 ? "?" : text.data, taken);
		used += taken;
		text = slice_of(text.data + taken, text.len - taken);
	}
	to[used] = '\0';
}

void
customerd_printable(char *to, size_t size, struct customerd_slice text)
{
	if (size == 0)
		return;
	to[0] = '\0';
	append_printable(to, size, slice_in(text));
}

static struct slice
text_at(struct customerd_slice value, const char *path)
{
	struct customerd_slice text = { NULL, 0 };

	customerd_get_text(value, path, &text);
	return slice_in(text);
}

/* Name the first field that was refused, which says more than "some fields". */
static void
append_field(struct customerd_error *error)
{
	struct customerd_walk  walk;
	struct customerd_slice errors;
	struct slice           path = text_at(error->details, "errors.0.path");
	size_t                 size = sizeof(error->message);

	if (path.len == 0)
		return;
	append_printable(error->path, sizeof(error->path), path);
	append_printable(error->message, size, SLICE(": "));
	append_printable(error->message, size, path);
	append_printable(error->message, size, SLICE(" "));
	append_printable(
	    error->message, size, text_at(error->details, "errors.0.message"));
	customerd_get(error->details, "errors", &errors);
	customerd_walk(&walk, errors);
	if (walk.left > 1)
		append_printable(error->message, size, SLICE(", and more"));
}

enum customerd_status
error_decode(struct customerd_error *error, struct slice value)
{
	struct slice code;

	error_set(error, "", false, "%s", "");
	error->details = slice_out(value);
	code = text_at(error->details, "code");
	append_printable(error->code, sizeof(error->code), code);
	if (error->code[0] == '\0') {
		error_set(error, "PROTOCOL", false, "the server's error has no code");
		return CUSTOMERD_UNKNOWN;
	}
	append_printable(
	    error->message, sizeof(error->message), text_at(error->details, "message"));
	append_field(error);
	customerd_get_bool(error->details, "retryable", &error->retryable);
	customerd_get_integer(error->details, "revision", &error->revision);
	return slice_equal(code, SLICE("UNKNOWN")) ? CUSTOMERD_UNKNOWN
						   : CUSTOMERD_REFUSED;
}

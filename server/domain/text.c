#include <stdlib.h>
#include <utf8proc.h>

#include "server/domain/text.h"
#include "server/domain/text_internal.h"

bool
text_take(struct slice *text, int32_t *character)
{
	utf8proc_ssize_t len;

	len = utf8proc_iterate((const utf8proc_uint8_t *)text->data,
	    (utf8proc_ssize_t)text->len, character);
	if (len <= 0)
		return false;
	text->data += len;
	text->len -= (size_t)len;
	return true;
}

static bool
is_clean(int32_t c, bool multiline)
{
	static const struct {
		int32_t first, last;
	} unclean[] = {
		{ 0x0000, 0x001f }, /* controls */
		{ 0x007f, 0x009f }, /* and more of them */
		{ 0x2028, 0x2029 }, /* line and paragraph separator */
		{ 0x202a, 0x202e }, /* embed and override the direction of writing */
		{ 0x2066, 0x2069 }, /* isolate it */
		{ 0xfffe, 0xffff }, /* no characters */
	};

	if (multiline &&
	    (c == '\n' || c == '\r' || c == '\t' || c == 0x2028 || c == 0x2029))
		return true;
	for (size_t i = 0; i < sizeof(unclean) / sizeof(unclean[0]); i++)
		if (c >= unclean[i].first && c <= unclean[i].last)
			return false;
	return true;
}

#define WORD_BYTES sizeof(uint64_t)

/* Are the eight bytes at AT printable ASCII?  At most it says no where it is so. */
static bool
word_is_printable(const char *at)
{
	const uint64_t each = 0x0101010101010101; /* times C: a C in each byte */
	const uint64_t bytes = slice_word(at);
	/* Their highest bits: of no ASCII, of DEL and one, of a control less the first
	 * that is none. */
	const uint64_t others = bytes | (bytes + each) | (bytes - each * ' ');

	return (others & each * 0x80) == 0;
}

/*
 * Take what TEXT has of printable ASCII at its front: nearly always all of it, eight
 * bytes at a time, the last ones together with some before them.  What else is among
 * eight is left to whoever looks closer.
 */
static inline void
take_printable(struct slice *text)
{
	const char *at = text->data, *end;

	if (text->len == 0)
		return; /* there need be nothing at all */
	end = at + text->len;
	if (text->len >= WORD_BYTES) {
		while ((size_t)(end - at) >= WORD_BYTES && word_is_printable(at))
			at += WORD_BYTES;
		if ((size_t)(end - at) < WORD_BYTES &&
		    word_is_printable(end - WORD_BYTES))
			at = end;
	}
	while (at < end && *at >= ' ' && *at <= '~')
		at++;
	*text = slice_of(at, (size_t)(end - at));
}

bool
text_is_clean(struct slice text, bool multiline)
{
	int32_t c;

	for (take_printable(&text); text.len > 0; take_printable(&text))
		if (!text_take(&text, &c) || !is_clean(c, multiline))
			return false;
	return true;
}

size_t
text_length(struct slice text)
{
	size_t length = text.len;

	take_printable(&text);
	/* Every byte but those that continue a character. */
	for (size_t i = 0; i < text.len; i++)
		length -= ((unsigned char)text.data[i] & 0xc0) == 0x80;
	return length;
}

bool
text_is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] >= 0x80)
			return false;
	return true;
}

static char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

void
text_lower(struct slice text, struct buf *out)
{
	char *room = buf_reserve(out, text.len);

	if (room == NULL)
		return;
	for (size_t i = 0; i < text.len; i++)
		room[i] = to_lower(text.data[i]);
	out->len += text.len;
}

/*
 * Transform TEXT with utf8proc; the caller frees *MAPPED.  False when TEXT has no such
 * form, or when memory runs out, which then shows in OUT.
 */
static bool
map(struct slice text, int options, utf8proc_uint8_t **mapped, size_t *len,
    struct buf *out)
{
	utf8proc_ssize_t result;

	result = utf8proc_map((const utf8proc_uint8_t *)text.data,
	    (utf8proc_ssize_t)text.len, mapped, (utf8proc_option_t)options);
	if (result < 0) {
		if (result == UTF8PROC_ERROR_NOMEM)
			out->failed = true;
		return false;
	}
	*len = (size_t)result;
	return true;
}

bool
text_fold(struct slice text, struct buf *out)
{
	/* As Unicode defines NFKC_Casefold. */
	const int options = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
			    UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
	utf8proc_uint8_t *folded;
	size_t            len;

	if (text_is_ascii(text)) {
		text_lower(text, out);
		return true;
	}
	if (!map(text, options, &folded, &len, out))
		return false;
	buf_put(out, folded, len);
	free(folded);
	return true;
}

/* Letters in plain form that Unicode does not decompose; NULL for all others. */
static const char *
plain_form(int32_t letter)
{
	static const struct {
		int32_t     letter;
		const char *plain;
	} forms[] = {
		// clang-format off
		{ 0x00e6, "ae" }, /* æ */
		{ 0x00f0, "d" },  /* ð */
		{ 0x00f8, "o" },  /* ø */
		{ 0x00fe, "th" }, /* þ */
		{ 0x0111, "d" },  /* đ */
		{ 0x0127, "h" },  /* ħ */
		{ 0x0131, "i" },  /* ı */
		{ 0x0138, "k" },  /* ĸ */
		{ 0x0142, "l" },  /* ł */
		{ 0x014b, "ng" }, /* ŋ */
		{ 0x0153, "oe" }, /* œ */
		{ 0x0167, "t" },  /* ŧ */
		// clang-format on
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].letter == letter)
			return forms[i].plain;
	return NULL;
}

/* The part of a slug that CHARACTER gives, in ASCII; empty: it separates. */
static struct slice
slug_part(int32_t character, char *ascii)
{
	const char *plain;

	if (character >= 0x80) {
		plain = plain_form(character);
		return slice_text(plain != NULL ? plain : "");
	}
	*ascii = to_lower((char)character);
	return slice_of(ascii, is_letter_or_digit(*ascii));
}

/* Append the slug of NAME: ASCII, or what has been folded and stripped of its marks. */
static void
put_slug(struct slice name, struct buf *out)
{
	const size_t start = out->len;
	int32_t      character;
	struct slice part;
	bool         separated = false;
	char         ascii;

	while (name.len > 0 && text_take(&name, &character)) {
		part = slug_part(character, &ascii);
		if (part.len == 0) {
			separated = out->len > start; /* none in front */
			continue;
		}
		if (out->len - start + separated + part.len > SLUG_BYTES_MAX)
			return;
		if (separated)
			buf_put(out, "-", 1);
		buf_put(out, part.data, part.len);
		separated = false;
	}
}

bool
text_slug(struct slice name, struct buf *out)
{
	const int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
			    UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STRIPMARK;
	const size_t      start = out->len;
	utf8proc_uint8_t *plain;
	size_t            len;

	if (text_is_ascii(name)) {
		put_slug(name, out);
		return out->len > start;
	}
	if (!map(name, options, &plain, &len, out))
		return false;
	put_slug(slice_of(plain, len), out);
	free(plain);
	return out->len > start;
}

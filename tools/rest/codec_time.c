/*
 * Points in time: milliseconds since the epoch there, each format's text here.
 */

#include <time.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/codec.h"
#include "tools/rest/text.h"

#define TIME_BYTES 40u

static int64_t
take_ms(struct slice value)
{
	struct customerd_slice slice = { value.data, value.len };
	int64_t                ms = 0;

	customerd_get_integer(slice, "", &ms);
	return ms;
}

/* What a time looks like; its digits are put in their places. */
static const char form_ms[] = "YYYY-MM-DDThh:mm:ss.sssZ",
		  form_s[] = "YYYY-MM-DDThh:mm:ssZ",
		  form_zone[] = "YYYY-MM-DD hh:mm:ss +0000",
		  form_utc[] = "YYYY-MM-DD hh:mm:ss UTC";

/* Write VALUE, milliseconds since the epoch, in FORM. */
static void
write_time(struct out *out, struct slice value, const char *form)
{
	int64_t   ms = take_ms(value);
	time_t    seconds = (time_t)(ms / 1000);
	struct tm tm;
	char      text[TIME_BYTES];
	size_t    len = strlen(form);

	if (ms < 0 || gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900) {
		out_nil(out);
		return;
	}
	memcpy(text, form, len);
	text_digits(text, 4, (uint64_t)tm.tm_year + 1900);
	text_digits(text + 5, 2, (uint64_t)tm.tm_mon + 1);
	text_digits(text + 8, 2, (uint64_t)tm.tm_mday);
	text_digits(text + 11, 2, (uint64_t)tm.tm_hour);
	text_digits(text + 14, 2, (uint64_t)tm.tm_min);
	text_digits(text + 17, 2, (uint64_t)tm.tm_sec);
	if (form == form_ms)
		text_digits(text + 20, 3, (uint64_t)ms % 1000);
	out_text(out, slice_of(text, len));
}

static void
encode_ms(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, value, form_ms);
}

static void
encode_s(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, value, form_s);
}

static void
encode_zone(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, value, form_zone);
}

static void
encode_utc(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, value, form_utc);
}

/* "2024-06-04 21:15:10 +0000", with any zone. */
static bool
decode_zone(struct decoding *in, const struct mapping *row, const json_t *value)
{
	struct tm   tm = { 0 };
	const char *end;
	int64_t     ms, zone_s;

	if (!json_is_string(value))
		return decode_refuse(in, FAULT_WRONG_TYPE, row, value);
	end = strptime(json_string_value(value), "%Y-%m-%d %H:%M:%S %z", &tm);
	if (end == NULL || *end != '\0')
		return decode_refuse(in, FAULT_BAD_FORMAT, row, value);
	zone_s = tm.tm_gmtoff; /* timegm() forgets it */
	ms = ((int64_t)timegm(&tm) - zone_s) * 1000;
	if (ms < 0 || ms > INTEGER_MAX)
		return decode_refuse(in, FAULT_BAD_FORMAT, row, value);
	pack_integer(&in->set, ms);
	return true;
}

const struct codec as_time_ms = {
	.encode = encode_ms, .type = "string", .format = "date-time"
};
const struct codec as_time_s = {
	.encode = encode_s, .type = "string", .format = "date-time"
};
const struct codec as_time_zone = {
	.decode = decode_zone, .encode = encode_zone, .type = "string"
};
const struct codec as_time_utc = { .encode = encode_utc, .type = "string" };

/*
 * Points in time: milliseconds since the epoch there, each format's text here.
 */

#include <stdio.h>
#include <time.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/codec.h"

#define TIME_BYTES 40u

static int64_t
take_ms(struct slice value)
{
	struct customerd_slice slice = { value.data, value.len };
	int64_t                ms = 0;

	customerd_get_integer(slice, "", &ms);
	return ms;
}

/* Write MS by PATTERN, for strftime; "%3" in it stands for the milliseconds. */
static void
write_time(struct out *out, int64_t ms, const char *date, const char *rest, bool has_ms)
{
	time_t    seconds = (time_t)(ms / 1000);
	struct tm tm;
	char      text[TIME_BYTES], fraction[8] = "";

	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900) {
		out_nil(out);
		return;
	}
	strftime(text, sizeof(text), date, &tm);
	if (has_ms)
		snprintf(fraction, sizeof(fraction), ".%03d", (int)(ms % 1000));
	out_format(out, "%s%s%s", text, fraction, rest);
}

static void
encode_ms(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, take_ms(value), "%Y-%m-%dT%H:%M:%S", "Z", true);
}

static void
encode_s(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, take_ms(value), "%Y-%m-%dT%H:%M:%S", "Z", false);
}

static void
encode_zone(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, take_ms(value), "%Y-%m-%d %H:%M:%S", " +0000", false);
}

static void
encode_utc(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	write_time(out, take_ms(value), "%Y-%m-%d %H:%M:%S", " UTC", false);
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

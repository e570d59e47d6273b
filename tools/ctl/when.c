#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/limits.h"
#include "tools/ctl/when.h"

static int64_t
clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int64_t
when_now_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t
when_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* 30d, 12h, 90m, 45s from now; a plain number is a time as such. */
static bool
parse_number(const char *text, int64_t *time_ms)
{
	static const struct {
		char    letter;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 }, { 'w', 7 * 86400000LL } };
	char   *end;
	int64_t number = strtoll(text, &end, 10);

	if (number > INTEGER_MAX)
		return false;
	*time_ms = number;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end != units[i].letter || end[1] != '\0')
			continue;
		if (number > INTEGER_MAX / units[i].ms / 2)
			return false;
		*time_ms = when_now_ms() + number * units[i].ms;
		return true;
	}
	return *end == '\0';
}

/* What follows the seconds: ".123Z", "Z"; the fraction in *MS. */
static bool
parse_fraction(const char *text, int *ms)
{
	*ms = 0;
	if (*text == '.') {
		for (int unit = 100; unit > 0 && text[1] >= '0' && text[1] <= '9';
		     unit /= 10)
			*ms += unit * (*++text - '0');
		text++;
	}
	return strcmp(text, "Z") == 0;
}

static bool
parse_date(const char *text, int64_t *time_ms)
{
	struct tm time = { .tm_mday = 0 };
	int       date_len = 0, clock_len = 0, ms = 0, mon, mday;
	time_t    seconds;

	sscanf(text, "%4d-%2d-%2d%n", &time.tm_year, &time.tm_mon, &time.tm_mday,
	    &date_len);
	if (date_len != 10)
		return false;
	sscanf(text + date_len, "T%2d:%2d:%2d%n", &time.tm_hour, &time.tm_min,
	    &time.tm_sec, &clock_len);
	if (text[date_len] != '\0' &&
	    (clock_len != 9 || !parse_fraction(text + date_len + clock_len, &ms)))
		return false;
	if (time.tm_hour > 23 || time.tm_min > 59 || time.tm_sec > 59)
		return false;
	time.tm_year -= 1900;
	time.tm_mon -= 1;
	mon = time.tm_mon;
	mday = time.tm_mday;
	seconds = timegm(&time);
	*time_ms = seconds * INT64_C(1000) + ms;
	/* Not the 31st of June, which timegm() takes for the 1st of July. */
	return seconds >= 0 && time.tm_mon == mon && time.tm_mday == mday;
}

bool
when_parse(const char *text, int64_t *time_ms)
{
	if (text[0] < '0' || text[0] > '9' ||
	    text[strspn(text, "0123456789smhdw-:TZ.")] != '\0')
		return false;
	return strchr(text, '-') == NULL ? parse_number(text, time_ms)
					 : parse_date(text, time_ms);
}

bool
when_print(char text[WHEN_BYTES], int64_t time_ms)
{
	time_t    seconds = time_ms / 1000;
	struct tm time;
	size_t    len;

	if (time_ms < 0 || gmtime_r(&seconds, &time) == NULL || time.tm_year > 8099)
		return false;
	len = strftime(text, WHEN_BYTES, "%Y-%m-%dT%H:%M:%S", &time);
	snprintf(text + len, WHEN_BYTES - len, ".%03dZ", (int)(time_ms % 1000));
	return true;
}

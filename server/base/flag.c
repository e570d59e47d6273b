#include "server/base/flag.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 28

static bool
set_text(const struct flag_row *row, const char **member, const char *value, char *why,
    size_t why_size)
{
	int64_t len = (int64_t)strlen(value);

	*member = value;
	if (len >= row->min && len <= row->max)
		return true;
	snprintf(why, why_size, "--%s takes %lld to %lld characters", row->name,
	    (long long)row->min, (long long)row->max);
	return false;
}

static bool
set_number(const struct flag_row *row, int64_t *member, const char *value, char *why,
    size_t why_size)
{
	char *end;

	errno = 0;
	*member = strtoll(value, &end, 10);
	if (errno == 0 && *value >= '0' && *value <= '9' && *end == '\0' &&
	    *member >= row->min && *member <= row->max)
		return true;
	snprintf(why, why_size, "--%s wants a number from %lld to %lld, not \"%.40s\"",
	    row->name, (long long)row->min, (long long)row->max, value);
	return false;
}

static bool
set(const struct flag_row *row, void *into, const char *value, char *why,
    size_t why_size)
{
	void *member = (char *)into + row->offset;

	switch (row->kind) {
	case FLAG_TEXT: return set_text(row, member, value, why, why_size);
	case FLAG_NUMBER: return set_number(row, member, value, why, why_size);
	case FLAG_SWITCH: *(bool *)member = true; break;
	}
	return true;
}

static void
set_default(const struct flag_row *row, void *into)
{
	void *member = (char *)into + row->offset;

	switch (row->kind) {
	case FLAG_TEXT: *(const char **)member = row->standard; break;
	case FLAG_NUMBER: *(int64_t *)member = strtoll(row->standard, NULL, 10); break;
	case FLAG_SWITCH: *(bool *)member = false; break;
	}
}

bool
flag_parse(const struct flag_row *rows, size_t count, void *into, int argc,
    char *const argv[], char *why, size_t why_size)
{
	struct option longs[FLAG_ROWS_MAX + 1] = { { NULL, 0, NULL, 0 } };
	int           found, index = 0;

	assert(count <= FLAG_ROWS_MAX);
	for (size_t i = 0; i < count; i++) {
		set_default(&rows[i], into);
		longs[i].name = rows[i].name;
		longs[i].has_arg =
		    rows[i].kind == FLAG_SWITCH ? no_argument : required_argument;
	}
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":", longs, &index)) != -1) {
		if (found == ':') {
			snprintf(why, why_size, "%s wants a value", argv[optind - 1]);
			return false;
		}
		if (found != 0) {
			snprintf(why, why_size, "there is no option %s; see --help",
			    argv[optind - 1]);
			return false;
		}
		if (!set(&rows[index], into, optarg, why, why_size))
			return false;
	}
	if (optind == argc)
		return true;
	snprintf(why, why_size, "\"%.60s\" is no option; see --help", argv[optind]);
	return false;
}

void
flag_help(const struct flag_row *rows, size_t count, FILE *out)
{
	for (const struct flag_row *row = rows; row < rows + count; row++) {
		bool is_switch = row->kind == FLAG_SWITCH;
		int  width = fprintf(out, "  --%s%s%s", row->name, is_switch ? "" : " ",
		     row->placeholder);

		fprintf(out, "%*s%s", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "",
		    row->help);
		if (is_switch || row->standard[0] == '\0' ||
		    strcmp(row->standard, "0") == 0)
			fputc('\n', out);
		else
			fprintf(out, " (%s)\n", row->standard);
	}
}

#include "tools/rest/option.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, FLAG };

struct row {
	const char *name, *placeholder, *standard, *help;
	enum kind   kind;
	int64_t     min, max;
	size_t      offset; /* of the member */
};

static const struct row rows[] = {
#define X(member, name, KIND, placeholder, standard, min, max, help) \
	{ name, placeholder, standard, help, KIND, min, max,         \
		offsetof(struct rest_options, member) },
	REST_OPTIONS(X)
#undef X
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static bool
set_text(const struct row *row, const char **member, const char *value, char *why,
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
set_number(const struct row *row, int64_t *member, const char *value, char *why,
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
set(const struct row *row, struct rest_options *options, const char *value, char *why,
    size_t why_size)
{
	char *member = (char *)options + row->offset;

	switch (row->kind) {
	case TEXT:
		return set_text(
		    row, (const char **)(void *)member, value, why, why_size);
	case NUMBER:
		return set_number(row, (int64_t *)(void *)member, value, why, why_size);
	case FLAG: *(bool *)member = true; break;
	}
	return true;
}

static void
set_defaults(struct rest_options *options)
{
	*options = (struct rest_options){
#define DEFAULT_TEXT(standard) standard
#define DEFAULT_NUMBER(standard) strtoll(standard, NULL, 10)
#define DEFAULT_FLAG(standard) false
#define X(member, name, KIND, placeholder, standard, min, max, help) \
	.member = DEFAULT_##KIND(standard),
		REST_OPTIONS(X)
#undef X
	};
}

bool
rest_option_parse(struct rest_options *options, int argc, char *const argv[], char *why,
    size_t why_size)
{
	struct option longs[ROW_COUNT + 1] = { { NULL, 0, NULL, 0 } };
	int           found, index = 0;

	set_defaults(options);
	for (size_t i = 0; i < ROW_COUNT; i++)
		longs[i] = (struct option){ rows[i].name,
			rows[i].kind == FLAG ? no_argument : required_argument, NULL,
			0 };
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
		if (!set(&rows[index], options, optarg, why, why_size))
			return false;
	}
	if (optind == argc)
		return true;
	snprintf(why, why_size, "\"%.60s\" is no option; see --help", argv[optind]);
	return false;
}

void
rest_option_help(FILE *out)
{
	fputs("Usage: customerd-rest [options]\n\n"
	      "Serve the records of customerd in the formats of REST APIs.\n\n",
	    out);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		int width = fprintf(out, "  --%s%s%s", rows[i].name,
		    rows[i].kind == FLAG ? "" : " ", rows[i].placeholder);

		fprintf(out, "%*s%s", width < 28 ? 28 - width : 1, "", rows[i].help);
		if (rows[i].kind == FLAG || rows[i].standard[0] == '\0' ||
		    strcmp(rows[i].standard, "0") == 0)
			fputc('\n', out);
		else
			fprintf(out, " (%s)\n", rows[i].standard);
	}
}

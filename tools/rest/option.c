#include "tools/rest/option.h"

#include <string.h>

static const struct flag_row rows[] = {
#define X(member, name, KIND, placeholder, standard, min, max, help) \
	{ name, placeholder, standard, help, FLAG_##KIND, min, max,  \
		offsetof(struct rest_options, member) },
	REST_OPTIONS(X)
#undef X
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Links are written as they are, into JSON and into headers. */
static bool
may_be_in_links(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f ||
		    strchr("\"<>\\^`{|}", *text) != NULL)
			return false;
	return true;
}

bool
rest_option_parse(struct rest_options *options, int argc, char *const argv[], char *why,
    size_t why_size)
{
	if (!flag_parse(rows, ROW_COUNT, options, argc, argv, why, why_size))
		return false;
	if (may_be_in_links(options->public_url))
		return true;
	snprintf(why, why_size, "--public-url is no URL");
	return false;
}

void
rest_option_help(FILE *out)
{
	fputs("Usage: customerd-rest [options]\n\n"
	      "Serve the records of customerd in the formats of REST APIs.\n\n",
	    out);
	flag_help(rows, ROW_COUNT, out);
}

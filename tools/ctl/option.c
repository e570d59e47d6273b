#include <getopt.h>

#include "tools/ctl/ctl.h"

#define EVERY true
#define OWN false

const struct option_row option_rows[OPTION_COUNT] = {
#define X(NAME, member, name, placeholder, whose, key, help) \
	{ name, placeholder, whose, key, help },
	CTL_OPTIONS(X)
#undef X
};

static const char **
value_of(struct ctl_options *options, enum ctl_option option)
{
	const char **const values[OPTION_COUNT] = {
#define X(NAME, member, name, placeholder, whose, key, help) &options->member,
		CTL_OPTIONS(X)
#undef X
	};

	return values[option];
}

const char *
option_value(const struct ctl_options *options, enum ctl_option option)
{
	struct ctl_options copy = *options;

	return *value_of(&copy, option);
}

bool
option_parse(struct ctl_options *options, int argc, char *argv[])
{
	struct option known[OPTION_COUNT + 1] = { { NULL, 0, NULL, 0 } };
	int           which, found;

	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		known[i].name = option_rows[i].name;
		known[i].has_arg = option_rows[i].placeholder == NULL
				       ? no_argument
				       : required_argument;
	}
	while ((found = getopt_long(argc, argv, "", known, &which)) == 0) {
		const char **value = value_of(options, (enum ctl_option)which);

		if (*value != NULL) {
			ctl_say("--%s is given twice", known[which].name);
			return false;
		}
		*value = optarg == NULL ? "" : optarg;
	}
	return found == -1; /* what is wrong otherwise, getopt has said */
}

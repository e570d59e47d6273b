/*
 * customerctl -- the command line of customerd.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/sentence.h"

static const char EXAMPLES[] =
    "  customerctl ping\n"
    "  customerctl --unix /run/customerd/socket status\n"
    "  customerctl call customer.get '{\"id\": 123}'\n"
    "  customerctl call customer.update '{\"id\": 123, \"set\": {\"phone\": null}}'\n"
    "  customerctl call customer.update '{…}' --meta '{\"dry_run\": true}'\n"
    "  customerctl --unix /run/customerd/socket load tools/sample.ndjson\n";

static void
print_help(void)
{
	printf("customerctl -- look at the records of customerd, and change them\n\n"
	       "usage: customerctl [OPTION…] COMMAND\n\nExamples\n%s\nCommands\n",
	    EXAMPLES);
	sentence_help(stdout);
	printf("\nOptions\n");
#define X(member, name, placeholder, help)                                          \
	printf("  --%-10s %-9s %s\n", name, placeholder == NULL ? "" : placeholder, \
	    help);
	CTL_OPTIONS(X)
#undef X
	printf("\nExit codes\n");
#define X(NAME, code, text) printf("  %d  %s\n", code, text);
	CTL_EXITS(X)
#undef X
}

/* Fill OPTIONS; the words that are none of them stand behind optind afterwards. */
static bool
parse_options(struct ctl_options *options, int argc, char *argv[])
{
	const struct option known[] = {
#define X(member, name, placeholder, help) \
	{ name, placeholder == NULL ? no_argument : required_argument, NULL, 0 },
		CTL_OPTIONS(X)
#undef X
		    { NULL, 0, NULL, 0 }
	};
	const char **const values[] = {
#define X(member, name, placeholder, help) &options->member,
		CTL_OPTIONS(X)
#undef X
	};
	int which, found;

	while ((found = getopt_long(argc, argv, "", known, &which)) == 0) {
		if (*values[which] != NULL) {
			ctl_say("--%s is given twice", known[which].name);
			return false;
		}
		*values[which] = optarg == NULL ? "" : optarg;
	}
	return found == -1; /* what is wrong otherwise, getopt has said */
}

int
main(int argc, char *argv[])
{
	const char            *arguments[SENTENCE_WORDS_MAX];
	const struct sentence *sentence;
	struct ctl             ctl = { .c = NULL };
	enum ctl_exit          done;

	if (!parse_options(&ctl.options, argc, argv))
		return CTL_USAGE;
	if (ctl.options.help != NULL) {
		print_help();
		return CTL_DONE;
	}
	if (ctl.options.version != NULL) {
		printf("customerctl %s\n", customerd_version());
		return CTL_DONE;
	}
	sentence = sentence_find(argv + optind, argc - optind, arguments);
	if (sentence == NULL)
		return CTL_USAGE;
	done = sentence->run(&ctl, arguments);
	customerd_close(ctl.c);
	return done;
}

/*
 * customerctl -- the command line of customerd.
 */

#include <getopt.h>
#include <stdio.h>

#include "tools/ctl/help.h"
#include "tools/ctl/sentence.h"

/* --help and --version, which need no command. */
static bool
run_plain_option(const struct ctl_options *options, char *const words[], int count)
{
	if (options->help != NULL)
		help_print(words, count);
	else if (options->version != NULL)
		printf("customerctl %s\n", customerd_version());
	else
		return false;
	return true;
}

int
main(int argc, char *argv[])
{
	static char    name[] = "customerctl";
	struct command command;
	struct ctl     ctl = { .c = NULL };
	enum ctl_exit  done;

	if (argc > 0)
		argv[0] = name; /* as getopt says it */
	if (!option_parse(&ctl.options, argc, argv))
		return CTL_USAGE;
	if (run_plain_option(&ctl.options, argv + optind, argc - optind))
		return (int)ctl_flush();
	if (!sentence_find(&command, argv + optind, argc - optind) ||
	    !sentence_options(command.sentence, &ctl.options))
		return CTL_USAGE;
	done = command.sentence->run(&ctl, &command);
	customerd_close(ctl.c);
	return (int)done;
}

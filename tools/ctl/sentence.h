/*
 * sentence -- the commands, as sentences: words that must be there, and arguments.
 *
 * One table, in sentence.c, is all there is to know about a command; finding it,
 * the help, and what is said when nothing fits come from there.  A new command is
 * one row and its function.
 */

#ifndef CTL_SENTENCE_H
#define CTL_SENTENCE_H

#include <stdio.h>

#include "tools/ctl/ctl.h"

#define SENTENCE_WORDS_MAX 8u

struct sentence {
	/* Words in small letters stand for themselves, in CAPITALS for an argument of
	 * that kind, [IN BRACKETS] for one that may be absent. */
	const char *text;
	enum ctl_exit (*run)(struct ctl *ctl, const char *const *arguments);
	const char *help;
};

/*
 * The sentence that WORDS, COUNT of them, make; its arguments go to ARGUMENTS, in
 * order, NULL for what is absent.  NULL when there is none: then it was said what
 * would have been possible.
 */
const struct sentence *sentence_find(
    char *const words[], int count, const char *arguments[SENTENCE_WORDS_MAX]);

/* Print all of them, for --help. */
void sentence_help(FILE *out);

#endif

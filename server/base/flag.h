/*
 * flag -- the command line of a tool as a table of rows.
 *
 * A tool declares its options once, as rows that say where in its struct each value
 * goes; the command line, the defaults and --help walk them.  customerd itself, which
 * reads a file as well, has a table of more kinds (option.h).
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 *
 * Threads.  flag_parse() uses getopt, which has one state for the process.
 *
 * Memory.  Texts are those of the command line and of the table, and borrowed.
 */

#ifndef BASE_FLAG_H
#define BASE_FLAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a member is: const char *, int64_t or bool. */
enum flag_kind { FLAG_TEXT, FLAG_NUMBER, FLAG_SWITCH };

#define FLAG_ROWS_MAX 64u

/*
 * The options of a tool are a list OPTIONS(X) of rows
 *
 *	X(member, name, KIND, placeholder, default, min, max, help)
 *
 * of which OPTIONS(FLAG_MEMBER) makes the members of a struct.
 */
#define FLAG_TYPE_TEXT const char *
#define FLAG_TYPE_NUMBER int64_t
#define FLAG_TYPE_SWITCH bool
#define FLAG_MEMBER(member, name, KIND, placeholder, standard, min, max, help) \
	FLAG_TYPE_##KIND member;

struct flag_row {
	const char *name, *placeholder;
	const char *standard; /* the default, as one would write it; not of a switch */
	const char *help;     /* ends without a full stop */
	enum flag_kind kind;
	int64_t        min, max; /* of a number, and of the length of a text */
	size_t         offset;   /* of the member in the struct that is filled */
};

/*
 * Fill INTO, of which COUNT rows at ROWS tell the members, from the defaults and from
 * the arguments behind ARGV[0].  A default may be out of bounds: it then means "not
 * given".  False when something is refused.
 */
bool flag_parse(const struct flag_row *rows, size_t count, void *into, int argc,
    char *const argv[], char *why, size_t why_size);

/* Print a line for each row to OUT. */
void flag_help(const struct flag_row *rows, size_t count, FILE *out);

#endif

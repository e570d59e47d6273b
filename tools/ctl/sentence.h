/*
 * sentence -- the commands, as sentences: words that must be there, and arguments.
 *
 * One table, in sentence_table.c, is all there is to know about a command; finding
 * it, the help, the completion of the shell, and what is said when nothing fits come
 * from there.  A new command is one row and its function.
 */

#ifndef CTL_SENTENCE_H
#define CTL_SENTENCE_H

#include "proto/method.h"
#include "tools/ctl/ctl.h"

#define SENTENCE_WORDS_MAX 8u
#define SENTENCES_MAX 64u

/* What stands for an argument.  X(NAME, word in sentences, what it is) */
// clang-format off
#define SENTENCE_KINDS(X)                                                                  \
	X(CUSTOMER, "CUSTOMER",    "an id, a uid or an email address") \
	X(RECORD,   "RECORD",      "an id (123) or a uid (kRk3YQ0p7d)")                      \
	X(TAG,      "TAG",         "the name of a tag")                                    \
	X(FIELD,    "FIELD=VALUE", "a field and its value; see Fields") \
	X(METHOD,   "METHOD",      "a method of the protocol: customer.get")               \
	X(JSON,     "JSON",        "the arguments, an object; - reads them from standard input") \
	X(FILE,     "FILE",        "a file; - is standard input or output")                \
	X(DIRECTORY, "DIRECTORY",  "a directory that is not there yet")                    \
	X(COMMAND,  "COMMAND",     "the words of a command")
// clang-format on

enum word_kind {
#define X(NAME, word, text) WORD_##NAME,
	SENTENCE_KINDS(X)
#undef X
	    WORD_KIND_COUNT,
	WORD_LITERAL = WORD_KIND_COUNT, /* stands for itself */
};

/* A word of a sentence, without its brackets and dots. */
struct word {
	const char    *text;
	size_t         len;
	enum word_kind kind;
	bool           is_optional, is_many;
};

struct command;

struct sentence {
	/* Words in small letters stand for themselves, in CAPITALS for an argument of
	 * that kind, [IN BRACKETS] for one that may be absent, with dots... for one or
	 * more of them. */
	const char *text;
	enum ctl_exit (*run)(struct ctl *ctl, const struct command *command);
	enum method_number method;  /* METHOD_COUNT: none in particular */
	uint64_t           options; /* bits of its own ones */
	const char        *help;
	const char        *examples; /* without the program's name; a line each */
};

extern const struct sentence sentences[];
extern const unsigned        sentence_count;

/* A sentence that was found. */
struct command {
	const struct sentence *sentence;
	const char            *arguments[SENTENCE_WORDS_MAX]; /* NULL: absent */
	char *const           *many; /* those of the last one, when it may be several */
	int                    many_count;
};

/* Take the next word of *TEXT; false at its end. */
bool sentence_word(const char **text, struct word *word);

/* What is said about the arguments of kind KIND. */
const char *sentence_kind_text(enum word_kind kind);

/*
 * Find the sentence that WORDS, COUNT of them, make; its own words may be shortened
 * as long as only one fits.  When there is none it was said what would be possible.
 */
bool sentence_find(struct command *command, char *const words[], int count);

/* Mark in FITS those that begin with WORDS, COUNT of them; how many there are. */
unsigned sentence_fitting(char *const words[], int count, bool fits[]);

/* Does every option given go with the sentence?  Otherwise that was said. */
bool sentence_options(
    const struct sentence *sentence, const struct ctl_options *options);

/* The commands. */
#define RUN(name) \
	enum ctl_exit ctl_run_##name(struct ctl *ctl, const struct command *command)
RUN(show);
RUN(list);
RUN(create);
RUN(update);
RUN(delete);
RUN(tag);
RUN(untag);
RUN(anonymize);
RUN(cancel);
RUN(verify);
RUN(history);
RUN(changes);
RUN(follow);
RUN(import);
RUN(export);
RUN(backup);
RUN(scrub);
RUN(status);
RUN(top);
RUN(ping);
RUN(call);
RUN(load);
RUN(help);
RUN(completion);
#undef RUN

#endif

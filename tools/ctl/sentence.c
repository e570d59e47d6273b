#include <ctype.h>
#include <string.h>

#include "tools/ctl/sentence.h"

// clang-format off
static const struct sentence sentences[] = {
	{ "ping", ctl_run_ping,
	  "ask whether the server is there, and how long that takes" },
	{ "status", ctl_run_status,
	  "how the server is doing" },
	{ "call METHOD [JSON]", ctl_run_call,
	  "call any method with JSON as arguments (- reads stdin)" },
	{ "load FILE", ctl_run_load,
	  "make the calls in FILE, one a line, until one is refused" },
};
// clang-format on

#define SENTENCE_COUNT (sizeof(sentences) / sizeof(sentences[0]))

/* A word of a sentence, without its brackets. */
struct word {
	const char *text;
	size_t      len;
	bool        is_argument, is_optional;
};

/* Take the next word of *TEXT; false at its end. */
static bool
next_word(const char **text, struct word *word)
{
	*text += strspn(*text, " ");
	*word = (struct word){ .text = *text, .len = strcspn(*text, " ") };
	*text += word->len;
	if (word->len == 0)
		return false;
	if (word->text[0] == '[') {
		word->is_optional = true;
		word->text++;
		word->len -= 2;
	}
	word->is_argument = isupper((unsigned char)word->text[0]) != 0;
	return true;
}

static bool
is_word(const struct word *word, const char *given)
{
	return strlen(given) == word->len && memcmp(given, word->text, word->len) == 0;
}

/* How many of WORDS the sentence can take; ALL of them only if it is complete then. */
static int
match(const struct sentence *sentence, char *const words[], int count,
    const char *arguments[SENTENCE_WORDS_MAX])
{
	const char *text = sentence->text;
	struct word word;
	unsigned    argument_count = 0;
	int         taken = 0;

	memset(arguments, 0, SENTENCE_WORDS_MAX * sizeof(arguments[0]));
	while (next_word(&text, &word)) {
		if (taken == count)
			return word.is_optional ? count : -1;
		if (word.is_argument)
			arguments[argument_count++] = words[taken];
		else if (!is_word(&word, words[taken]))
			return taken;
		taken++;
	}
	return taken;
}

/* The sentences that begin with the first of WORDS, or all. */
static void
say_possible(char *const words[], int count)
{
	struct word word;
	bool        any = false;

	for (size_t i = 0; i < SENTENCE_COUNT && count > 0; i++) {
		const char *text = sentences[i].text;

		if (next_word(&text, &word) && is_word(&word, words[0])) {
			fprintf(stderr, "usage: customerctl %s\n", sentences[i].text);
			any = true;
		}
	}
	if (any)
		return;
	if (count > 0)
		ctl_say("there is no command \"%s\"; these are possible:", words[0]);
	for (size_t i = 0; i < SENTENCE_COUNT; i++)
		fprintf(stderr, "  customerctl %s\n", sentences[i].text);
	fprintf(stderr, "customerctl --help says more.\n");
}

const struct sentence *
sentence_find(char *const words[], int count, const char *arguments[SENTENCE_WORDS_MAX])
{
	for (size_t i = 0; i < SENTENCE_COUNT && count > 0; i++)
		if (match(&sentences[i], words, count, arguments) == count)
			return &sentences[i];
	say_possible(words, count);
	return NULL;
}

void
sentence_help(FILE *out)
{
	for (size_t i = 0; i < SENTENCE_COUNT; i++)
		fprintf(out, "  %-20s %s\n", sentences[i].text, sentences[i].help);
}

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/sentence.h"

static const struct {
	const char *word, *text;
} kinds[WORD_KIND_COUNT] = {
#define X(NAME, word, text) { word, text },
	SENTENCE_KINDS(X)
#undef X
};

const char *
sentence_kind_text(enum word_kind kind)
{
	return kinds[kind].text;
}

static enum word_kind
kind_of(const char *text, size_t len)
{
	for (unsigned i = 0; i < WORD_KIND_COUNT; i++)
		if (slice_equal(slice_of(text, len), slice_text(kinds[i].word)))
			return (enum word_kind)i;
	return WORD_LITERAL;
}

bool
sentence_word(const char **text, struct word *word)
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
	if (word->len > 3 && memcmp(word->text + word->len - 3, "...", 3) == 0) {
		word->is_many = true;
		word->len -= 3;
	}
	word->kind = kind_of(word->text, word->len);
	return true;
}

/* The word at PLACE of SENTENCE; its last one goes on when it may be several. */
static bool
word_at(const struct sentence *sentence, int place, struct word *word)
{
	const char *text = sentence->text;

	for (int i = 0; sentence_word(&text, word); i++)
		if (i == place || word->is_many)
			return true;
	return false;
}

static bool
is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool
is_uid(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]))
		len++;
	return len == 10 && text[len] == '\0';
}

static bool
is_assignment(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.");

	return len > 0 && (text[len] == '=' || text[len] == '@' ||
			      (text[len] == ':' && text[len + 1] == '='));
}

/* Can GIVEN be an argument of KIND? */
static bool
is_kind(const char *given, enum word_kind kind)
{
	switch (kind) {
	case WORD_CUSTOMER:
		return is_number(given) || is_uid(given) || strchr(given, '@') != NULL;
	case WORD_RECORD: return is_number(given) || is_uid(given);
	case WORD_FIELD: return is_assignment(given);
	default: return given[0] != '\0' || kind == WORD_JSON;
	}
}

enum fit {
	FIT_NONE,
	FIT_ARGUMENT,
	FIT_PREFIX,
	FIT_WHOLE,
};

/* How the word at PLACE of SENTENCE takes GIVEN. */
static enum fit
fit_of(const struct sentence *sentence, int place, const char *given, struct word *word)
{
	size_t len = strlen(given);

	if (!word_at(sentence, place, word))
		return FIT_NONE;
	if (word->kind != WORD_LITERAL)
		return is_kind(given, word->kind) ? FIT_ARGUMENT : FIT_NONE;
	if (len == 0 || len > word->len || memcmp(given, word->text, len) != 0)
		return FIT_NONE;
	return len == word->len ? FIT_WHOLE : FIT_PREFIX;
}

/*
 * Drop from FITS what cannot have GIVEN at PLACE; how many are left.  A whole word
 * is preferred to a shortened one, and that to an argument.
 */
static unsigned
narrow(bool fits[], int place, const char *given)
{
	enum fit    best = FIT_NONE, fit[SENTENCES_MAX];
	struct word word;
	unsigned    count = 0;

	for (unsigned i = 0; i < sentence_count; i++) {
		fit[i] =
		    fits[i] ? fit_of(&sentences[i], place, given, &word) : FIT_NONE;
		if (fit[i] > best)
			best = fit[i];
	}
	if (best == FIT_NONE)
		return 0;
	for (unsigned i = 0; i < sentence_count; i++) {
		fits[i] = fit[i] == best;
		count += fits[i];
	}
	return count;
}

/* Do those that fit go on with different words at PLACE? */
static bool
is_ambiguous(const bool fits[], int place)
{
	struct word first = { .len = 0 }, word;

	for (unsigned i = 0; i < sentence_count; i++) {
		if (!fits[i] || !word_at(&sentences[i], place, &word) ||
		    word.kind != WORD_LITERAL)
			continue;
		if (first.len == 0)
			first = word;
		if (!slice_equal(
			slice_of(first.text, first.len), slice_of(word.text, word.len)))
			return true;
	}
	return false;
}

unsigned
sentence_fitting(char *const words[], int count, bool fits[])
{
	unsigned left = sentence_count;

	memset(fits, true, sentence_count * sizeof(fits[0]));
	for (int i = 0; i < count && left > 0; i++)
		left = narrow(fits, i, words[i]);
	return left;
}

/* What those that fit want at PLACE, once for each kind of argument. */
static void
say_kinds(const bool fits[], int place)
{
	bool        said[WORD_KIND_COUNT + 1] = { [WORD_LITERAL] = true };
	struct word word;

	for (unsigned i = 0; i < sentence_count; i++) {
		if (!fits[i] || !word_at(&sentences[i], place, &word) ||
		    said[word.kind])
			continue;
		said[word.kind] = true;
		fprintf(
		    stderr, "%s is %s\n", kinds[word.kind].word, kinds[word.kind].text);
	}
}

static void
say_possible(const bool fits[], int place)
{
	fprintf(stderr, "possible:\n");
	for (unsigned i = 0; i < sentence_count; i++)
		if (fits[i])
			fprintf(stderr, "  customerctl %s\n", sentences[i].text);
	say_kinds(fits, place);
}

/* Is SENTENCE complete with COUNT words? */
static bool
is_complete(const struct sentence *sentence, int count)
{
	const char *text = sentence->text;
	struct word word;
	int         place = 0;

	while (sentence_word(&text, &word))
		if (place++ >= count)
			return word.is_optional;
	return true;
}

static void
take(struct command *command, const struct sentence *sentence, char *const words[],
    int count)
{
	struct word word;
	unsigned    argument_count = 0;

	*command = (struct command){ .sentence = sentence };
	for (int i = 0; i < count && word_at(sentence, i, &word); i++) {
		if (word.kind == WORD_LITERAL)
			continue;
		command->arguments[argument_count++] = words[i];
		if (!word.is_many)
			continue;
		command->many = words + i;
		command->many_count = count - i;
		return;
	}
}

bool
sentence_find(struct command *command, char *const words[], int count)
{
	bool fits[SENTENCES_MAX];

	memset(fits, true, sizeof(fits));
	for (int i = 0; i < count; i++) {
		if (narrow(fits, i, words[i]) == 0) {
			ctl_say("\"%s\" does not fit there", words[i]);
			say_possible(fits, i);
			return false;
		}
		if (is_ambiguous(fits, i)) {
			ctl_say("\"%s\" may be more than one word", words[i]);
			say_possible(fits, i);
			return false;
		}
	}
	for (unsigned i = 0; i < sentence_count && count > 0; i++)
		if (fits[i] && is_complete(&sentences[i], count)) {
			take(command, &sentences[i], words, count);
			return true;
		}
	ctl_say(count == 0 ? "what shall be done?" : "something is missing there");
	say_possible(fits, count);
	return false;
}

bool
sentence_options(const struct sentence *sentence, const struct ctl_options *options)
{
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		if (option_value(options, (enum ctl_option)i) == NULL ||
		    option_rows[i].is_every ||
		    (sentence->options & (UINT64_C(1) << i)) != 0)
			continue;
		ctl_say("--%s does not go with: customerctl %s", option_rows[i].name,
		    sentence->text);
		return false;
	}
	return true;
}

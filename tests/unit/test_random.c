/* random: texts of random characters. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/domain/random.h"

#define TEXTS 10000u
#define TEXT_CHARS 100u

/* The characters of ALPHABET must come equally often, give or take MOST. */
static void
count(const char *alphabet, unsigned most)
{
	const unsigned expected = TEXTS * TEXT_CHARS / (unsigned)strlen(alphabet);
	unsigned       counts[256] = { 0 };
	char           text[TEXT_CHARS + 1];

	for (unsigned i = 0; i < TEXTS; i++) {
		text[TEXT_CHARS] = '!';
		random_text(text, TEXT_CHARS, alphabet);
		assert_int_equal(text[TEXT_CHARS], '!');
		for (unsigned j = 0; j < TEXT_CHARS; j++)
			counts[(unsigned char)text[j]]++;
	}
	for (unsigned c = 1; c < 256; c++) {
		if (strchr(alphabet, (int)c) == NULL)
			assert_int_equal(counts[c], 0);
		else
			assert_in_range(counts[c], expected - most, expected + most);
	}
	assert_int_equal(counts[0], 0);
}

/*
 * Eight times the standard deviation, which chance does not reach.  Without what
 * random_text() throws away, a few characters would be a fifth or a seventh too many.
 */
static void
each_character_is_as_likely_as_the_others(void **state)
{
	(void)state;
	count(RANDOM_DIGITS_AND_LETTERS, 8 * 126);
	count(RANDOM_DIGITS_AND_LOWER, 8 * 164);
	count("ab", 8 * 500);
	count("a", 0);
}

static void
no_text_is_the_one_before(void **state)
{
	char first[TEXT_CHARS], second[TEXT_CHARS];

	(void)state;
	random_text(first, sizeof(first), RANDOM_DIGITS_AND_LETTERS);
	random_text(second, sizeof(second), RANDOM_DIGITS_AND_LETTERS);
	assert_memory_not_equal(first, second, sizeof(first));
	/* The next bytes of one text are not the first ones again, either. */
	assert_memory_not_equal(first, first + TEXT_CHARS / 2, TEXT_CHARS / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_character_is_as_likely_as_the_others),
		cmocka_unit_test(no_text_is_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

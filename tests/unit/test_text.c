/* text: clean UTF-8, folded forms, slugs, emails, dates and other forms. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <idn2.h>
#include <stdio.h>

#include "server/domain/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What MAP makes of TEXT must be EXPECTED; NULL: it has no such form. */
static void
expect_mapped(bool (*map)(struct slice text, struct buf *out), const char *text,
    const char *expected)
{
	struct buf out;
	bool       has_form;

	buf_init(&out, 64 * 1024);
	buf_put(&out, "before", 6);
	has_form = map(slice_text(text), &out);
	assert_false(out.failed);
	if (has_form != (expected != NULL))
		fail_msg("'%s' %s", text, has_form ? "was accepted" : "was refused");
	assert_int_equal(out.len, 6 + (has_form ? strlen(expected) : 0));
	if (has_form)
		assert_memory_equal(out.data + 6, expected, strlen(expected));
	buf_fini(&out);
}

/* IS must say EXPECTED of each of the texts, COUNT of them. */
static void
expect_all(bool (*is)(struct slice text), bool expected, const char *const *texts,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is(slice_text(texts[i])) != expected)
			fail_msg(
			    "'%s' was %s", texts[i], expected ? "refused" : "accepted");
}

#define expect_good(is, texts) expect_all((is), true, (texts), COUNT(texts))
#define expect_bad(is, texts) expect_all((is), false, (texts), COUNT(texts))

static void
clean_text_is_strict_utf8(void **state)
{
	static const struct slice bad[] = {
		{ "\xff", 1 }, { "\x80", 1 }, { "\xc0\xaf", 2 }, { "\xe0\x80\xaf", 3 },
		{ "\xed\xa0\x80", 3 }, { "\xed\xbf\xbf", 3 }, { "\xf4\x90\x80\x80", 4 },
		{ "\xe2\x82", 2 }, { "\xf0\x9f\x98", 3 }, { "a\0b", 3 }, { "\x1f", 1 },
		{ "\x7f", 1 }, { "\xc2\x80", 2 }, { "\xc2\x9f", 2 },
		{ "\xe2\x80\xaa", 3 }, /* U+202A */
		{ "\xe2\x80\xae", 3 }, /* U+202E */
		{ "\xe2\x81\xa6", 3 }, /* U+2066 */
		{ "\xe2\x81\xa9", 3 }, /* U+2069 */
		{ "\xef\xbf\xbe", 3 }, /* U+FFFE */
		{ "\xef\xbf\xbf", 3 }, /* U+FFFF */
	};
	static const char *const good[] = {
		"", " ", "~", "\xc2\xa0", /* U+00A0 */
		"\xe2\x80\x8b",           /* U+200B */
		"\xe2\x80\x8f",           /* U+200F */
		"\xef\xbb\xbf",           /* U+FEFF */
		"\xee\x80\x80",           /* U+E000 */
		"\xcc\x81\xcc\x81",       /* marks alone */
		"\xf4\x8f\xbf\xbd",       /* U+10FFFD */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(text_is_clean(bad[i], false));
		assert_false(text_is_clean(bad[i], true));
	}
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(text_is_clean(slice_text(good[i]), false));
		assert_true(text_is_clean(slice_text(good[i]), true));
	}
}

/* Text is looked at eight bytes at a time; a byte counts the same wherever it is. */
static void
a_byte_is_as_clean_in_any_place(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++)
		for (size_t len = 1; len <= 20; len++)
			for (size_t place = 0; place < len; place++) {
				char text[20];

				memset(text, place % 2 == 0 ? '~' : ' ', len);
				text[place] = (char)byte;
				assert_int_equal(
				    text_is_clean(slice_of(text, len), false),
				    byte >= ' ' && byte <= '~');
				assert_int_equal(
				    text_is_clean(slice_of(text, len), true),
				    (byte >= ' ' && byte <= '~') || byte == '\n' ||
					byte == '\r' || byte == '\t');
				assert_int_equal(text_length(slice_of(text, len)),
				    len - ((byte & 0xc0) == 0x80));
			}
}

static void
lines_are_broken_only_where_they_may_be(void **state)
{
	static const char *const breaks[] = { "a\nb", "a\rb", "a\tb",
		"a\xe2\x80\xa8"
		"b",
		"a\xe2\x80\xa9"
		"b" };

	(void)state;
	for (size_t i = 0; i < COUNT(breaks); i++) {
		assert_false(text_is_clean(slice_text(breaks[i]), false));
		assert_true(text_is_clean(slice_text(breaks[i]), true));
	}
}

static void
length_is_counted_in_code_points(void **state)
{
	(void)state;
	assert_int_equal(text_length(SLICE("")), 0);
	assert_int_equal(text_length(SLICE("abc")), 3);
	assert_int_equal(text_length(SLICE("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 3);
	assert_int_equal(text_length(SLICE("e\xcc\x81")), 2);
}

static void
folded_texts_compare_without_case_and_width(void **state)
{
	(void)state;
	expect_mapped(text_fold, "", "");
	expect_mapped(text_fold, "ADA.Lovelace@[`{", "ada.lovelace@[`{");
	expect_mapped(text_fold,
	    "Stra\xc3\x9f"
	    "e",
	    "strasse");
	expect_mapped(text_fold, "\xef\xbc\xaa\xef\xbc\xaf", "jo"); /* full width */
	expect_mapped(text_fold, "JOSE\xcc\x81", "jos\xc3\xa9");    /* as NFC */
	expect_mapped(text_fold, "Jos\xc3\x89", "jos\xc3\xa9");
	expect_mapped(text_fold,
	    "a\xe2\x80\x8b"
	    "b",
	    "ab"); /* nothing to see */
	expect_mapped(text_fold, "\xff", NULL);
}

static void
a_slug_has_plain_letters_digits_and_hyphens(void **state)
{
	(void)state;
	expect_mapped(text_slug, "Ada Lovelace", "ada-lovelace");
	expect_mapped(text_slug, "\xc5\x81ukasz \xc3\x98re", "lukasz-ore");
	expect_mapped(text_slug,
	    "Jo\xc3\xa3o \xc3\x9cn\xc3\xaf"
	    "code Stra\xc3\x9f"
	    "e",
	    "joao-unicode-strasse");
	expect_mapped(text_slug,
	    "\xc3\x86\xc5\x93\xc3\x9e\xc3\xb0\xc4\x90\xc4\xa6\xc5\xa6", "aeoethddht");
	expect_mapped(text_slug, "\xc4\xb2 \xc4\xb1 \xc4\xb0 \xc5\x8a \xc4\xb8",
	    "ij-i-i-ng-k"); /* IJ, both i of Turkish, Ng, kra */
	expect_mapped(text_slug, "  --O'Brien, 3rd!! ", "o-brien-3rd");
	expect_mapped(text_slug,
	    "  --O\xe2\x80\x99"
	    "BRIEN, 3RD!! ",
	    "o-brien-3rd");
	expect_mapped(text_slug, "Ada \xd0\x97\xd0\xbe\xd1\x8f", "ada");
	expect_mapped(text_slug, "\xd0\x97\xd0\xbe\xd1\x8f", NULL);
	expect_mapped(text_slug, " - ", NULL);
	expect_mapped(text_slug, "", NULL);
	expect_mapped(text_slug, "\xcc\x81", NULL);
	expect_mapped(text_slug, "\xff", NULL);
}

static void
a_slug_leaves_room_for_a_number(void **state)
{
	char       name[3 * SLUG_BYTES_MAX];
	struct buf out;

	(void)state;
	buf_init(&out, 64 * 1024);
	/* One character that becomes three. */
	for (size_t i = 0; i < sizeof(name); i += 3)
		memcpy(name + i, "\xef\xac\x83", 3);
	assert_true(text_slug(slice_of(name, sizeof(name)), &out));
	assert_in_range(out.len, SLUG_BYTES_MAX - 3, SLUG_BYTES_MAX);
	buf_fini(&out);
}

static const char *const emails[] = {
	"a@b.c",
	"ada@example.com",
	"ADA+tag_1-2.x@Example.COM",
	"!#$%&'*/=?^`{|}~@example.com",
	"\xc3\xbc"
	"ber@b\xc3\xbc"
	"cher.example",
	"a@xn--bcher-kva.example",
	"a@b-c.d2",
	"a@b\xe3\x80\x82"
	"example", /* an ideographic full stop */
	"a\xe2\x80\x8b"
	"b@example.com",
};

static const char *const no_emails[] = {
	"",
	"@",
	"ada",
	"ada@",
	"@example.com",
	"ada@example",
	"ada@b@example.com",
	"ada@@example.com",
	"ada@.com",
	"ada@example.",
	"ada@example.com.",
	"ada@example..com",
	"ada@-example.com",
	"ada@example-.com",
	"ada@ex_ample.com",
	"ada@ex ample.com",
	"ada@[127.0.0.1]",
	"ada@xn--a.com",
	"ada@\xe2\x98\x83\xe2\x80\xae.com",
	".ada@example.com",
	"ada.@example.com",
	"a..da@example.com",
	" ada@example.com",
	"ada @example.com",
	"ada@example.com ",
	"ada\xc2\xa0@example.com",
	"ada\xe3\x80\x80@example.com",
	"\"ada\"@example.com",
	"ada(x)@example.com",
	"<ada@example.com>",
	"Ada <ada@example.com>",
	"ada,eve@example.com",
	"ada;eve@example.com",
	"ada:eve@example.com",
	"ada\\@example.com",
	"ada[1]@example.com",
	"a@b.example\r\nBcc: c@d.example",
	"a\nb@example.com",
	"a@b\n.example",
	"\xff@example.com",
	"ada@\xff.example",
};

static bool
is_email(struct slice text)
{
	struct buf scratch;
	bool       is;

	buf_init(&scratch, 4096);
	is = text_is_email(text, &scratch);
	assert_false(scratch.failed);
	assert_int_equal(scratch.len, 0);
	buf_fini(&scratch);
	return is;
}

static void
an_email_is_a_local_part_and_a_host(void **state)
{
	(void)state;
	expect_good(is_email, emails);
	expect_bad(is_email, no_emails);
	assert_false(is_email(slice_of("a\0b@example.com", 15)));
	assert_false(is_email(slice_of("a@example.com\0.x", 16)));
}

static void
the_parts_of_an_email_have_bounds(void **state)
{
	char email[512];

	(void)state;
	memset(email, 'a', sizeof(email));
	for (size_t len = 64; len <= 65; len++) {
		memcpy(email + len, "@example.com", 12);
		assert_int_equal(is_email(slice_of(email, len + 12)), len == 64);
		memset(email, 'a', sizeof(email));
	}
	for (size_t len = 63; len <= 64; len++) {
		email[1] = '@';
		memcpy(email + 2 + len, ".com", 4);
		assert_int_equal(is_email(slice_of(email, 2 + len + 4)), len == 63);
		memset(email, 'a', sizeof(email));
	}
	/* 253 bytes of host, and one more. */
	for (size_t len = 253; len <= 254; len++) {
		email[1] = '@';
		for (size_t dot = 63; dot < len; dot += 64)
			email[2 + dot] = '.';
		assert_int_equal(is_email(slice_of(email, 2 + len)), len == 253);
	}
}

static void
an_address_whose_key_is_too_long_is_no_email(void **state)
{
	char   email[128];
	size_t len = 0;

	(void)state;
	/* A character of three bytes whose plain form has 33. */
	for (; len < 21 * 3; len += 3)
		memcpy(email + len, "\xef\xb7\xba", 3);
	memcpy(email + len, "@example.com", 13);
	assert_false(is_email(slice_of(email, len + 12)));
	expect_mapped(text_email_key, email, NULL);
	assert_true(is_email(slice_of(email + len - 3, 3 + 12)));
}

static void
spellings_of_one_email_have_one_key(void **state)
{
	(void)state;
	expect_mapped(text_email_key, "ada@example.com", "ada@example.com");
	expect_mapped(text_email_key, "ADA@Example.COM", "ada@example.com");
	expect_mapped(
	    text_email_key, "JOSE\xcc\x81@example.com", "jos\xc3\xa9@example.com");
	expect_mapped(
	    text_email_key, "jos\xc3\xa9@example.com", "jos\xc3\xa9@example.com");
	expect_mapped(text_email_key,
	    "a@B\xc3\x9c"
	    "cher.de",
	    "a@xn--bcher-kva.de");
	expect_mapped(text_email_key,
	    "a@bu\xcc\x88"
	    "cher.de",
	    "a@xn--bcher-kva.de");
	expect_mapped(text_email_key, "a@XN--BCHER-KVA.DE", "a@xn--bcher-kva.de");
	expect_mapped(text_email_key, "a@fa\xc3\x9f.de", "a@xn--fa-hia.de");
	for (size_t i = 0; i < COUNT(no_emails); i++)
		expect_mapped(text_email_key, no_emails[i], NULL);
}

/* What IDNA makes of an ASCII host, in lower case; false: it takes no such host. */
static bool
look_up(const char *host, char *found, size_t size)
{
	uint8_t *name;

	if (idn2_lookup_u8((const uint8_t *)host, &name,
		IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return false;
	snprintf(found, size, "%s", (const char *)name);
	for (char *c = found; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
	idn2_free(name);
	return true;
}

/* Names of up to six characters of these; "xn--" is among them. */
static void
the_key_of_an_ascii_host_is_what_idna_makes_of_it(void **state)
{
	static const char characters[] = "-.nxB1";
	unsigned          good = 0, counts = 6 * 6 * 6 * 6 * 6 * 6;

	(void)state;
	for (unsigned number = 0; number < counts; number++) {
		char       email[16] = "a@", found[64];
		struct buf key;
		size_t     len = 2;
		bool       has_key;

		for (unsigned rest = number; rest > 0; rest /= 6)
			email[len++] = characters[rest % 6];
		memcpy(email + len, ".de", 4);
		buf_init(&key, 64);
		has_key = text_email_key(slice_text(email), &key);
		if (has_key) {
			if (!look_up(email + 2, found, sizeof(found)))
				fail_msg("'%s' was accepted", email);
			assert_int_equal(key.len, 2 + strlen(found));
			assert_memory_equal(key.data + 2, found, strlen(found));
			good++;
		}
		buf_fini(&key);
	}
	assert_in_range(good, counts / 10, counts);
}

static void
a_date_is_a_day_of_the_calendar(void **state)
{
	static const char *const days[] = { "0001-01-01", "1815-12-10", "2000-02-29",
		"2024-02-29", "2023-02-28", "9999-12-31" };
	static const char *const no_days[] = { "", "0000-00-00", "0000-01-01",
		"1900-02-29", "2023-02-29", "2023-04-31", "2023-13-01", "2023-00-01",
		"2023-01-00", "2023-01-32", "-001-01-01", "+023-01-01", "2023-1-1",
		"20230101", "2023/01/01", "2023-01-01 ", "2023-01-01T00:00:00Z",
		"9999-12-31T23:59:60Z", "12023-01-01", "2023-01-0x", "1000000000" };

	(void)state;
	expect_good(text_is_date, days);
	expect_bad(text_is_date, no_days);
}

static void
an_ip_is_what_inet_pton_takes(void **state)
{
	static const char *const ips[] = { "127.0.0.1", "::", "::1", "2001:db8::ff",
		"0000:0000:0000:0000:0000:ffff:255.255.255.255" };
	static const char *const no_ips[] = { "", "localhost", "127.0.0", "256.0.0.1",
		"127.0.0.1 ", "1.2.3.4/8", ":::", "::1%lo", "fe80::1::2",
		"0000:0000:0000:0000:0000:ffff:255.255.255.2555" };

	(void)state;
	expect_good(text_is_ip, ips);
	expect_bad(text_is_ip, no_ips);
	assert_false(text_is_ip(slice_of("::1\0", 4)));
}

static void
a_country_is_in_iso_3166(void **state)
{
	static const char *const countries[] = { "SE", "US", "AD", "ZW", "GB", "TW" };
	static const char *const no_countries[] = { "", "S", "se", "Se", "XX", "UK",
		"AA", "SWE", "S ", "@A", "[A" };
	unsigned                 count = 0;

	(void)state;
	expect_good(text_is_country, countries);
	expect_bad(text_is_country, no_countries);
	assert_false(text_is_country(slice_of("A\0", 2)));
	for (int i = 0; i < 256 * 256; i++)
		count += text_is_country(
		    slice_of((char[]){ (char)(i / 256), (char)(i % 256) }, 2));
	assert_int_equal(count, 249);
}

static void
a_language_is_letters_and_groups(void **state)
{
	static const char *const languages[] = { "en", "deu", "pt_BR", "pt-br",
		"zh-Hans", "zh-Hans-CN", "es-419", "sl-rozaj-biske-1994" };
	static const char *const no_languages[] = { "", "e", "engl", "e1", "en-", "-en",
		"en--us", "en-u", "en-abcdefghi", "en us", "en.utf8", "en-\xc3\xa9t",
		"english" };

	(void)state;
	expect_good(text_is_language, languages);
	expect_bad(text_is_language, no_languages);
	assert_false(text_is_language(slice_of("en\0us", 5)));
}

static void
a_tag_has_its_own_characters(void **state)
{
	static const char *const tags[] = { "a", "VIP", "b_2:c-d", "___" };
	static const char *const no_tags[] = { "", "a b", "a,b", "caf\xc3\xa9", "a.b",
		"a\n" };

	(void)state;
	expect_good(text_is_tag, tags);
	expect_bad(text_is_tag, no_tags);
	assert_false(text_is_tag(slice_of("a\0", 2)));
}

static void
a_uid_is_ten_letters_and_digits(void **state)
{
	static const char *const uids[] = { "xYZkjABcde", "0123456789" };
	static const char *const no_uids[] = { "", "xYZkjABcd", "xYZkjABcdef",
		"xYZkjABcd-", "../../../x", "xYZkjABc\xc3\xa9" };

	(void)state;
	expect_good(text_is_uid, uids);
	expect_bad(text_is_uid, no_uids);
}

static void
a_lack_of_room_shows_in_the_buf(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4);
	assert_true(text_fold(SLICE("Ada Lovelace"), &out));
	assert_true(out.failed);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_text_is_strict_utf8),
		cmocka_unit_test(a_byte_is_as_clean_in_any_place),
		cmocka_unit_test(lines_are_broken_only_where_they_may_be),
		cmocka_unit_test(length_is_counted_in_code_points),
		cmocka_unit_test(folded_texts_compare_without_case_and_width),
		cmocka_unit_test(a_slug_has_plain_letters_digits_and_hyphens),
		cmocka_unit_test(a_slug_leaves_room_for_a_number),
		cmocka_unit_test(an_email_is_a_local_part_and_a_host),
		cmocka_unit_test(the_parts_of_an_email_have_bounds),
		cmocka_unit_test(an_address_whose_key_is_too_long_is_no_email),
		cmocka_unit_test(spellings_of_one_email_have_one_key),
		cmocka_unit_test(the_key_of_an_ascii_host_is_what_idna_makes_of_it),
		cmocka_unit_test(a_date_is_a_day_of_the_calendar),
		cmocka_unit_test(an_ip_is_what_inet_pton_takes),
		cmocka_unit_test(a_country_is_in_iso_3166),
		cmocka_unit_test(a_language_is_letters_and_groups),
		cmocka_unit_test(a_tag_has_its_own_characters),
		cmocka_unit_test(a_uid_is_ten_letters_and_digits),
		cmocka_unit_test(a_lack_of_room_shows_in_the_buf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

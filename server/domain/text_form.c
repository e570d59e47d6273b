#include <arpa/inet.h>

#include "server/domain/countries.h" /* generated */
#include "server/domain/text.h"
#include "server/domain/text_internal.h"

/* The number that COUNT digits at AT are; -1 when they are no digits. */
static int
digits(const char *at, unsigned count)
{
	int number = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!is_digit(at[i]))
			return -1;
		number = 10 * number + (at[i] - '0');
	}
	return number;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

bool
text_is_date(struct slice text)
{
	int year, month, day;

	if (text.len != sizeof("YYYY-MM-DD") - 1 || text.data[4] != '-' ||
	    text.data[7] != '-')
		return false;
	year = digits(text.data, 4);
	month = digits(text.data + 5, 2);
	day = digits(text.data + 8, 2);
	return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days_in_month(year, month);
}

bool
text_is_ip(struct slice text)
{
	char            name[INET6_ADDRSTRLEN] = { 0 };
	struct in6_addr address;

	if (text.len == 0 || text.len >= sizeof(name) ||
	    memchr(text.data, '\0', text.len) != NULL)
		return false;
	memcpy(name, text.data, text.len);
	return inet_pton(AF_INET, name, &address) == 1 ||
	       inet_pton(AF_INET6, name, &address) == 1;
}

bool
text_is_country(struct slice text)
{
	if (text.len != 2 || text.data[0] < 'A' || text.data[0] > 'Z' ||
	    text.data[1] == '\0')
		return false;
	return strchr(countries[text.data[0] - 'A'], text.data[1]) != NULL;
}

bool
text_is_language(struct slice text)
{
	size_t start = 0, len;
	bool   is_group;

	for (size_t end = 0; end <= text.len; end++) {
		is_group = start > 0; /* not the language itself */
		if (end < text.len && (is_group ? is_letter_or_digit(text.data[end])
						: is_letter(text.data[end])))
			continue;
		len = end - start;
		if (len < 2 || len > (is_group ? 8 : 3))
			return false;
		if (end < text.len && text.data[end] != '-' && text.data[end] != '_')
			return false;
		start = end + 1;
	}
	return true;
}

bool
text_is_tag(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_letter_or_digit(text.data[i]) &&
		    (text.data[i] == '\0' || strchr("_-:", text.data[i]) == NULL))
			return false;
	return text.len > 0;
}

bool
text_is_uid(struct slice text)
{
	if (text.len != 10)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_letter_or_digit(text.data[i]))
			return false;
	return true;
}

bool
text_is_sha256(struct slice text)
{
	if (text.len != 64)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_digit(text.data[i]) &&
		    (text.data[i] < 'a' || text.data[i] > 'f'))
			return false;
	return true;
}

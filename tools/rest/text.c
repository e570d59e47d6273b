#include "tools/rest/text.h"

struct slice
text_decimal(char room[TEXT_DECIMAL_BYTES], int64_t value)
{
	char    *end = room + TEXT_DECIMAL_BYTES, *at = end;
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do
		*--at = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (value < 0)
		*--at = '-';
	return slice_of(at, (size_t)(end - at));
}

void
text_hexadecimal(char *at, uint64_t value)
{
	for (unsigned i = 16; i > 0; value >>= 4)
		at[--i] = "0123456789abcdef"[value & 15];
}

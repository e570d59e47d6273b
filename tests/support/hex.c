#include <assert.h>

#include "tests/support/hex.h"

static unsigned
must_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char       *at = c != '\0' ? strchr(digits, c) : NULL;

	assert(at != NULL);
	return (unsigned)(at - digits);
}

struct slice
must_hex(struct buf *buf, const char *hex)
{
	while (*hex != '\0') {
		unsigned char byte;

		if (*hex == ' ') {
			hex++;
			continue;
		}
		byte = (unsigned char)(must_digit(hex[0]) << 4 | must_digit(hex[1]));
		buf_put(buf, &byte, 1);
		hex += 2;
	}
	assert(!buf->failed);
	return buf_slice(buf);
}

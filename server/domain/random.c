#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "server/domain/random.h"

#define BYTES_PER_CALL 64u /* of the kernel: more than nearly all texts need */

void
random_text(char *text, size_t len, const char *alphabet)
{
	const size_t  count = strlen(alphabet);
	unsigned char bytes[BYTES_PER_CALL];
	size_t        at = BYTES_PER_CALL;

	assert(count > 0 && count <= 256);
	while (len > 0) {
		if (at == BYTES_PER_CALL) {
			randombytes_buf(bytes, sizeof(bytes));
			at = 0;
		}
		/* The highest bytes do not go round: they would prefer some. */
		if (bytes[at] < 256 - 256 % count) {
			*text++ = alphabet[bytes[at] % count];
			len--;
		}
		at++;
	}
	sodium_memzero(bytes, sizeof(bytes));
}

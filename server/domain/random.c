#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "server/domain/random.h"

#define BYTES 64u /* of one call of the kernel: more than nearly all texts need */

void
random_text(char *text, size_t len, const char *alphabet)
{
	const size_t  count = strlen(alphabet);
	unsigned char bytes[BYTES];
	size_t        at = BYTES;

	assert(count > 0 && count <= 256);
	while (len > 0) {
		if (at == BYTES) {
			randombytes_buf(bytes, sizeof(bytes));
			at = 0;
		}
		/* The last bytes, too few for all characters, would prefer the first.
		 */
		if (bytes[at] < 256 - 256 % count) {
			*text++ = alphabet[bytes[at] % count];
			len--;
		}
		at++;
	}
	sodium_memzero(bytes, sizeof(bytes));
}

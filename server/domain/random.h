/*
 * random -- texts of random characters: uids, references, the secrets of tokens.
 *
 * From libsodium, whose source is the kernel's.  Any thread; cannot fail.
 */

#ifndef DOMAIN_RANDOM_H
#define DOMAIN_RANDOM_H

#include <stddef.h>

#define RANDOM_DIGITS_AND_LOWER "0123456789abcdefghijklmnopqrstuvwxyz"
#define RANDOM_DIGITS_AND_LETTERS \
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/*
 * Write LEN characters to TEXT, each any one of ALPHABET, which has at most 256, with
 * the same probability.  Nothing is put behind them.
 */
void random_text(char *text, size_t len, const char *alphabet);

#endif

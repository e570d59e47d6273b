/*
 * However the bytes arrive, the scanner says the same; what it accepts, every
 * other reader of MessagePack understands in the same way.
 */

#include <assert.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/reader.h"
#include "proto/scan.h"
#include "tests/support/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small enough for a fuzzer to meet them. */
static const struct scan_limits limits = { 4096, 8, 512 };

static enum scan_result
feed_in_pieces(struct slice bytes, size_t piece, size_t *len)
{
	struct scan      scan;
	enum scan_result result = SCAN_MORE;

	scan_init(&scan, &limits);
	for (size_t end = piece; result == SCAN_MORE && end < bytes.len; end += piece)
		result = scan_feed(&scan, slice_of(bytes.data, end), len);
	if (result == SCAN_MORE)
		result = scan_feed(&scan, bytes, len);
	assert((result == SCAN_BAD) == (scan_status(&scan) != STATUS_OK));
	return result;
}

static void
check_accepted(struct slice bytes, size_t len)
{
	struct reader reader;
	struct slice  value;
	size_t        oracle_len;

	assert(len > 0 && len <= bytes.len && len <= limits.bytes_max);
	reader_init(&reader, bytes);
	value = reader_value(&reader);
	assert(reader.status == STATUS_OK);
	assert(value.data == bytes.data && value.len == len);
	assert(oracle_msgpack(bytes, &oracle_len) == SCAN_DONE && oracle_len == len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice     bytes = slice_of(data, size);
	size_t           len = 0, other_len = 0;
	enum scan_result result, other;

	if (size == 0)
		return 0;
	result = feed_in_pieces(bytes, size, &len);
	for (size_t piece = 1; piece < size && piece < 20; piece++) {
		other = feed_in_pieces(bytes, piece, &other_len);
		assert(other == result);
		assert(result != SCAN_DONE || other_len == len);
	}
	if (result == SCAN_DONE)
		check_accepted(bytes, len);
	other = oracle_mpack(bytes, &other_len);
	assert(result == SCAN_BAD || other == result);
	assert(result != SCAN_DONE || other_len == len);
	return 0;
}

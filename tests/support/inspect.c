/*
 * inspect -- open data directories, as a server would, and say what is in them.
 *
 * Each line of the input names a directory; each line of the output is one of
 *
 *	refused SENTENCE           the server would not start
 *	wrong SENTENCE             customerd verify finds something
 *	sound BATCH DIGEST DATA    how many batches it has seen, a digest of all tables
 *but kv's own, and its customers as hex, each after a comma
 *
 * What is sound has been closed and opened again, and had the same content then.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "server/domain/domain.h"
#include "server/domain/stored.h"
#include "server/kv/kv.h"

#define BYTES_MAX ((size_t)1 << 30)
#define JOURNAL_BYTES_MAX ((size_t)1 << 20)
#define LINE_MAX_BYTES 4096

static void
keep_first(void *context, const char *sentence)
{
	char *first = context;

	if (first[0] == '\0')
		snprintf(first, LINE_MAX_BYTES, "%s", sentence);
}

/* All that lies in the tables, in order. */
static XXH64_hash_t
digest(struct kv_txn *txn)
{
	struct kv_scan scan;
	struct slice   key, value;
	XXH64_hash_t   sum = 0;
	unsigned       table;

	for (table = KV_META + 1; table < KV_TABLE_COUNT; table++) {
		kv_scan_begin(&scan, txn, table, SLICE(""), SLICE(""));
		while (kv_scan_next(&scan, &key, &value)) {
			sum = XXH3_64bits_withSeed(key.data, key.len, sum + table);
			sum = XXH3_64bits_withSeed(value.data, value.len, sum);
		}
		kv_scan_end(&scan);
	}
	return sum;
}

/* Its customers as hex, each after a comma; to be freed. */
static char *
customers_of(struct kv_txn *txn)
{
	struct kv_scan scan;
	struct slice   key, value;
	char          *text;
	size_t         i, len;
	uint64_t       change;
	FILE          *out = open_memstream(&text, &len);

	kv_scan_begin(&scan, txn, KV_CUSTOMER, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value)) {
		putc(',', out);
		stored_take(&value, &change);
		for (i = 0; i < value.len; i++)
			fprintf(out, "%02x", (unsigned)(unsigned char)value.data[i]);
	}
	kv_scan_end(&scan);
	fclose(out);
	return text;
}

/* What a look at a directory is to find out. */
struct look {
	char         why[LINE_MAX_BYTES]; /* what is wrong; empty: nothing */
	uint64_t     batch;
	XXH64_hash_t digest;
	char        *customers;
};

/* Open PATH and close it again.  False: it is refused. */
static bool
open_and_look(const char *path, struct look *look, bool is_first)
{
	const struct kv_options options = {
		.path = path,
		.bytes_max = BYTES_MAX,
		.journal_bytes_max = JOURNAL_BYTES_MAX,
		.snapshots_max = 1,
		.read_only = !is_first,
	};
	struct kv          *kv;
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;

	*look = (struct look){ .why = "" };
	if (kv_open(&kv, &options, look->why, sizeof(look->why)) != STATUS_OK)
		return false;
	snapshot = kv_snapshot_new(kv);
	kv_read(snapshot, &txn);
	look->batch = kv_sequence(kv);
	look->digest = digest(&txn);
	look->customers = customers_of(&txn);
	if (is_first)
		domain_verify(&txn, keep_first, look->why);
	kv_snapshot_free(snapshot);
	kv_close(kv);
	return true;
}

static void
inspect(const char *path)
{
	struct look first, again = { .why = "" };

	if (!open_and_look(path, &first, true))
		printf("refused %s\n", first.why);
	else if (first.why[0] != '\0')
		printf("wrong %s\n", first.why);
	else if (!open_and_look(path, &again, false))
		printf("refused after a clean stop: %s\n", again.why);
	else if (again.batch != first.batch || again.digest != first.digest)
		printf("wrong after a clean stop\n");
	else
		printf("sound %" PRIu64 " %016" PRIx64 " %s\n", first.batch,
		    (uint64_t)first.digest, first.customers);
	free(first.customers);
	free(again.customers);
}

int
main(void)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		inspect(line);
		fflush(stdout);
	}
	return 0;
}

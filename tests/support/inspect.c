/*
 * inspect -- open data directories, as a server would, and say what is in them.
 *
 * Each line of the input names a directory; each line of the output is one of
 *
 *	refused SENTENCE           the server would not start
 *	wrong SENTENCE             customerd verify finds something
 *	sound BATCH DIGEST DATA    how many batches it has seen, a digest of all tables,
 *	                           and its customers as hex, each after a comma
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "server/domain/domain.h"
#include "server/kv/key.h"

#define BYTES_MAX ((size_t)1 << 30)
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

	for (table = 0; table < KV_TABLE_COUNT; table++) {
		kv_scan_begin(&scan, txn, table, SLICE(""), SLICE(""));
		while (kv_scan_next(&scan, &key, &value)) {
			sum = XXH3_64bits_withSeed(key.data, key.len, sum + table);
			sum = XXH3_64bits_withSeed(value.data, value.len, sum);
		}
		kv_scan_end(&scan);
	}
	return sum;
}

static void
print_customers(struct kv_txn *txn)
{
	struct kv_scan scan;
	struct slice   key, value;
	size_t         i;

	kv_scan_begin(&scan, txn, KV_CUSTOMER, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value)) {
		putchar(',');
		for (i = 0; i < value.len; i++)
			printf("%02x", (unsigned)(unsigned char)value.data[i]);
	}
	kv_scan_end(&scan);
}

static void
print_sound(struct kv_txn *txn)
{
	struct slice value;
	uint64_t     batch = 0;

	if (kv_get(txn, KV_META, SLICE("batch"), &value))
		key_take_u64(&value, &batch);
	printf("sound %" PRIu64 " %016" PRIx64 " ", batch, (uint64_t)digest(txn));
	print_customers(txn);
	putchar('\n');
}

static void
inspect(const char *path)
{
	const struct kv_options options = {
		.path = path, .bytes_max = BYTES_MAX, .snapshots_max = 1
	};
	struct kv          *kv;
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;
	char                why[LINE_MAX_BYTES] = "";

	if (kv_open(&kv, &options, why, sizeof(why)) != STATUS_OK) {
		printf("refused %s\n", why);
		return;
	}
	snapshot = kv_snapshot_new(kv);
	kv_read(snapshot, &txn);
	if (domain_verify(&txn, keep_first, why) > 0)
		printf("wrong %s\n", why);
	else
		print_sound(&txn);
	kv_snapshot_free(snapshot);
	kv_close(kv);
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

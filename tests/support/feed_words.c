#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/feed_words.h"

void
make(struct domain_fixture *f, const char *email)
{
	char args[256];

	snprintf(args, sizeof(args), "{'set': {'email': '%s'}}", email);
	must_do(f, CREATE, args);
}

void
touch(struct domain_fixture *f, int id, int times)
{
	static int number;

	while (times-- > 0) {
		char args[128];

		snprintf(args, sizeof(args), "{'id': %d, 'set': {'phone': '%d'}}", id,
		    ++number);
		must_do(f, UPDATE, args);
	}
}

const char *
numbers(struct domain_fixture *f, const char *method, const char *args)
{
	static const char *const keys[] = { "next", "last" };
	static char              text[4096];
	json_t                  *answer = must(f, method, args), *item;
	size_t                   i, len = 0;

	text[0] = '\0';
	json_array_foreach (json_object_get(answer, "items"), i, item)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%lld ",
		    json_integer_value(json_object_get(item, "seq")));
	for (i = 0; i < 2; i++)
		if (json_is_integer(json_object_get(answer, keys[i])))
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s %lld ", keys[i],
			    json_integer_value(json_object_get(answer, keys[i])));
	json_decref(answer);
	return text;
}

const char *
item(struct domain_fixture *f, const char *method, const char *args, size_t index,
    const char *field)
{
	static char text[4096];
	json_t     *answer = must(f, method, args);
	json_t     *value = json_object_get(
		json_array_get(json_object_get(answer, "items"), index), field);
	char *dump =
	    value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	snprintf(text, sizeof(text), "%s", dump == NULL ? "absent" : dump);
	free(dump);
	json_decref(answer);
	return text;
}

bool
says(struct domain_fixture *f, const char *method, const char *args, const char *text)
{
	must_do(f, method, args);
	return memmem(f->result.data, f->result.len, text, strlen(text)) != NULL;
}

void
gone(struct domain_fixture *f, const char *args, uint64_t oldest, uint64_t last)
{
	refused(f, READ, args, STATUS_CHANGES_GONE);
	assert_int_equal(f->call->oldest, oldest);
	assert_int_equal(f->call->last, last);
}

void
trim(struct domain_fixture *f, const struct change_keep *keep, unsigned count_max)
{
	uint32_t store = 0;
	bool     done = false;

	while (!done) {
		struct kv_batch *batch;
		struct kv_txn    txn;

		assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
		kv_write(batch, &txn);
		done = change_trim(&txn, &store, keep, count_max);
		assert_int_equal(txn.status, STATUS_OK);
		assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	}
}

void
keep_only(struct domain_fixture *f, uint64_t count)
{
	const struct change_keep keep = { .max = count, .bytes = UINT64_MAX };

	trim(f, &keep, 1000);
}

struct change_log
log_of(struct domain_fixture *f, uint32_t store)
{
	struct change_log log;
	struct kv_txn     txn;

	kv_read(f->snapshot, &txn);
	change_log_get(&txn, store, &log);
	assert_int_equal(txn.status, STATUS_OK);
	return log;
}

void
put_log(struct domain_fixture *f, const struct change_log *log, unsigned count)
{
	const uint64_t   numbers[] = { log->last, log->bytes, log->uncounted };
	struct kv_batch *batch;
	struct kv_txn    txn;
	struct key       key, value;

	key_init(&key, 1);
	key_text(&key, SLICE("change"));
	key_init_bare(&value);
	for (unsigned i = 0; i < count; i++)
		key_u64(&value, numbers[i]);
	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_COUNTER, key_slice(&key), key_slice(&value));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/password.h"
#include "tests/support/domain_fixture.h"

#define START_MS 1700000000000LL
#define FIXTURE_ROUNDS_MAX 100000 /* of housekeeping; more is a loop without end */

/* ---- JSON to MessagePack and back ---- */

static void
pack_json(json_t *json, struct buf *buf)
{
	const char *key;
	json_t     *value;
	size_t      i;

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		pack_map(buf, (uint32_t)json_object_size(json));
		json_object_foreach (json, key, value) {
			pack_text(buf, slice_text(key));
			pack_json(value, buf);
		}
		break;
	case JSON_ARRAY:
		pack_array(buf, (uint32_t)json_array_size(json));
		json_array_foreach (json, i, value)
			pack_json(value, buf);
		break;
	case JSON_STRING:
		pack_text(
		    buf, slice_of(json_string_value(json), json_string_length(json)));
		break;
	case JSON_INTEGER: pack_integer(buf, json_integer_value(json)); break;
	case JSON_REAL: pack_number(buf, json_real_value(json)); break;
	case JSON_TRUE: pack_bool(buf, true); break;
	case JSON_FALSE: pack_bool(buf, false); break;
	default: pack_nil(buf); break;
	}
}

static json_t *
read_json(struct reader *reader)
{
	struct slice text;
	json_t      *json;
	int64_t      number = 0;

	switch (reader_peek(reader)) {
	case VALUE_BOOL: return json_boolean(reader_bool(reader));
	case VALUE_INTEGER:
		reader_integer(reader, &number);
		return json_integer(number);
	case VALUE_NUMBER: return json_real(reader_number(reader));
	case VALUE_TEXT:
		text = reader_text(reader);
		return json_stringn(text.data, text.len);
	case VALUE_ARRAY:
		json = json_array();
		for (uint32_t left = reader_array(reader); left > 0; left--)
			json_array_append_new(json, read_json(reader));
		return json;
	case VALUE_MAP:
		json = json_object();
		for (uint32_t left = reader_map(reader); left > 0; left--) {
			char key[256];

			text = reader_text(reader);
			snprintf(key, sizeof(key), "%.*s", (int)text.len, text.data);
			json_object_set_new(json, key, read_json(reader));
		}
		return json;
	default: reader_value(reader); return json_null();
	}
}

static void
pack_args(struct domain_fixture *f, const char *args)
{
	char        *text = strdup(args);
	json_error_t error;
	json_t      *json;

	for (char *at = text; *at != '\0'; at++)
		if (*at == '\'')
			*at = '"';
	json = json_loads(text, 0, &error);
	if (json == NULL)
		fail_msg("%s: %s", error.text, text);
	free(text);
	buf_clear(&f->args, SIZE_MAX);
	pack_json(json, &f->args);
	json_decref(json);
}

/* ---- requests ---- */

static enum status
write_call(struct domain_fixture *f)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status, committed;

	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	domain_fetch(f->call, &txn);
	f->fetched = kv_fetch_all(&txn);
	status = domain_write(f->call, &txn);
	/* A refusal leaves no trace. */
	assert_true(status == STATUS_OK || !txn.wrote);
	committed = kv_batch_commit(batch);
	assert_int_equal(committed, STATUS_OK);
	domain_committed(f->domain);
	return status;
}

static enum status
read_call(struct domain_fixture *f)
{
	struct kv_txn txn;
	enum status   status;

	kv_read(f->snapshot, &txn);
	status = domain_read(f->call, &txn);
	kv_snapshot_release(f->snapshot);
	if (status == STATUS_OK && f->call->passwords != NULL) {
		assert_true(password_run(f->call->passwords));
		status = domain_finish(f->call);
	}
	return status;
}

enum status
ask(struct domain_fixture *f, const char *method, const char *args)
{
	struct call *call = f->call;
	enum status  status;

	pack_args(f, args);
	arena_reset(&f->arena);
	buf_clear(&f->result, SIZE_MAX);
	call_init(call);
	call->domain = f->domain;
	call->method = method_find(slice_text(method));
	assert_non_null(call->method);
	call->who = f->who;
	call->meta = f->meta;
	call->args_bytes = buf_slice(&f->args);
	call->now_ms = f->now_ms;
	call->arena = &f->arena;
	call->scratch = &f->scratch;
	call->result = &f->result;
	f->meta = (struct meta){ 0 };
	status = domain_check(call);
	if (status != STATUS_OK)
		return status;
	if (call->method->access == METHOD_READ)
		return read_call(f);
	if (call->passwords != NULL)
		assert_true(password_run(call->passwords));
	return write_call(f);
}

json_t *
must(struct domain_fixture *f, const char *method, const char *args)
{
	struct reader reader;
	enum status   status = ask(f, method, args);

	if (status != STATUS_OK)
		fail_msg("%s %s: %s, %s at %s", method, args, status_info(status)->name,
		    f->call->violations.count > 0
			? rule_info(f->call->violations.list[0].rule)->name
			: "nothing",
		    f->call->violations.list[0].path);
	reader_init(&reader, buf_slice(&f->result));
	return read_json(&reader);
}

void
must_do(struct domain_fixture *f, const char *method, const char *args)
{
	json_decref(must(f, method, args));
}

void
refused(
    struct domain_fixture *f, const char *method, const char *args, enum status status)
{
	assert_string_equal(
	    status_info(ask(f, method, args))->name, status_info(status)->name);
}

void
invalid(struct domain_fixture *f, const char *method, const char *args,
    const char *path, enum rule rule)
{
	refused(f, method, args, STATUS_INVALID);
	for (unsigned i = 0; i < f->call->violations.count; i++)
		if (strcmp(f->call->violations.list[i].path, path) == 0 &&
		    f->call->violations.list[i].rule == rule)
			return;
	fail_msg("%s is not noted at %s, but %s at %s", rule_info(rule)->name, path,
	    rule_info(f->call->violations.list[0].rule)->name,
	    f->call->violations.list[0].path);
}

const char *
field_of(
    struct domain_fixture *f, const char *method, const char *args, const char *field)
{
	static char text[4096];
	json_t     *answer = must(f, method, args);
	json_t     *value = json_object_get(answer, field);
	char       *dump = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY);

	snprintf(text, sizeof(text), "%s", dump == NULL ? "absent" : dump);
	free(dump);
	json_decref(answer);
	return text;
}

void
keep_house(struct domain_fixture *f)
{
	bool more = true;

	for (int rounds = 0; more; rounds++) {
		struct kv_batch *batch;
		struct kv_txn    txn;

		assert_true(rounds < FIXTURE_ROUNDS_MAX);
		assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
		kv_write(batch, &txn);
		assert_int_equal(
		    domain_housekeep(f->domain, &txn, f->now_ms, &more), STATUS_OK);
		assert_int_equal(kv_batch_commit(batch), STATUS_OK);
		domain_committed(f->domain);
	}
}

static void
print_fault(void *context, const char *sentence)
{
	if (*(bool *)context)
		print_message("%s\n", sentence);
}

static uint64_t
verify(struct domain_fixture *f, bool loud)
{
	struct kv_txn txn;
	uint64_t      faults;

	kv_read(f->snapshot, &txn);
	faults = domain_verify(&txn, print_fault, &loud);
	kv_snapshot_release(f->snapshot);
	return faults;
}

void
must_verify(struct domain_fixture *f)
{
	assert_int_equal(verify(f, true), 0);
}

uint64_t
count_faults(struct domain_fixture *f)
{
	return verify(f, false);
}

/* ---- the fixture ---- */

static void
make_shop(struct domain_fixture *f)
{
	struct identity who;
	struct kv_txn   txn;
	json_t         *answer;

	domain_identify_operator(&f->who);
	must_do(f, "store.create",
	    "{'set': {'name': 'Shop', 'mode': 'test', 'languages': ['en', 'fr'],"
	    " 'anonymization_grace_ms': 1000}}");
	answer = must(f, "token.create",
	    "{'set': {'name': 'all', 'store': 1,"
	    " 'user': {'id': 'u1', 'first_name': 'Travis'}, 'scopes': ["
	    "'customers.read', 'customers.write', 'customers.delete', "
	    "'customers.private',"
	    "'customers.password', 'customers.anonymize', 'groups.read', "
	    "'groups.write',"
	    "'tags.read', 'tags.write', 'store.read', 'changes.read', 'import']}}");
	kv_read(f->snapshot, &txn);
	assert_int_equal(
	    domain_identify(f->domain, &txn,
		slice_text(json_string_value(json_object_get(answer, "token"))),
		f->now_ms, &who),
	    STATUS_OK);
	kv_snapshot_release(f->snapshot);
	json_decref(answer);
	f->who = who;
}

int
domain_fixture_setup(void **state)
{
	static const struct domain_options options = {
		.change_keep_ms = 1000LL * 3600 * 1000,
		.change_keep_max = 100 * 1000 * 1000,
		.change_keep_bytes = 1024 * 1024 * 1024,
	};
	struct domain_fixture *f = calloc(1, sizeof(*f));
	struct kv_batch       *batch;
	struct kv_txn          txn;
	void                  *storage;

	assert_non_null(f);
	assert_int_not_equal(sodium_init(), -1);
	assert_int_equal(kv_fixture_setup(&storage), 0);
	f->storage = storage;
	f->now_ms = START_MS;
	f->call = malloc(sizeof(*f->call));
	arena_init(&f->arena, CALL_ARENA_BYTES_MAX);
	buf_init(&f->scratch, CALL_SCRATCH_BYTES_MAX);
	f->scratch.secret = true; /* as the server has it */
	buf_init(&f->result, CALL_ARENA_BYTES_MAX);
	buf_init(&f->args, FRAME_BYTES_MAX);
	f->snapshot = kv_snapshot_new(f->storage->kv);
	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	assert_int_equal(domain_open(&f->domain, &options, &txn), STATUS_OK);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	make_shop(f);
	*state = f;
	return 0;
}

int
domain_fixture_teardown(void **state)
{
	struct domain_fixture *f = *state;
	void                  *storage = f->storage;

	kv_snapshot_free(f->snapshot);
	domain_close(f->domain);
	kv_fixture_teardown(&storage);
	arena_fini(&f->arena);
	buf_fini(&f->scratch);
	buf_fini(&f->result);
	buf_fini(&f->args);
	free(f->call);
	free(f);
	return 0;
}

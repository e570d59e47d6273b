#include "tools/rest/serve.h"

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/engine.h"
#include "tools/rest/work_internal.h"

const json_t *
serve_object(struct work *work, const json_t *body, struct slice what)
{
	struct reason_text text = format_reason(work->format, REASON_BODY_WRONG_TYPE);

	if (json_is_object(body))
		return body;
	work_refuse_text(work, &text, what, false);
	return NULL;
}

/*
 * What the answer will tell of the store travels with the call for the record, so that
 * neither a second round trip nor a second writing of the answer is needed.
 */
static void
ask_for_store(struct work *work)
{
	if (work->format->shows_store)
		work_store(work);
}

const struct answer *
serve_read(struct work *work)
{
	struct slice         args = work_args_id(work, work->parameters[PARAMETER_ID]);
	const struct answer *answer;

	if (args.len == 0)
		return NULL;
	ask_for_store(work);
	answer = work_call(work, work_methods(work)->get, args);
	if (answer == NULL || answer->status == STATUS_OK)
		return answer;
	work_refuse_answer(work, answer);
	return NULL;
}

void
serve_get(struct work *work)
{
	const struct answer *answer = serve_read(work);

	if (answer != NULL)
		work_respond_record(work, 200, answer->result);
}

/* Whether OBJECT has a value for a row that must see the record first. */
static bool
reads_first(const struct mapping *rows, const json_t *object)
{
	for (; rows->name != NULL; rows++)
		if ((rows->flags & MAP_READS_FIRST) != 0 &&
		    json_object_get(object, rows->name) != NULL)
			return true;
	return false;
}

bool
serve_read_first(struct work *work, struct decoding *in)
{
	const struct answer *answer = serve_read(work);

	if (answer == NULL)
		return false;
	parts_split(&in->current_parts, &record_shapes[work->route->resource->kind],
	    answer->result);
	in->current = &in->current_parts;
	return true;
}

bool
serve_decode(struct work *work, struct decoding *in, bool is_create)
{
	const struct resource *resource = work->route->resource;
	const json_t          *object = work->format->unwrap(work, work->body);

	if (object == NULL)
		return false;
	work->object = object;
	decode_begin(in, work, is_create, "");
	if (!is_create && reads_first(resource->fields, object) &&
	    !serve_read_first(work, in)) {
		decode_end(in);
		return false;
	}
	decode_fields(in, resource->fields, object);
	if (resource->links != NULL)
		decode_fields(in, resource->links, work->links);
	if (!in->waits && !work->is_answered && !work->is_refusing)
		return true;
	decode_end(in);
	return false;
}

/* The arguments of a change: which record, which revision, what to set. */
static struct slice
pack_change(struct work *work, const struct decoding *in, struct slice id)
{
	struct buf   args;
	size_t       place;
	uint32_t     count;
	struct slice which = { NULL, 0 };
	int64_t      revision = work->if_revision;

	/* What was made from the record as it was must not go over a newer one.  Under
	 * an idempotency key a repeat must be the same call, so it names no revision.
	 */
	if (revision == 0 && in->current != NULL && work->idempotency_key == NULL)
		revision = parts_integer(in->current, COMMON_REVISION);
	if (id.len > 0) {
		which = work_args_id(work, id);
		if (which.len == 0)
			return which;
	}
	work_buf(work, &args);
	place = pack_map_open(&args);
	count = decode_pack(in, &args);
	if (which.len > 0) { /* a map of one pair: take its inside */
		pack_raw(&args, slice_of(which.data + 1, which.len - 1));
		count++;
	}
	if (which.len > 0 && revision > 0) {
		pack_literal(&args, "if_revision");
		pack_integer(&args, revision);
		count++;
	}
	pack_literal(&args, "want");
	pack_literal(&args, "record");
	pack_map_close(&args, place, count + 1);
	return work_keep(work, &args);
}

const struct answer *
serve_change(
    struct work *work, struct decoding *in, enum method_number method, struct slice id)
{
	struct slice         args = pack_change(work, in, id);
	bool                 is_ours = in->current != NULL && work->if_revision == 0;
	const struct answer *answer;

	decode_end(in);
	if (args.len == 0)
		return NULL;
	ask_for_store(work);
	/* With faults of its own the rest is only tried, so that all are told at once.
	 */
	work->probes = work->fault_count > 0;
	answer = work_call(work, method, args);
	work->probes = false;
	if (answer == NULL)
		return NULL;
	if (is_ours && answer->status == STATUS_REVISION_MISMATCH && work_again(work))
		return NULL;
	if (answer->status != STATUS_OK && answer->status != STATUS_INVALID) {
		work_refuse_answer(work, answer);
		return NULL;
	}
	if (answer->status == STATUS_INVALID)
		work_note_violations(work, answer);
	if (work->fault_count > 0) {
		work_refuse_faults(work);
		return NULL;
	}
	return answer;
}

void
serve_update(struct work *work)
{
	enum method_number   method = work_methods(work)->update;
	const struct answer *answer = work_done(work, method);
	struct decoding      in;

	if (answer == NULL && serve_decode(work, &in, false))
		answer =
		    serve_change(work, &in, method, work->parameters[PARAMETER_ID]);
	if (answer != NULL)
		work_respond_record(work, 200, answer->result);
}

void
serve_create(struct work *work)
{
	enum method_number   method = work_methods(work)->create;
	const struct answer *answer = work_done(work, method);
	struct decoding      in;

	if (answer == NULL && serve_decode(work, &in, true))
		answer = serve_change(work, &in, method, slice_of(NULL, 0));
	if (answer != NULL)
		work_respond_record(work,
		    work->route->status != 0 ? work->route->status : 200,
		    answer->result);
}

void
serve_delete(struct work *work)
{
	struct buf           buf;
	struct slice         which = work_args_id(work, work->parameters[PARAMETER_ID]);
	const struct answer *answer;

	if (which.len == 0)
		return;
	work_buf(work, &buf);
	pack_map(&buf, work->if_revision > 0 ? 2 : 1);
	pack_raw(&buf, slice_of(which.data + 1, which.len - 1));
	if (work->if_revision > 0) {
		pack_literal(&buf, "if_revision");
		pack_integer(&buf, work->if_revision);
	}
	answer = work_call(work, work_methods(work)->delete, work_keep(work, &buf));
	if (answer == NULL)
		return;
	if (answer->status != STATUS_OK)
		work_refuse_answer(work, answer);
	else if (work->format->write_deleted != NULL)
		work->format->write_deleted(work);
	else
		work_respond_empty(work, 204);
}

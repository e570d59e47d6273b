/*
 * Commerce Layer: the documents of answers.
 */

#include "tools/rest/commercelayer.h"
#include "tools/rest/engine.h"

#define ONLY_MAX 64u

const char *
commercelayer_origin(struct work *work)
{
	const char *url = work->engine->settings.public_url;

	if (url != NULL && url[0] != '\0')
		return url;
	return work_join(work, 2,
	    (struct slice[]){ work->exchange->request.is_secure ? SLICE("https://")
								: SLICE("http://"),
		work->exchange->request.host });
}

const char *
commercelayer_self(struct work *work, const struct resource *resource, struct slice uid)
{
	const struct slice pieces[] = { slice_text(commercelayer_origin(work)),
		SLICE("/api/"), slice_text(resource->type), SLICE("/"), uid };

	return work_join(work, sizeof(pieces) / sizeof(pieces[0]), pieces);
}

bool
commercelayer_fields_type(struct slice name, struct slice *type)
{
	const size_t len = strlen("fields[");

	if (name.len <= len || memcmp(name.data, "fields[", len) != 0 ||
	    name.data[name.len - 1] != ']')
		return false;
	*type = slice_of(name.data + len, name.len - len - 1);
	return true;
}

/* The names that fields[TYPE] asks for, the first time that it is there. */
static unsigned
wanted_fields(const struct work *work, const char *type, struct slice only[ONLY_MAX])
{
	const struct http_request *request = &work->exchange->request;
	struct slice               list = { NULL, 0 }, found, word;
	unsigned                   count = 0;

	for (unsigned i = 0; i < request->parameter_count; i++)
		if (commercelayer_fields_type(request->parameters[i].name, &found) &&
		    slice_equal(found, slice_text(type))) {
			list = request->parameters[i].value;
			break;
		}
	while (count < ONLY_MAX && next_item(&list, &word))
		only[count++] = word;
	return count;
}

static void
write_relationships(struct out *out, const struct encoding *in,
    const struct resource *resource, struct slice self)
{
	const struct relation *relation = resource->relations;
	struct work           *work = in->work;

	out_key(out, "relationships");
	out_open(out, '{');
	for (; relation->name != NULL; relation++) {
		bool is_included = commercelayer_includes(work, relation->name);

		if (!encode_wants(in, relation->name) && !is_included)
			continue;
		out_joined(out, 3, relation->links, self);
		if (is_included)
			commercelayer_write_linkage(out, work, in->parts, relation);
		out_close(out, '}');
	}
	out_close(out, '}');
}

static void
write_meta(struct out *out, struct work *work, const struct resource *resource)
{
	const struct answer *store = work_store(work);
	struct parts         parts;

	out_key(out, "meta");
	out_open(out, '{');
	parts_split(&parts, &record_shapes[RECORD_STORE],
	    store != NULL ? store->result : slice_of(NULL, 0));
	out_key(out, "mode");
	out_text(out, parts_text(&parts, STORE_MODE));
	if (!resource->is_brief) {
		out_key(out, "organization_id");
		out_text(out, parts_text(&parts, STORE_COMMERCELAYER_ORGANIZATION_ID));
		out_pair(out, "trace_id", work->exchange->request.id);
	}
	out_close(out, '}');
}

void
commercelayer_write_resource(struct out *out, struct work *work,
    const struct resource *resource, struct slice record)
{
	struct parts    parts;
	struct slice    only[ONLY_MAX];
	struct encoding in = { .work = work, .parts = &parts, .only = only };
	struct slice    uid;
	const char     *self;

	parts_split(&parts, &record_shapes[resource->kind], record);
	uid = parts_text(&parts, COMMON_UID);
	self = commercelayer_self(work, resource, uid);
	in.only_count = wanted_fields(work, resource->type, only);
	out_open(out, '{');
	out_key(out, "id");
	out_text(out, uid);
	out_pair(out, "type", resource->type);
	out_key(out, "links");
	out_open(out, '{');
	out_pair(out, "self", self);
	out_close(out, '}');
	out_key(out, "attributes");
	out_open(out, '{');
	encode_fields(out, &in, resource->fields);
	out_close(out, '}');
	write_relationships(out, &in, resource, slice_text(self));
	write_meta(out, work, resource);
	out_close(out, '}');
	if (work->response_is_created)
		work_header(work, "Location", self);
}

void
commercelayer_write_one(struct out *out, struct work *work, struct slice record)
{
	const struct resource *resource = work->route->resource;

	work->response_is_created = work->route->status == 201;
	out_open(out, '{');
	out_key(out, "data");
	commercelayer_write_resource(out, work, resource, record);
	work->response_is_created = false;
	if (commercelayer_includes_any(work, resource)) {
		out_key(out, "included");
		out_open(out, '[');
		commercelayer_write_included(out, work, resource, record);
		out_close(out, ']');
	}
	out_close(out, '}');
}

/* ---- errors ---- */

/* "/data/attributes/email", "/data/relationships/tags". */
static void
write_pointer(struct out *out, const struct work *work, const struct field_fault *fault)
{
	const struct mapping *links =
	    work->route != NULL ? work->route->resource->links : NULL;
	const char *section = "attributes";

	for (; links != NULL && links->name != NULL; links++)
		if (fault->row == links)
			section = "relationships";
	out_key(out, "source");
	out_open(out, '{');
	out_key(out, "pointer");
	out_format(out, "/data/%s/%s", section, fault->path);
	out_close(out, '}');
}

static void
write_fault_meta(
    struct out *out, const struct field_fault *fault, const struct fault_text *text)
{
	out_key(out, "meta");
	out_open(out, '{');
	out_pair(out, "error", text->code);
	if (json_is_string(fault->value) && fault->row != NULL &&
	    (fault->row->flags & MAP_WRITE_ONLY) == 0) {
		out_key(out, "value");
		out_text(out, json_slice(fault->value));
	}
	out_close(out, '}');
}

static void
write_fault(struct out *out, struct work *work, const struct complaint *complaint,
    const struct field_fault *fault)
{
	struct fault_text text = fault_text_of(work, fault);
	const char       *what = fault_words(work, fault, &text);
	bool              is_rule = complaint->reason == REASON_INVALID;

	out_open(out, '{');
	out_pair(out, "title", is_rule ? what : complaint->title);
	out_key(out, "detail");
	if (is_rule)
		out_format(out, "%s - %s", fault->path, what);
	else
		out_string(
		    out, fill_in(work, complaint->detail, slice_text(fault->path)));
	out_pair(out, "code", complaint->code);
	out_key(out, "status");
	out_format(out, "%u", complaint->http);
	if (is_rule) {
		write_pointer(out, work, fault);
		write_fault_meta(out, fault, &text);
	}
	out_close(out, '}');
}

void
commercelayer_write_error(
    struct out *out, struct work *work, const struct complaint *complaint)
{
	out_open(out, '{');
	out_key(out, "errors");
	out_open(out, '[');
	for (unsigned i = 0; i < complaint->fault_count; i++)
		write_fault(out, work, complaint, &complaint->faults[i]);
	if (complaint->fault_count == 0) {
		out_open(out, '{');
		out_pair(out, "title", complaint->title);
		out_pair(out, "detail",
		    fill_in(work, complaint->detail, complaint->subject));
		out_pair(out, "code", complaint->code);
		out_key(out, "status");
		out_format(out, "%u", complaint->http);
		out_close(out, '}');
	}
	out_close(out, ']');
	out_close(out, '}');
}

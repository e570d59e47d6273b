/*
 * From a path of the server's arguments to one of the JSON:
 * "updates.3.set.billing_address.city" is "3.address.city" in some format.
 */

#include <stdio.h>
#include <stdlib.h>

#include "tools/rest/codec.h"
#include "tools/rest/work_internal.h"

/* Cut the first step off *PATH. */
static struct slice
take_step(struct slice *path)
{
	const char  *dot = path->len > 0 ? memchr(path->data, '.', path->len) : NULL;
	struct slice step = *path;

	if (dot == NULL) {
		*path = slice_of(NULL, 0);
		return step;
	}
	step.len = (size_t)(dot - path->data);
	*path = slice_of(dot + 1, path->len - step.len - 1);
	return step;
}

static bool
is_index(struct slice step)
{
	return step.len > 0 && step.data[0] >= '0' && step.data[0] <= '9';
}

static void
append(struct fault_place *place, struct slice step)
{
	size_t len = strlen(place->path);

	snprintf(place->path + len, sizeof(place->path) - len, "%s%.*s",
	    len > 0 ? "." : "", (int)step.len, step.data);
}

/* The row that says it feeds KEY: add_tags, or one of several fields. */
static const struct mapping *
find_argument(const struct mapping *rows, struct slice key)
{
	for (const struct mapping *row = rows; row->name != NULL; row++)
		if (row->field == FIELD_NONE && row->argument != NULL &&
		    slice_equal(slice_text(row->argument), key))
			return row;
	return NULL;
}

static const struct mapping *
find_row(const struct resource *resource, const struct shape *shape, struct slice key)
{
	const struct mapping *tables[] = { resource->fields, resource->links };
	const struct mapping *row = NULL;

	for (size_t i = 0; row == NULL && i < 2 && tables[i] != NULL; i++) {
		if (shape != NULL)
			row = mapping_find(tables[i], shape, key);
		if (row == NULL)
			row = find_argument(tables[i], key);
	}
	return row;
}

const json_t *
value_at(const struct work *work, const char *path)
{
	const json_t *value = work->object;
	struct slice  rest = slice_text(path);

	while (value != NULL && rest.len > 0) {
		struct slice step = take_step(&rest);

		if (json_is_array(value))
			value = json_array_get(value, strtoul(step.data, NULL, 10));
		else
			value = json_object_getn(value, step.data, step.len);
	}
	return value;
}

/* Go down into ROW's nested values as far as the tables know them. */
static void
descend(struct fault_place *place, struct slice rest)
{
	while (rest.len > 0) {
		struct slice         step = take_step(&rest);
		const struct nested *nested =
		    place->row != NULL ? place->row->nested : NULL;
		const struct mapping *inner = NULL;

		if (!is_index(step) && nested != NULL)
			inner = mapping_find(nested->fields, nested->shape, step);
		if (inner != NULL) {
			place->row = inner;
			place->shape = nested->shape;
			step = slice_text(inner->name);
		}
		append(place, step);
	}
}

void
fault_place_of(struct fault_place *place, const struct work *work, struct slice path)
{
	const struct resource *resource = work->route->resource;
	const struct shape    *shape = NULL;
	struct slice           step = take_step(&path);

	*place = (struct fault_place){ .row = NULL };
	if (slice_equal(step, SLICE("updates")) ||
	    slice_equal(step, SLICE("creates"))) {
		append(place, take_step(&path));
		step = take_step(&path);
	}
	if (slice_equal(step, SLICE("set"))) {
		shape = resource_shape(resource);
		step = take_step(&path);
		if (resource->shape != NULL && path.len > 0) { /* "contacts.2" */
			take_step(&path);
			step = take_step(&path);
		}
	}
	if (resource != NULL && step.len > 0)
		place->row = find_row(resource, shape, step);
	place->shape = place->row != NULL ? shape : NULL;
	if (shape == NULL && slice_equal(step, SLICE("uid")))
		step = SLICE("id");
	append(place, place->row != NULL ? slice_text(place->row->name) : step);
	descend(place, path);
}

/*
 * Building a customer.update.  The fields are packed as they come; only the counts
 * of nested values and of the whole are put in afterwards.
 */

#include <stdlib.h>

#include "client/internal.h"
#include "proto/pack.h"

#define LEVELS_MAX 8u /* nested values open at once */
#define ITEMS_MAX 65535u

struct level {
	size_t   place; /* of the count in SET; not of the first level */
	uint32_t count;
	bool     is_list;
};

struct customerd_update {
	int64_t      id;
	struct buf   uid; /* empty: the id names the customer */
	struct buf   set; /* pairs of field and value */
	struct level levels[LEVELS_MAX];
	unsigned     depth;          /* levels[depth] is the one being filled */
	struct buf   added, removed; /* names of tags */
	uint32_t     added_count, removed_count;
	int64_t      if_revision; /* 0: any */
	char        *idempotency_key;
	const char  *mistake; /* the first one, or NULL */
	bool         no_memory;
	struct buf   args; /* what customerd_update_call() hands out */
};

static struct customerd_update *
update_new(int64_t id, const char *uid)
{
	struct customerd_update *update = calloc(1, sizeof(*update));

	if (update == NULL)
		return NULL; /* every function and the call at the end accept that */
	update->id = id;
	/* Whether it is too large for a request is judged with the whole call. */
	buf_init(&update->uid, SIZE_MAX / 2);
	buf_init(&update->set, SIZE_MAX / 2);
	buf_init(&update->added, SIZE_MAX / 2);
	buf_init(&update->removed, SIZE_MAX / 2);
	buf_init(&update->args, SIZE_MAX / 2);
	if (uid != NULL)
		buf_put(&update->uid, uid, strlen(uid));
	return update;
}

struct customerd_update *
customerd_update_new(int64_t id)
{
	return update_new(id, NULL);
}

struct customerd_update *
customerd_update_new_uid(const char *uid)
{
	return update_new(0, uid);
}

void
customerd_update_free(struct customerd_update *update)
{
	if (update == NULL)
		return;
	buf_fini(&update->uid);
	buf_fini(&update->set);
	buf_fini(&update->added);
	buf_fini(&update->removed);
	buf_fini(&update->args);
	free(update->idempotency_key);
	free(update);
}

static void
spoil(struct customerd_update *update, const char *mistake)
{
	if (update->mistake == NULL)
		update->mistake = mistake;
}

/* Begin an item of the open map or list; false when there can be none. */
static bool
begin_item(struct customerd_update *update, const char *field)
{
	struct level *level;

	if (update == NULL || update->mistake != NULL)
		return false;
	level = &update->levels[update->depth];
	if (level->is_list != (field == NULL))
		spoil(update, level->is_list ? "an item of a list has no field"
					     : "a value needs a field");
	else if (++level->count > ITEMS_MAX)
		spoil(update, "too many items");
	else if (field != NULL)
		pack_text(&update->set, slice_text(field));
	return update->mistake == NULL;
}

void
customerd_update_set_text(
    struct customerd_update *update, const char *field, const char *text)
{
	if (!begin_item(update, field))
		return;
	if (text == NULL)
		spoil(
		    update, "a text is NULL; customerd_update_clear() empties a field");
	else
		pack_text(&update->set, slice_text(text));
}

void
customerd_update_set_integer(
    struct customerd_update *update, const char *field, int64_t value)
{
	if (begin_item(update, field))
		pack_integer(&update->set, value);
}

void
customerd_update_set_number(
    struct customerd_update *update, const char *field, double value)
{
	if (begin_item(update, field))
		pack_number(&update->set, value);
}

void
customerd_update_set_bool(
    struct customerd_update *update, const char *field, bool value)
{
	if (begin_item(update, field))
		pack_bool(&update->set, value);
}

void
customerd_update_clear(struct customerd_update *update, const char *field)
{
	if (begin_item(update, field))
		pack_nil(&update->set);
}

void
customerd_update_set_value(
    struct customerd_update *update, const char *field, struct customerd_slice value)
{
	if (begin_item(update, field))
		pack_raw(&update->set, slice_in(value));
}

static void
open_level(struct customerd_update *update, const char *field, bool is_list)
{
	struct level *level;

	if (!begin_item(update, field))
		return;
	if (update->depth + 1 == LEVELS_MAX) {
		spoil(update, "the value is nested too deeply");
		return;
	}
	level = &update->levels[++update->depth];
	level->count = 0;
	level->is_list = is_list;
	level->place =
	    is_list ? pack_array_open(&update->set) : pack_map_open(&update->set);
}

void
customerd_update_open_map(struct customerd_update *update, const char *field)
{
	open_level(update, field, false);
}

void
customerd_update_open_list(struct customerd_update *update, const char *field)
{
	open_level(update, field, true);
}

void
customerd_update_close(struct customerd_update *update)
{
	struct level *level;

	if (update == NULL || update->mistake != NULL)
		return;
	if (update->depth == 0) {
		spoil(update, "nothing is open that could be closed");
		return;
	}
	level = &update->levels[update->depth--];
	if (level->is_list)
		pack_array_close(&update->set, level->place, level->count);
	else
		pack_map_close(&update->set, level->place, level->count);
}

static void
name_tag(struct customerd_update *update, struct buf *names, uint32_t *count,
    const char *tag)
{
	if (tag == NULL || *count == ITEMS_MAX) {
		spoil(update, "a tag is NULL, or one too many");
		return;
	}
	pack_text(names, slice_text(tag));
	++*count;
}

void
customerd_update_add_tag(struct customerd_update *update, const char *tag)
{
	if (update != NULL)
		name_tag(update, &update->added, &update->added_count, tag);
}

void
customerd_update_remove_tag(struct customerd_update *update, const char *tag)
{
	if (update != NULL)
		name_tag(update, &update->removed, &update->removed_count, tag);
}

void
customerd_update_if_revision(struct customerd_update *update, int64_t revision)
{
	if (update == NULL)
		return;
	if (revision < 1)
		spoil(update, "revisions begin with 1");
	update->if_revision = revision;
}

void
customerd_update_idempotency_key(struct customerd_update *update, const char *key)
{
	if (update == NULL)
		return;
	free(update->idempotency_key);
	update->idempotency_key = strdup(key);
	update->no_memory = update->no_memory || update->idempotency_key == NULL;
}

static void
pack_tags(struct buf *args, const char *key, uint32_t count, const struct buf *names)
{
	if (count == 0)
		return;
	pack_text(args, slice_text(key));
	pack_array(args, count);
	pack_raw(args, buf_slice(names));
}

static void
pack_args(struct customerd_update *update)
{
	struct buf *args = &update->args;
	uint32_t    set_count = update->levels[0].count;

	buf_clear(args, BUF_BYTES_KEPT);
	pack_map(args, 1u + (update->if_revision != 0) + (set_count > 0) +
			   (update->added_count > 0) + (update->removed_count > 0));
	if (update->uid.len > 0) {
		pack_literal(args, "uid");
		pack_text(args, buf_slice(&update->uid));
	} else {
		pack_literal(args, "id");
		pack_integer(args, update->id);
	}
	if (update->if_revision != 0) {
		pack_literal(args, "if_revision");
		pack_integer(args, update->if_revision);
	}
	if (set_count > 0) {
		pack_literal(args, "set");
		pack_map(args, set_count);
		pack_raw(args, buf_slice(&update->set));
	}
	pack_tags(args, "add_tags", update->added_count, &update->added);
	pack_tags(args, "remove_tags", update->removed_count, &update->removed);
}

enum customerd_status
customerd_update_call(struct customerd_update *update, struct customerd_call *call,
    struct customerd_error *error)
{
	if (update == NULL)
		return error_no_memory(error);
	if (update->mistake == NULL && update->depth > 0)
		update->mistake = "a map or list is still open";
	if (update->mistake != NULL)
		return error_misuse(error, update->mistake);
	pack_args(update);
	if (update->no_memory || update->uid.failed || update->set.failed ||
	    update->added.failed || update->removed.failed || update->args.failed)
		return error_no_memory(error);
	*call = (struct customerd_call){ .method = "customer.update",
		.args = slice_out(buf_slice(&update->args)),
		.idempotency_key = update->idempotency_key };
	return CUSTOMERD_OK;
}

#include "server/domain/tags.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/index.h"

/* What add_tags and a full list can bring together; the arguments bound both. */
#define TAGS_MERGED_MAX 256u

struct tag_list {
	unsigned     count;
	struct slice name[TAGS_MERGED_MAX];
};

static bool
holds(const struct tag_list *list, struct slice name)
{
	for (unsigned i = 0; i < list->count; i++)
		if (slice_equal(list->name[i], name))
			return true;
	return false;
}

/* Append the names of PACKED, a list or nothing, that are not in LIST yet. */
static void
unpack(struct tag_list *list, struct slice packed)
{
	struct reader reader;

	reader_init(&reader, packed);
	for (uint32_t left = packed.len > 0 ? reader_array(&reader) : 0; left > 0;
	     left--) {
		struct slice name = reader_text(&reader);

		if (list->count < TAGS_MERGED_MAX && !holds(list, name))
			list->name[list->count++] = name;
	}
}

static struct slice
pack(const struct tag_list *list, struct call *call)
{
	buf_clear(call->scratch, call->scratch->bytes_max);
	pack_array(call->scratch, list->count);
	for (unsigned i = 0; i < list->count; i++)
		pack_text(call->scratch, list->name[i]);
	if (call->scratch->failed)
		call->arena->failed = true;
	return arena_copy(call->arena, buf_slice(call->scratch));
}

static bool
tag_exists(struct edit *edit, struct slice name)
{
	struct key   key;
	struct slice value;

	key_init(&key, edit->store);
	key_text(&key, record_shapes[RECORD_TAG].fields[TAG_NAME].name);
	key_text(&key, name);
	return kv_get(edit->txn, KV_TAG_UNIQUE, key_slice(&key), &value);
}

/*
 * Keep of the names in PACKED those that exist in the store, in LIST.  The others
 * are noted below PATH, or dropped if the patch wants that.
 */
static void
add_existing(struct edit *edit, struct tag_list *list, struct slice packed,
    const char *const *path)
{
	struct violations *violations = &edit->call->violations;
	struct tag_list    asked = { 0 };
	unsigned           mark = violations->depth;

	unpack(&asked, packed);
	for (; *path != NULL; path++)
		violations_down(violations, slice_text(*path));
	for (unsigned i = 0; i < asked.count; i++) {
		unsigned inner;

		if (tag_exists(edit, asked.name[i])) {
			if (list->count < TAGS_MERGED_MAX &&
			    !holds(list, asked.name[i]))
				list->name[list->count++] = asked.name[i];
			continue;
		}
		if (edit->patch->ignore_unknown_tags)
			continue;
		inner = violations_down_index(violations, i);
		violations_add(violations, SLICE(""), RULE_MISSING);
		violations_up(violations, inner);
	}
	violations_up(violations, mark);
}

static void
remove_all(struct tag_list *list, struct slice packed)
{
	struct tag_list gone = { 0 };
	unsigned        kept = 0;

	unpack(&gone, packed);
	for (unsigned i = 0; i < list->count; i++)
		if (!holds(&gone, list->name[i]))
			list->name[kept++] = list->name[i];
	list->count = kept;
}

/* Bring the tags of EDIT->new to what its patch makes of them. */
static void
merge(struct edit *edit)
{
	static const char *const in_set[] = { "set", "tags", NULL };
	static const char *const in_add[] = { "add_tags", NULL };
	const struct patch      *patch = edit->patch;
	const struct field      *field = &edit->shape->fields[CUSTOMER_TAGS];
	struct tag_list          list = { 0 };

	if (record_has(&patch->set, CUSTOMER_TAGS))
		add_existing(edit, &list, patch->set.field[CUSTOMER_TAGS], in_set);
	else if (record_has(&edit->new, CUSTOMER_TAGS))
		unpack(&list, edit->new.field[CUSTOMER_TAGS]);
	add_existing(edit, &list, patch->add_tags, in_add);
	remove_all(&list, patch->remove_tags);
	if (list.count > (unsigned)field->max) {
		unsigned mark = violations_down(&edit->call->violations, SLICE("set"));

		violations_add(&edit->call->violations, field->name, RULE_TOO_MANY);
		violations_up(&edit->call->violations, mark);
	}
	if (list.count == 0)
		record_clear(&edit->new, CUSTOMER_TAGS);
	else
		record_set(&edit->new, CUSTOMER_TAGS, pack(&list, edit->call));
}

void
tags_before(struct edit *edit)
{
	const struct patch *patch = edit->patch;

	if (record_has(&patch->set, CUSTOMER_TAGS) || patch->add_tags.len > 0 ||
	    patch->remove_tags.len > 0)
		merge(edit);
}

struct slice
tags_replace(struct slice tags, struct slice name, struct slice to, struct call *call)
{
	struct tag_list old = { 0 }, list = { 0 };

	unpack(&old, tags);
	for (unsigned i = 0; i < old.count; i++) {
		struct slice tag = slice_equal(old.name[i], name) ? to : old.name[i];

		if (tag.len > 0 && !holds(&list, tag))
			list.name[list.count++] = tag;
	}
	return pack(&list, call);
}

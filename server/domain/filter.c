#include "server/domain/filter.h"

#include <string.h>

#include "proto/reader.h"
#include "server/domain/text.h"

/* The conditions on texts.  A name is two fields with a space between. */
static const struct text_condition {
	unsigned wanted, field;
	bool     is_name, is_part;
} text_conditions[] = {
	{ .wanted = MATCH_COMPANY, .field = CUSTOMER_COMPANY },
	{ .wanted = MATCH_NAME, .is_name = true },
	{ .wanted = MATCH_NAME_PART, .is_name = true, .is_part = true },
	{ .wanted = MATCH_PHONE, .field = CUSTOMER_PHONE },
	{ .wanted = MATCH_REGISTRATION_IP_ADDRESS,
	    .field = CUSTOMER_REGISTRATION_IP_ADDRESS },
};

/* The conditions on times: from or to which, inclusive. */
static const struct time_condition {
	unsigned wanted, field;
	bool     is_end;
} time_conditions[] = {
	{ MATCH_CREATED_FROM, CUSTOMER_CREATED_AT, false },
	{ MATCH_CREATED_TO, CUSTOMER_CREATED_AT, true },
	{ MATCH_UPDATED_FROM, CUSTOMER_UPDATED_AT, false },
	{ MATCH_UPDATED_TO, CUSTOMER_UPDATED_AT, true },
};

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

/* ---- reading ---- */

static void
read_texts(struct filter *filter, struct call *call, unsigned wanted)
{
	struct reader reader;
	struct slice *list;
	uint32_t      count;

	reader_init(&reader, filter->wanted.field[wanted]);
	count = reader_array(&reader);
	list = arena_alloc(call->arena, count * sizeof(*list));
	if (list == NULL)
		return;
	for (uint32_t i = 0; i < count; i++) {
		buf_clear(call->scratch, call->scratch->bytes_max);
		text_fold(reader_text(&reader), call->scratch);
		list[i] = arena_copy(call->arena, buf_slice(call->scratch));
		if (call->scratch->failed)
			call->arena->failed = true;
	}
	filter->texts[wanted].list = list;
	filter->texts[wanted].count = count;
}

void
filter_read(struct filter *filter, struct call *call)
{
	*filter = (struct filter){ .wanted = { .present = 0 } };
	record_split(&filter->wanted, &match_shape, call->args.value[ARG_MATCH]);
	for (size_t i = 0; i < COUNT_OF(text_conditions); i++)
		if (record_has(&filter->wanted, text_conditions[i].wanted))
			read_texts(filter, call, text_conditions[i].wanted);
}

/* ---- judging ---- */

/* Make SCRATCH hold the folded text that CONDITION is about. */
static void
fold_text(const struct text_condition *condition, const struct record *record,
    struct buf *scratch)
{
	struct slice first = record_text(record, CUSTOMER_FIRST_NAME);
	struct slice last = record_text(record, CUSTOMER_LAST_NAME);

	buf_clear(scratch, scratch->bytes_max);
	if (!condition->is_name) {
		text_fold(record_text(record, condition->field), scratch);
		return;
	}
	text_fold(first, scratch);
	if (first.len > 0 && last.len > 0)
		buf_put(scratch, " ", 1);
	text_fold(last, scratch);
}

static bool
text_passes(const struct filter *filter, const struct text_condition *condition,
    const struct record *record, struct buf *scratch)
{
	struct slice text;

	fold_text(condition, record, scratch);
	text = buf_slice(scratch);
	for (uint32_t i = 0; i < filter->texts[condition->wanted].count; i++) {
		struct slice wanted = filter->texts[condition->wanted].list[i];

		if (condition->is_part
			? memmem(text.data, text.len, wanted.data, wanted.len) != NULL
			: slice_equal(text, wanted))
			return true;
	}
	return false;
}

static bool
group_passes(const struct filter *filter, const struct record *record)
{
	int64_t       group = record_integer(record, CUSTOMER_GROUP), wanted = 0;
	struct reader reader;

	reader_init(&reader, filter->wanted.field[MATCH_GROUP]);
	for (uint32_t left = reader_array(&reader); left > 0; left--)
		if (reader_integer(&reader, &wanted) && wanted == group)
			return true;
	return false;
}

static bool
time_passes(const struct filter *filter, const struct time_condition *condition,
    const struct record *record)
{
	int64_t time = record_integer(record, condition->field);
	int64_t bound = record_integer(&filter->wanted, condition->wanted);

	return condition->is_end ? time <= bound : time >= bound;
}

bool
filter_passes(
    const struct filter *filter, const struct record *record, struct buf *scratch)
{
	const struct record *wanted = &filter->wanted;

	for (size_t i = 0; i < COUNT_OF(time_conditions); i++)
		if (record_has(wanted, time_conditions[i].wanted) &&
		    !time_passes(filter, &time_conditions[i], record))
			return false;
	if (record_has(wanted, MATCH_GROUP) && !group_passes(filter, record))
		return false;
	for (size_t i = 0; i < COUNT_OF(text_conditions); i++)
		if (record_has(wanted, text_conditions[i].wanted) &&
		    !text_passes(filter, &text_conditions[i], record, scratch))
			return false;
	return true;
}

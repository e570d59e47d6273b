/*
 * change read, customer history: what was changed, when, and by whom.
 */

#include <stdio.h>

#include "tools/ctl/print.h"
#include "tools/ctl/request.h"

/* Of a change, only this needs a kind to be printed well. */
static const struct field change_fields[] = {
	{ .key = "time", .kind = FIELD_TIME, .name = { "time", 4 } },
};
static const struct shape change_shape = { "change", change_fields, 1 };

#define READ_COLUMNS "seq,time,kind,op,id,revision,token,fields"
#define HISTORY_COLUMNS "seq,time,op,revision,token_name,fields"

static enum ctl_exit
print_changes(struct ctl *ctl, json_t *items, const char *columns)
{
	enum ctl_exit done = CTL_DONE;
	size_t        i;
	json_t       *item;

	if (ctl->options.columns != NULL)
		columns = ctl->options.columns;
	if (ctl->options.json == NULL && json_array_size(items) > 0)
		print_table(&change_shape, items, columns);
	json_array_foreach (items, i, item)
		if (ctl->options.json != NULL && done == CTL_DONE)
			done = ctl_print(ctl, item);
	return done == CTL_DONE ? ctl_flush() : done;
}

enum ctl_exit
ctl_run_changes(struct ctl *ctl, const struct command *command)
{
	json_t       *result = NULL;
	json_int_t    next, last;
	enum ctl_exit done = request_make(ctl, command, &result);

	if (done != CTL_DONE)
		return done;
	done = print_changes(ctl, json_object_get(result, "items"), READ_COLUMNS);
	next = json_integer_value(json_object_get(result, "next"));
	last = json_integer_value(json_object_get(result, "last"));
	if (next < last)
		ctl_note(ctl, "there are more, up to %lld: --after %lld",
		    (long long)last, (long long)next);
	json_decref(result);
	return done;
}

enum ctl_exit
ctl_run_history(struct ctl *ctl, const struct command *command)
{
	json_t       *result = NULL, *next;
	enum ctl_exit done = request_make(ctl, command, &result);

	if (done != CTL_DONE)
		return done;
	done = print_changes(ctl, json_object_get(result, "items"), HISTORY_COLUMNS);
	next = json_object_get(result, "next");
	if (json_is_integer(next))
		ctl_note(ctl, "there are more: --before %lld",
		    (long long)json_integer_value(next));
	json_decref(result);
	return done;
}

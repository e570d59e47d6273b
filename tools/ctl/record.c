/*
 * show, list, create, update, delete: the same for every kind of record.
 */

#include <stdio.h>
#include <string.h>

#include "tools/ctl/print.h"
#include "tools/ctl/request.h"

/* The fields that a list shows, by kind of record. */
static const char *const list_columns[RECORD_KIND_COUNT] = {
	[RECORD_CUSTOMER] = "id,uid,email,first_name,last_name,group,tags,revision",
	[RECORD_GROUP] = "id,uid,name,reference,revision",
	[RECORD_TAG] = "id,uid,name",
	[RECORD_STORE] = "id,uid,name,mode,languages",
	[RECORD_TOKEN] = "id,uid,name,store,customer,expires_at,scopes",
};

static const char *
columns_of(const struct ctl *ctl, const struct command *command)
{
	return ctl->options.columns != NULL ? ctl->options.columns
					    : list_columns[request_record(command)];
}

enum ctl_exit
ctl_run_show(struct ctl *ctl, const struct command *command)
{
	json_t       *record = NULL, *picked = NULL;
	enum ctl_exit done = request_make(ctl, command, &record);

	if (done != CTL_DONE)
		return done;
	if (ctl->options.columns != NULL)
		picked = print_pick(record, ctl->options.columns);
	if (ctl->options.json != NULL)
		done = ctl_print(ctl, picked != NULL ? picked : record);
	else
		print_record(request_shape(command), picked != NULL ? picked : record);
	json_decref(picked);
	json_decref(record);
	return done == CTL_DONE ? ctl_flush() : done;
}

/* ITEMS, one a line. */
static enum ctl_exit
print_items(const struct ctl *ctl, json_t *items)
{
	enum ctl_exit done = CTL_DONE;
	size_t        i;
	json_t       *item, *picked;

	json_array_foreach (items, i, item) {
		picked = ctl->options.columns == NULL
			     ? json_incref(item)
			     : print_pick(item, ctl->options.columns);
		if (done == CTL_DONE)
			done = ctl_print(ctl, picked);
		json_decref(picked);
	}
	return done;
}

enum ctl_exit
ctl_run_list(struct ctl *ctl, const struct command *command)
{
	json_t       *result = NULL, *items, *next;
	enum ctl_exit done = request_make(ctl, command, &result);

	if (done != CTL_DONE)
		return done;
	items = json_object_get(result, "items");
	next = json_object_get(result, "next");
	if (ctl->options.json != NULL)
		done = print_items(ctl, items);
	else if (json_array_size(items) > 0)
		print_table(request_shape(command), items, columns_of(ctl, command));
	if (json_is_integer(next))
		ctl_note(ctl, "there are more: --after %lld",
		    (long long)json_integer_value(next));
	json_decref(result);
	return done == CTL_DONE ? ctl_flush() : done;
}

/* With --quiet: what a script wants to know of a new record. */
static void
print_new(json_t *result)
{
	json_t *secret = json_object_get(result, "token");

	if (secret != NULL)
		printf("%s\n", json_string_value(secret));
	else
		printf("%lld\n",
		    (long long)json_integer_value(json_object_get(result, "id")));
}

static enum ctl_exit
print_written(struct ctl *ctl, const struct command *command, json_t *result)
{
	if (ctl->options.json != NULL)
		return ctl_print(ctl, result);
	print_record(request_shape(command), result);
	return ctl_flush();
}

enum ctl_exit
ctl_run_create(struct ctl *ctl, const struct command *command)
{
	json_t       *result = NULL;
	enum ctl_exit done = request_make(ctl, command, &result);

	if (done != CTL_DONE)
		return done;
	if (ctl->options.quiet != NULL)
		print_new(result);
	else
		done = print_written(ctl, command, result);
	if (json_object_get(result, "token") != NULL)
		ctl_note(ctl, "keep the token: it is not shown again");
	json_decref(result);
	return done == CTL_DONE ? ctl_flush() : done;
}

enum ctl_exit
ctl_run_update(struct ctl *ctl, const struct command *command)
{
	json_t       *result = NULL;
	enum ctl_exit done = request_make(ctl, command, &result);

	if (done != CTL_DONE)
		return done;
	if (ctl->options.quiet == NULL)
		done = print_written(ctl, command, result);
	json_decref(result);
	return done;
}

enum ctl_exit
ctl_run_delete(struct ctl *ctl, const struct command *command)
{
	return ctl_run_update(ctl, command);
}

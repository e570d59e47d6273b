/*
 * Keep a list of all changes in a file: follow ADDRESS FILE
 *
 * The token comes from the environment.  The list tells how far it goes, so whoever is
 * killed in between, server or client, it has each change once.
 */
#include <customerd.h>
#include <stdio.h>
#include <stdlib.h>

/* Append CHANGE to LIST; false when that fails. */
static int
append(FILE *list, struct customerd_slice change)
{
	struct customerd_slice kind = { "", 0 }, op = { "", 0 };
	int64_t                sequence = 0, id = 0;

	customerd_get_integer(change, "seq", &sequence);
	customerd_get_text(change, "kind", &kind);
	customerd_get_text(change, "op", &op);
	customerd_get_integer(change, "id", &id);
	fprintf(list, "%lld %.*s %.*s %lld\n", (long long)sequence, (int)op.len,
	    op.data, (int)kind.len, kind.data, (long long)id);
	return fflush(list) == 0;
}

/* The number that the last line begins with. */
static int64_t
last_of(FILE *list)
{
	char      line[128];
	long long last = 0;

	while (fgets(line, sizeof(line), list) != NULL)
		last = atoll(line);
	return last;
}

int
main(int argc, char *argv[])
{
	struct customerd_options      options = { .token = getenv("CUSTOMERD_TOKEN") };
	struct customerd_feed_options where = { .after = 0 };
	struct customerd             *c;
	struct customerd_feed        *feed = NULL;
	struct customerd_slice        change;
	struct customerd_error        error;
	enum customerd_status         status;
	FILE                         *list = argc == 3 ? fopen(argv[2], "a+") : NULL;

	if (list == NULL) {
		fprintf(stderr, "usage: follow ADDRESS FILE\n");
		return 2;
	}
	where.after = last_of(list);
	options.address = argv[1];
	status = customerd_open(&c, &options, &error);
	if (status == CUSTOMERD_OK)
		status = customerd_feed_open(&feed, c, &where, &error);
	while (status == CUSTOMERD_OK) {
		status = customerd_feed_next(feed, -1, &change, &error);
		if (status == CUSTOMERD_OK && !append(list, change))
			break;
	}
	if (status != CUSTOMERD_OK)
		fprintf(stderr, "%s: %s\n", error.code, error.message);
	customerd_feed_close(feed);
	customerd_close(c);
	fclose(list);
	return 1;
}

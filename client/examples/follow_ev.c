/* Print the numbers of changes as they are made, on a libev loop: follow_ev ADDRESS
 * AFTER */
#include <customerd_ev.h>
#include <stdio.h>
#include <stdlib.h>

static void
on_change(void *user, struct customerd_slice change)
{
	int64_t sequence = 0;

	(void)user;
	customerd_get_integer(change, "seq", &sequence);
	printf("%lld\n", (long long)sequence);
	fflush(stdout);
}

static void
on_end(void *user, enum customerd_status status, const struct customerd_error *error)
{
	struct customerd_ev *ev = user;

	(void)status;
	fprintf(stderr, "%s: %s\n", error->code, error->message);
	ev_break(ev->loop, EVBREAK_ALL);
}

int
main(int argc, char *argv[])
{
	struct customerd_options      options = { .token = getenv("CUSTOMERD_TOKEN") };
	struct customerd_feed_options where = { .kind = "customer" };
	struct customerd_async       *async;
	struct customerd_feed        *feed;
	struct customerd_ev           ev;
	struct customerd_error        error;

	if (argc != 3) {
		fprintf(stderr, "usage: follow_ev ADDRESS AFTER\n");
		return 2;
	}
	options.address = argv[1];
	where.after = atoll(argv[2]);
	if (customerd_async_new(&async, &options, &error) != CUSTOMERD_OK ||
	    customerd_feed_open_async(
		&feed, async, &where, on_change, on_end, &ev, &error) != CUSTOMERD_OK) {
		fprintf(stderr, "%s: %s\n", error.code, error.message);
		return 2;
	}
	customerd_ev_start(&ev, EV_DEFAULT, async);
	ev_run(ev.loop, 0);
	customerd_ev_stop(&ev);
	customerd_feed_close(feed);
	customerd_async_free(async);
	return 1;
}

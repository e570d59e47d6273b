/* Ask a server for the time, on a libev loop: ev ADDRESS */
#include <customerd_ev.h>
#include <stdio.h>

struct program {
	struct customerd_ev ev;
	int64_t             time_ms;
};

static void
on_pong(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct program *program = user;

	if (status == CUSTOMERD_OK)
		customerd_get_integer(result, "time", &program->time_ms);
	else
		fprintf(stderr, "%s: %s\n", error->code, error->message);
	ev_break(program->ev.loop, EVBREAK_ALL);
}

int
main(int argc, char *argv[])
{
	struct customerd_options options = { .address = argc > 1 ? argv[1] : NULL };
	struct customerd_call    ping = { .method = "ping", .timeout_ms = 5000 };
	struct customerd_async  *async;
	struct customerd_error   error;
	struct program           program = { .time_ms = 0 };

	if (customerd_async_new(&async, &options, &error) != CUSTOMERD_OK) {
		fprintf(stderr, "%s: %s\n", error.code, error.message);
		return 2;
	}
	customerd_async_call(async, &ping, on_pong, &program, NULL, NULL);
	customerd_ev_start(&program.ev, EV_DEFAULT, async);
	ev_run(program.ev.loop, 0);
	customerd_ev_stop(&program.ev);
	customerd_async_free(async);
	printf("%lld\n", (long long)program.time_ms);
	return program.time_ms == 0;
}

/*
 * top: the server, live.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/sentence.h"
#include "tools/ctl/terminal.h"
#include "tools/ctl/top.h"
#include "tools/ctl/when.h"

#define INTERVAL_MS_DEFAULT 1000
#define INTERVAL_MS_MIN 50
#define INTERVAL_MS_MAX 3600000
#define CALL_TIMEOUT_MS 5000 /* a picture does not wait longer */

struct top {
	struct ctl       *ctl;
	struct top_sample before, now;
	char              trouble[300];
	const char       *server;
	int64_t           interval_ms;
	int64_t           looked_ms; /* when it was last tried */
};

static enum ctl_exit
parse_interval(struct top *top, const char *text)
{
	char *end;

	top->interval_ms = INTERVAL_MS_DEFAULT;
	if (text == NULL)
		return CTL_DONE;
	top->interval_ms = strtoll(text, &end, 10);
	if (*end == '\0' && top->interval_ms >= INTERVAL_MS_MIN &&
	    top->interval_ms <= INTERVAL_MS_MAX)
		return CTL_DONE;
	ctl_say("--interval-ms: from 50 to 3600000, please");
	return CTL_USAGE;
}

/* Look at the server; what is wrong goes to the picture, and is the exit code. */
static enum customerd_status
look(struct top *top, struct customerd_error *error)
{
	struct customerd_call  call = { .method = "server.status",
		 .timeout_ms = CALL_TIMEOUT_MS };
	struct customerd_slice result;
	enum customerd_status  status =
	    customerd_call(top->ctl->c, &call, &result, error);

	top->looked_ms = when_mono_ms();
	top->trouble[0] = '\0';
	if (status != CUSTOMERD_OK) {
		snprintf(top->trouble, sizeof(top->trouble), "%s: %s", error->code,
		    error->message);
		return status;
	}
	top->before = top->now;
	top_take(&top->now, result, top->looked_ms);
	return status;
}

static void
draw(struct top *top, bool is_plain)
{
	struct top_screen screen = { .out = stdout, .is_plain = is_plain };

	terminal_size(&screen.rows, &screen.columns);
	if (is_plain) {
		screen.rows = 24;
		screen.columns = 80;
	}
	top_draw(&screen, &top->before, &top->now, top->server,
	    top->trouble[0] == '\0' ? NULL : top->trouble);
}

static enum ctl_exit
run_once(struct top *top)
{
	struct timespec        pause = { .tv_sec = top->interval_ms / 1000,
		       .tv_nsec = top->interval_ms % 1000 * 1000000 };
	struct customerd_error error;
	enum customerd_status  status;

	nanosleep(&pause, NULL);
	status = look(top, &error);
	if (status != CUSTOMERD_OK)
		return ctl_say_error(top->ctl, status, &error, "");
	draw(top, true);
	return ctl_flush();
}

static enum ctl_exit
run_live(struct top *top)
{
	struct customerd_error error;
	enum terminal_event    event = TERMINAL_REDRAW;
	char                   key = '\0';

	if (!terminal_enter()) {
		ctl_say("top wants a terminal; --once prints one picture");
		return CTL_USAGE;
	}
	while (event != TERMINAL_END && !(event == TERMINAL_KEY && key == 'q')) {
		int64_t left_ms;

		if (when_mono_ms() - top->looked_ms >= top->interval_ms)
			look(top, &error);
		draw(top, false);
		left_ms = top->looked_ms + top->interval_ms - when_mono_ms();
		event = terminal_wait(
		    (int)(left_ms > INTERVAL_MS_MIN ? left_ms : INTERVAL_MS_MIN), &key);
	}
	terminal_leave();
	return CTL_DONE;
}

enum ctl_exit
ctl_run_top(struct ctl *ctl, const struct command *command)
{
	struct top            *top = calloc(1, sizeof(*top));
	struct customerd_error error;
	enum customerd_status  status;
	enum ctl_exit          done;

	(void)command;
	if (top == NULL)
		return CTL_NOT_CONNECTED;
	top->ctl = ctl;
	top->server = ctl_where(&ctl->options);
	done = parse_interval(top, ctl->options.interval_ms);
	if (done == CTL_DONE)
		done = ctl_connect(ctl);
	if (done == CTL_DONE) {
		status = look(top, &error);
		if (status != CUSTOMERD_OK)
			done = ctl_say_error(ctl, status, &error, "");
		else
			done =
			    ctl->options.once != NULL ? run_once(top) : run_live(top);
	}
	free(top);
	return done;
}

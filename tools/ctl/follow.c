/*
 * change follow: hand each change over as it is made, from a place that is kept.
 *
 * The place moves, and is kept, behind each change that was taken; so after a stop or
 * a crash of either side the next one comes, and at worst one comes twice.  The rest
 * is the library's: its feed makes a connection that broke again.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/deliver.h"
#include "tools/ctl/print.h"
#include "tools/ctl/request.h"
#include "tools/ctl/state.h"
#include "tools/ctl/typed.h"
#include "tools/ctl/when.h"

#define WINDOW 64          /* changes kept in advance */
#define WAIT_MS 200        /* the longest time until a stop is noticed */
#define PAUSE_MS 100       /* after a first failure; then twice as long each time … */
#define PAUSE_MS_MAX 60000 /* … up to this */
#define SECRET_BYTES_MAX 4096u

struct follow {
	struct ctl            *ctl;
	struct customerd_feed *feed;
	json_t                *args; /* after, store, kind, id, as far as given */
	const char            *state_path;
	struct webhook        *webhook;
	int64_t                store;
	json_int_t             after; /* the place behind what was taken */
	bool                   is_ended;
	enum ctl_exit          done;
};

static void
end(struct follow *follow, enum ctl_exit done)
{
	if (!follow->is_ended)
		follow->done = done;
	follow->is_ended = true;
}

/* ---- the place ---- */

static void
keep_place(struct follow *follow)
{
	json_t *state;

	if (follow->state_path == NULL)
		return;
	state = json_pack(
	    "{s:I, s:I}", "store", (json_int_t)follow->store, "after", follow->after);
	if (!state_save(follow->state_path, state))
		end(follow, CTL_STOPPED);
	json_decref(state);
}

/* The newest change there is. */
static enum ctl_exit
find_newest(struct follow *follow)
{
	struct customerd_call call = { .method = "change.read" };
	json_t               *args = json_pack(
			  "{s:i, s:O?}", "limit", 1, "store", json_object_get(follow->args, "store"));
	json_t       *result = NULL;
	enum ctl_exit done = ctl_call(follow->ctl, &call, args, &result, "");

	follow->after = json_integer_value(json_object_get(result, "last"));
	json_decref(args);
	json_decref(result);
	return done;
}

/* Where to begin: at the place that was kept, at --after, at the newest change. */
static enum ctl_exit
find_place(struct follow *follow)
{
	json_t *state =
	    follow->state_path == NULL ? NULL : state_load(follow->state_path);
	json_t       *given = json_object_get(follow->args, "after");
	json_int_t    store = -1;
	enum ctl_exit done = CTL_DONE;

	if (state != NULL && (json_unpack(state, "{s:I, s:I}", "store", &store, "after",
				  &follow->after) != 0 ||
				 store != follow->store)) {
		ctl_say("%s: this is no place in the changes of this store",
		    follow->state_path);
		done = CTL_USAGE;
	} else if (state == NULL && given != NULL) {
		follow->after = json_integer_value(given);
	} else if (state == NULL) {
		done = find_newest(follow);
	}
	json_decref(state);
	if (done == CTL_DONE)
		keep_place(follow);
	return done;
}

/* ---- delivery ---- */

/* A change as a line for people. */
static void
print_line(json_t *change)
{
	char                      when[WHEN_BYTES] = "";
	const char               *kind = "", *op = "";
	json_int_t                seq = 0, time = 0, id = 0, revision = 0;
	json_t                   *fields = NULL;
	static const struct field list = { .key = "fields", .kind = FIELD_LINES };
	char                     *text;

	json_unpack(change, "{s:I, s:I, s:s, s:s, s:I, s:I, s?o}", "seq", &seq, "time",
	    &time, "kind", &kind, "op", &op, "id", &id, "revision", &revision, "fields",
	    &fields);
	when_print(when, time);
	text = typed_text(&list, fields);
	printf("%lld  %s  %s %lld %s, revision %lld  %s\n", (long long)seq, when, kind,
	    (long long)id, op, (long long)revision, text == NULL ? "" : text);
	free(text);
}

static bool
hand_over(struct follow *follow, json_t *change, char why[DELIVER_WHY_BYTES])
{
	const struct ctl_options *options = &follow->ctl->options;
	json_int_t seq = json_integer_value(json_object_get(change, "seq"));
	char      *body = json_dumps(change, JSON_COMPACT);
	bool       is_taken = body != NULL;

	if (is_taken && follow->webhook != NULL)
		is_taken = webhook_post(follow->webhook, body, seq, why);
	if (is_taken && options->exec != NULL)
		is_taken = deliver_exec(options->exec, body, seq, why);
	if (is_taken && options->exec == NULL && follow->webhook == NULL) {
		if (options->json != NULL)
			puts(body);
		else
			print_line(change);
		if (ctl_flush() != CTL_DONE)
			end(follow, CTL_STOPPED);
		is_taken = !follow->is_ended;
	}
	free(body);
	return is_taken;
}

/* Wait, but not when it is to stop. */
static void
pause_for(int64_t ms)
{
	int64_t         until_ms = when_mono_ms() + ms;
	struct timespec step = { .tv_nsec = WAIT_MS / 2 * 1000000L };

	while (!state_stop_wanted() && when_mono_ms() < until_ms)
		nanosleep(&step, NULL);
}

/* Hand CHANGE over until it is taken. */
static void
deliver(struct follow *follow, json_t *change)
{
	char    why[DELIVER_WHY_BYTES] = "";
	int64_t pause_ms = PAUSE_MS;

	while (!follow->is_ended && !state_stop_wanted()) {
		if (hand_over(follow, change, why)) {
			follow->after =
			    json_integer_value(json_object_get(change, "seq"));
			keep_place(follow);
			return;
		}
		if (follow->is_ended || state_stop_wanted())
			return;
		ctl_note(follow->ctl, "change %lld: %s; again in %.1f s",
		    (long long)json_integer_value(json_object_get(change, "seq")), why,
		    (double)pause_ms / 1000);
		pause_for(pause_ms);
		if (pause_ms < PAUSE_MS_MAX)
			pause_ms *= 2;
	}
}

/* With a filter, the place moves over changes that do not come, too. */
static void
move_on(struct follow *follow)
{
	int64_t position = customerd_feed_position(follow->feed);

	if (position <= follow->after)
		return;
	follow->after = position;
	keep_place(follow);
}

/* ---- the whole ---- */

static enum ctl_exit
open_webhook(struct follow *follow)
{
	const struct ctl_options *options = &follow->ctl->options;
	char                      secret[SECRET_BYTES_MAX];
	FILE                     *file;
	size_t                    len = 0;

	if (options->webhook == NULL && options->secret_file == NULL)
		return CTL_DONE;
	if (options->webhook == NULL || options->secret_file == NULL) {
		ctl_say("--webhook needs --secret-file, and the other way round");
		return CTL_USAGE;
	}
	file = fopen(options->secret_file, "re");
	if (file != NULL) {
		len = fread(secret, 1, sizeof(secret), file);
		fclose(file);
	}
	while (len > 0 && (secret[len - 1] == '\n' || secret[len - 1] == '\r'))
		len--;
	if (len == 0) {
		ctl_say("%s: there is no secret in it", options->secret_file);
		return CTL_USAGE;
	}
	follow->webhook = webhook_new(options->webhook, secret, len);
	explicit_bzero(secret, sizeof(secret));
	return follow->webhook != NULL ? CTL_DONE : CTL_NOT_CONNECTED;
}

static enum ctl_exit
open_feed(struct follow *follow)
{
	struct customerd_feed_options options = { .window = WINDOW };
	struct customerd_error        error;
	enum customerd_status         status;
	enum ctl_exit                 done = ctl_connect(follow->ctl);

	if (done != CTL_DONE)
		return done;
	options.store = json_integer_value(json_object_get(follow->args, "store"));
	follow->store = options.store;
	customerd_get_integer(
	    customerd_greeting(follow->ctl->c), "identity.store", &follow->store);
	done = find_place(follow);
	if (done != CTL_DONE)
		return done;
	options.after = follow->after;
	options.kind = json_string_value(json_object_get(follow->args, "kind"));
	options.id = json_integer_value(json_object_get(follow->args, "id"));
	status = customerd_feed_open(&follow->feed, follow->ctl->c, &options, &error);
	return status == CUSTOMERD_OK ? CTL_DONE
				      : ctl_say_error(follow->ctl, status, &error, "");
}

static enum ctl_exit
run(struct follow *follow)
{
	struct customerd_error error;
	struct customerd_slice bytes;
	enum customerd_status  status;
	json_t                *change;

	state_catch_stop(follow->webhook == NULL && follow->ctl->options.exec == NULL);
	while (!follow->is_ended && !state_stop_wanted()) {
		status = customerd_feed_next(follow->feed, WAIT_MS, &bytes, &error);
		if (status == CUSTOMERD_OK) {
			change = json_unpack_value(slice_of(bytes.data, bytes.len));
			deliver(follow, change);
			json_decref(change);
		} else if (strcmp(error.code, "TIMEOUT") == 0) {
			move_on(follow);
		} else {
			return ctl_say_error(follow->ctl, status, &error, "");
		}
	}
	return follow->is_ended ? follow->done : CTL_DONE;
}

enum ctl_exit
ctl_run_follow(struct ctl *ctl, const struct command *command)
{
	struct follow follow = { .ctl = ctl, .state_path = ctl->options.state };
	enum ctl_exit done = request_begin(ctl, command, &follow.args);

	if (done == CTL_DONE)
		done = open_webhook(&follow);
	if (done == CTL_DONE)
		done = open_feed(&follow);
	if (done == CTL_DONE)
		done = run(&follow);
	customerd_feed_close(follow.feed);
	webhook_free(follow.webhook);
	json_decref(follow.args);
	return done;
}

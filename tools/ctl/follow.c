/*
 * change follow: hand each change over as it is made, from a place that is kept.
 *
 * Changes come by change.subscribe, a few at a time: credit is given for more only
 * when all that came was taken.  The place moves, and is kept, behind each change that
 * was taken; so after a stop or a crash of either side the next one comes, and at
 * worst one comes twice.  A subscription ends with its connection without a word, so
 * credit is asked for from time to time: a connection that is new does not know the
 * subscription, and then it is made again.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/limits.h"
#include "tools/ctl/deliver.h"
#include "tools/ctl/print.h"
#include "tools/ctl/request.h"
#include "tools/ctl/state.h"
#include "tools/ctl/typed.h"
#include "tools/ctl/when.h"

#define CREDIT 64 /* changes that may be on their way */
#define CREDIT_TOO_MUCH (4 * CREDIT)
#define BEAT_MS 1000       /* how often the subscription is looked after */
#define WAIT_MS 200        /* the longest time until a stop is noticed */
#define PAUSE_MS 100       /* after a first failure; then twice as long each time … */
#define PAUSE_MS_MAX 60000 /* … up to this */
#define SECRET_BYTES_MAX 4096u

struct follow {
	struct ctl             *ctl;
	struct customerd_async *async;
	json_t                 *args; /* of change.subscribe */
	const char             *state_path;
	struct webhook         *webhook;
	int64_t                 store;

	json_t       *waiting; /* changes that came and were not taken yet */
	json_int_t    next;    /* the place behind them; -1: none came since */
	json_int_t    after;   /* the place behind what was taken */
	json_int_t    subscription;
	json_int_t    credit; /* that the server has still */
	bool          is_asking;
	int64_t       beat_ms; /* when to ask next */
	bool          is_ended;
	enum ctl_exit done;
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
	json_t               *args = json_pack("{s:i}", "limit", 1), *result = NULL;
	enum ctl_exit         done = ctl_call(follow->ctl, &call, args, &result, "");

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

/* ---- the subscription ---- */

static void
forget_subscription(struct follow *follow)
{
	follow->subscription = 0;
	json_array_clear(follow->waiting);
	follow->next = -1;
}

static void
on_notification(void *user, struct customerd_slice method, struct customerd_slice value)
{
	struct follow         *follow = user;
	struct customerd_slice items;
	struct customerd_error error = { .code = "" };
	json_t                *more;
	int64_t                subscription = 0, next;

	customerd_get_integer(value, "subscription", &subscription);
	if (subscription == 0 || subscription != follow->subscription)
		return;
	if (method.len == 6 && memcmp(method.data, "change", 6) == 0 &&
	    customerd_get(value, "items", &items) &&
	    customerd_get_integer(value, "next", &next)) {
		more = json_unpack_value(slice_of(items.data, items.len));
		follow->credit -= (json_int_t)json_array_size(more);
		json_array_extend(follow->waiting, more);
		json_decref(more);
		follow->next = next;
	} else if (method.len == 5 && memcmp(method.data, "error", 5) == 0) {
		struct customerd_slice text = { NULL, 0 };

		customerd_get_text(value, "code", &text);
		customerd_printable(error.code, sizeof(error.code), text);
		customerd_get_text(value, "message", &text);
		customerd_printable(error.message, sizeof(error.message), text);
		error.details = value;
		end(follow, ctl_say_error(follow->ctl, CUSTOMERD_REFUSED, &error, ""));
	}
}

static void
on_answer(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct follow *follow = user;
	int64_t        credit = 0, subscription = 0;

	follow->is_asking = false;
	follow->beat_ms = when_mono_ms() + BEAT_MS;
	if (status == CUSTOMERD_OK) {
		if (customerd_get_integer(result, "subscription", &subscription)) {
			follow->subscription = subscription;
			follow->credit = CREDIT;
		} else if (customerd_get_integer(result, "credit", &credit)) {
			follow->credit = credit;
		}
		return;
	}
	if (follow->is_ended)
		return;
	/* A new connection, or none: begin again behind what was taken. */
	if (follow->subscription != 0 || status != CUSTOMERD_REFUSED ||
	    error->retryable || strcmp(error->code, "NOT_FOUND") == 0)
		forget_subscription(follow);
	else
		end(follow, ctl_say_error(follow->ctl, status, error, ""));
}

static void
ask(struct follow *follow, const char *method, json_t *args)
{
	char                   why[JSON_WHY_BYTES];
	struct buf             packed;
	struct customerd_call  call = { .method = method };
	struct customerd_error error;
	enum customerd_status  status;

	buf_init(&packed, FRAME_BYTES_MAX);
	json_pack_value(&packed, args, why);
	call.args = (struct customerd_slice){ packed.data, packed.len };
	status =
	    customerd_async_call(follow->async, &call, on_answer, follow, NULL, &error);
	buf_fini(&packed);
	follow->is_asking = status == CUSTOMERD_OK;
	if (status != CUSTOMERD_OK && status != CUSTOMERD_NOT_SENT)
		end(follow, ctl_say_error(follow->ctl, status, &error, ""));
}

/* Have a subscription, and credit for it; and notice when it is gone. */
static void
look_after(struct follow *follow)
{
	json_t *args;

	if (follow->is_asking || follow->is_ended ||
	    json_array_size(follow->waiting) > 0 ||
	    (when_mono_ms() < follow->beat_ms && follow->credit > CREDIT / 2))
		return;
	if (follow->subscription == 0) {
		json_object_set_new(follow->args, "after", json_integer(follow->after));
		json_object_set_new(follow->args, "credit", json_integer(CREDIT));
		ask(follow, "change.subscribe", follow->args);
		return;
	}
	args = json_pack("{s:I}", "subscription", follow->subscription);
	if (follow->credit < CREDIT_TOO_MUCH) {
		json_object_set_new(args, "credit",
		    json_integer(
			follow->credit < CREDIT ? CREDIT - follow->credit : 1));
		ask(follow, "change.credit", args);
	} else {
		/* Nothing came for long, and asking has made it too much. */
		ask(follow, "change.unsubscribe", args);
		forget_subscription(follow);
	}
	json_decref(args);
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

static void
deliver_waiting(struct follow *follow)
{
	size_t  i;
	json_t *change;

	json_array_foreach (follow->waiting, i, change) {
		if (follow->is_ended || state_stop_wanted())
			return;
		deliver(follow, change);
	}
	if (follow->is_ended || state_stop_wanted())
		return;
	json_array_clear(follow->waiting);
	/* With a filter, the place moves over changes that did not come, too. */
	if (follow->next > follow->after) {
		follow->after = follow->next;
		keep_place(follow);
	}
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
	struct customerd_options options;
	struct customerd_error   error;
	enum customerd_status    status;
	char                    *address = NULL;
	enum ctl_exit            done = ctl_connect(follow->ctl);

	if (done != CTL_DONE)
		return done;
	customerd_get_integer(
	    customerd_greeting(follow->ctl->c), "identity.store", &follow->store);
	done = find_place(follow);
	if (done == CTL_DONE)
		done = ctl_connection(follow->ctl, &options, &address);
	if (done != CTL_DONE)
		return done;
	options.retries_max = -1; /* what is to be repeated is known here */
	status = customerd_async_new(&follow->async, &options, &error);
	free(address);
	if (status != CUSTOMERD_OK)
		return ctl_say_error(follow->ctl, status, &error, "");
	customerd_async_on_notification(follow->async, on_notification, follow);
	return CTL_DONE;
}

static enum ctl_exit
run(struct follow *follow)
{
	state_catch_stop();
	while (!follow->is_ended && !state_stop_wanted()) {
		look_after(follow);
		customerd_async_wait(follow->async, WAIT_MS);
		deliver_waiting(follow);
	}
	return follow->is_ended ? follow->done : CTL_DONE;
}

enum ctl_exit
ctl_run_follow(struct ctl *ctl, const struct command *command)
{
	struct follow follow = { .ctl = ctl,
		.state_path = ctl->options.state,
		.waiting = json_array(),
		.next = -1 };
	enum ctl_exit done = request_begin(ctl, command, &follow.args);

	if (done == CTL_DONE)
		done = open_webhook(&follow);
	if (done == CTL_DONE)
		done = open_feed(&follow);
	if (done == CTL_DONE)
		done = run(&follow);
	follow.is_ended = true; /* calls that end now are of no interest */
	customerd_async_free(follow.async);
	webhook_free(follow.webhook);
	json_decref(follow.waiting);
	json_decref(follow.args);
	return done;
}

/*
 * customerd.h -- the client of customerd, the server of customer records.
 *
 *	struct customerd_options options = { .address = "customerd://127.0.0.1:7410",
 *	                                     .token = "…" };
 *	struct customerd        *c;
 *	struct customerd_error   error;
 *
 *	if (customerd_open(&c, &options, &error) != CUSTOMERD_OK)
 *		…
 *	update = customerd_update_new(123);
 *	customerd_update_set_text(update, "email", "ada@example.com");
 *	if (customerd_update(c, update, &revision, &error) != CUSTOMERD_OK)
 *		fprintf(stderr, "%s: %s\n", error.code, error.message);
 *
 * Three layers, each standing on the next; use the first that suits:
 *
 *	struct customerd        blocking: a call returns with its answer
 *	struct customerd_async  a callback for each call, on your event loop
 *	struct customerd_core   no input or output at all: bytes in, bytes out
 *
 * Threads.  A handle belongs to one thread at a time; handles are independent of
 * each other.  The library starts no threads, keeps no global state, prints
 * nothing and touches no signals.  Only a pool may be shared.
 *
 * Errors.  A function says how it went by an enum customerd_status and puts the
 * details into a struct customerd_error of the caller, which may be NULL.
 *
 * Memory.  What _new and _open hand out is given back with _free and _close,
 * which accept NULL.  Strings and slices that go in are copied, unless said
 * otherwise; slices that come out are borrowed, and say how long they last.
 *
 * Time.  Milliseconds everywhere.  In options, 0 stands for the default and a
 * negative number for "none" or "no limit".
 */

#ifndef CUSTOMERD_H
#define CUSTOMERD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUSTOMERD_VERSION "0.1.0"
#define CUSTOMERD_ADDRESS_DEFAULT "customerd://127.0.0.1:7410"

#if defined(__GNUC__)
#define CUSTOMERD_API __attribute__((visibility("default")))
#else
#define CUSTOMERD_API
#endif

/* The version of the library that is running, which may be newer than this header. */
CUSTOMERD_API const char *customerd_version(void);

/* ------------------------------------------------------------------------
 * How it went
 */

/*
 * Only UNKNOWN leaves a doubt.  A write that ends so may be repeated safely when
 * it carries an idempotency key; a read, always.
 */
enum customerd_status {
	CUSTOMERD_OK = 0,
	CUSTOMERD_REFUSED = 1,   /* the server said no; nothing was changed */
	CUSTOMERD_MISUSE = 2,    /* the caller's mistake; nothing was sent */
	CUSTOMERD_NOT_SENT = 3,  /* no connection, or no room; nothing was sent */
	CUSTOMERD_UNKNOWN = 4,   /* sent, not answered: it may have happened, or not */
	CUSTOMERD_NO_MEMORY = 5, /* nothing was sent */
};

/* Borrowed bytes.  They are not terminated. */
struct customerd_slice {
	const char *data; /* may be NULL when len is 0 */
	size_t      len;
};

/*
 * CODE is for programs, MESSAGE for people: one printable line.
 *
 * With REFUSED, the code is the server's: INVALID, NOT_FOUND, REVISION_MISMATCH, …
 * The library's own are BAD_ADDRESS, BAD_TLS, BAD_CALL, TOO_LARGE, QUEUE_FULL,
 * CONNECT_FAILED, TLS_FAILED, CONNECTION_LOST, TIMEOUT, CANCELLED, CLOSED, PROTOCOL and
 * NO_MEMORY.
 */
struct customerd_error {
	char    code[32];
	char    message[256];
	char    path[96];  /* of the first field that was refused: "set.email", or "" */
	int64_t revision;  /* with REVISION_MISMATCH: the record's; else 0 */
	bool    retryable; /* a repeat does no harm and may well succeed */
	/* The server's whole error map, or empty; valid as long as a result is. */
	struct customerd_slice details;
};

/* ------------------------------------------------------------------------
 * Blocking: a connection, and calls that return with their answers
 *
 * An address is "customerd://HOST:PORT", "customerds://HOST:PORT" for TLS, or
 * "unix:PATH".  Several may stand in one string, separated by commas; they are tried
 * in order.  An IPv6 address stands in
 * brackets.  A host name is looked up with getaddrinfo(3), which may block; give a
 * number where that matters.
 *
 * A connection that breaks is made again by the next call, with growing pauses.
 * A call that was never sent, a read, and a call under an idempotency key are then
 * repeated by themselves; any other call that was under way ends as UNKNOWN.
 */

struct customerd;

/*
 * For TLS, 1.2 or 1.3.  Zero for everything is fine, as is no such struct.  The server
 * must show a certificate of an authority that is trusted, for the name or the number
 * in the address: there is no way around that.  Files are PEM, read when a handle is
 * made.
 */
struct customerd_tls {
	const char *authorities_file; /* trusted; NULL: those of the system */
	const char *certificate_file; /* to show to the server; NULL: none */
	const char *key_file;         /* … and its key, without a passphrase */
	const char *server_name;      /* to expect; NULL: that in the address */
	uint64_t    reserved[4];      /* zero */
};

/* Zero for everything is fine. */
struct customerd_options {
	const char *address;     /* NULL: CUSTOMERD_ADDRESS_DEFAULT */
	const char *token;       /* NULL: none, as an operator on the unix socket */
	const char *client_name; /* in the server's log; NULL: "libcustomerd" */
	int64_t     connect_timeout_ms; /* for each address; 0: 5,000 */
	int64_t     call_timeout_ms;    /* unless the call says; 0: 30,000 */
	int         retries_max;        /* repeats of a call; 0: 2 */
	int64_t     pause_ms_max;       /* between attempts to connect; 0: 5,000 */
	size_t      answer_bytes_max; /* longer ones break the connection; 0: 16 MiB */
	const struct customerd_tls *tls; /* for customerds://; NULL: the defaults */
	uint64_t                    reserved[3]; /* zero */
};

/* One call.  Nothing in it needs to outlive the function it is given to. */
struct customerd_call {
	const char            *method; /* "customer.update" */
	struct customerd_slice args;   /* one MessagePack map; empty: no arguments */
	const char            *token; /* in place of the connection's; NULL: that one */
	const char            *idempotency_key; /* NULL: none */
	const char            *traceparent;     /* W3C Trace Context; NULL: none */
	int64_t timeout_ms; /* 0: the handle's; the server hears of it, too */
	bool    dry_run;    /* check everything, change nothing */
};

/*
 * Connect and say hello.  On success *OUT is the caller's; otherwise NULL, and the
 * status is NOT_SENT (nobody answers), REFUSED (UNAUTHENTICATED), MISUSE or NO_MEMORY.
 */
CUSTOMERD_API enum customerd_status customerd_open(struct customerd **out,
    const struct customerd_options *options, struct customerd_error *error);
CUSTOMERD_API void                  customerd_close(struct customerd *c);

/*
 * Make CALL and wait for its answer.  *RESULT, unless NULL, is one MessagePack
 * value, valid until the next call on C.
 *
 * A call that times out leaves the connection as it is: the server is asked to
 * drop it, and an answer that comes late is ignored.
 */
CUSTOMERD_API enum customerd_status customerd_call(struct customerd *c,
    const struct customerd_call *call, struct customerd_slice *result,
    struct customerd_error *error);

/* Is the server there?  *TIME_MS, unless NULL, becomes its clock. */
CUSTOMERD_API enum customerd_status customerd_ping(
    struct customerd *c, int64_t *time_ms, struct customerd_error *error);

/* The answer to hello: versions, limits, who we are.  Valid until the next call. */
CUSTOMERD_API struct customerd_slice customerd_greeting(const struct customerd *c);

/*
 * One record: of the customer ID, or of the one whose KEY (email, slug, reference) is
 * TEXT.  *RECORD is valid until the next call on C.
 */
CUSTOMERD_API enum customerd_status customerd_get_customer(struct customerd *c,
    int64_t id, struct customerd_slice *record, struct customerd_error *error);
CUSTOMERD_API enum customerd_status customerd_find_customer(struct customerd *c,
    const char *key, const char *text, struct customerd_slice *record,
    struct customerd_error *error);

/* ------------------------------------------------------------------------
 * A pool: blocking handles for many threads
 *
 * The one handle that any number of threads may use at once.  Handles are opened as
 * they are needed; those that were put back are handed out first.
 */

struct customerd_pool;

/*
 * At most SIZE handles, opened as OPTIONS say, which are copied.  Nothing is connected
 * yet.  MISUSE for a SIZE of 0, or NO_MEMORY.
 */
CUSTOMERD_API enum customerd_status customerd_pool_new(struct customerd_pool **out,
    const struct customerd_options *options, unsigned size,
    struct customerd_error *error);

/* All handles must have been put back. */
CUSTOMERD_API void customerd_pool_free(struct customerd_pool *pool);

/*
 * Get a handle, waiting for one for at most TIMEOUT_MS (0: not at all, negative: for
 * ever), then NOT_SENT with the code TIMEOUT.  Otherwise as customerd_open(), whose
 * timeout comes on top.
 */
CUSTOMERD_API enum customerd_status customerd_pool_get(struct customerd_pool *pool,
    int64_t timeout_ms, struct customerd **c, struct customerd_error *error);

/* Give C back, even if its connection broke: the next call makes it again. */
CUSTOMERD_API void customerd_pool_put(struct customerd_pool *pool, struct customerd *c);

/* ------------------------------------------------------------------------
 * Changing a customer, without knowing MessagePack
 *
 * What is not mentioned stays; customerd_update_clear() empties a field.  Errors
 * stick: a function that cannot do its part spoils the update, and whoever makes the
 * call says so.  So none of these needs a check.
 */

struct customerd_update;

/* Begin a change of the customer with this id, or this uid. */
CUSTOMERD_API struct customerd_update *customerd_update_new(int64_t id);
CUSTOMERD_API struct customerd_update *customerd_update_new_uid(const char *uid);
CUSTOMERD_API void customerd_update_free(struct customerd_update *update);

CUSTOMERD_API void customerd_update_set_text(
    struct customerd_update *update, const char *field, const char *text);
CUSTOMERD_API void customerd_update_set_integer(
    struct customerd_update *update, const char *field, int64_t value);
CUSTOMERD_API void customerd_update_set_number(
    struct customerd_update *update, const char *field, double value);
CUSTOMERD_API void customerd_update_set_bool(
    struct customerd_update *update, const char *field, bool value);
CUSTOMERD_API void customerd_update_clear(
    struct customerd_update *update, const char *field);
/* VALUE is one MessagePack value. */
CUSTOMERD_API void customerd_update_set_value(
    struct customerd_update *update, const char *field, struct customerd_slice value);

/*
 * For addresses, contacts, metadata: between _open_map() (or _open_list()) and
 * _close(), the functions above fill the nested value.  Within a list, FIELD is NULL.
 *
 *	customerd_update_open_map(u, "billing_address");
 *	customerd_update_set_text(u, "city", "Los Angeles");
 *	customerd_update_close(u);
 */
CUSTOMERD_API void customerd_update_open_map(
    struct customerd_update *update, const char *field);
CUSTOMERD_API void customerd_update_open_list(
    struct customerd_update *update, const char *field);
CUSTOMERD_API void customerd_update_close(struct customerd_update *update);

CUSTOMERD_API void customerd_update_add_tag(
    struct customerd_update *update, const char *tag);
CUSTOMERD_API void customerd_update_remove_tag(
    struct customerd_update *update, const char *tag);

/* Refuse with REVISION_MISMATCH when the record has another revision. */
CUSTOMERD_API void customerd_update_if_revision(
    struct customerd_update *update, int64_t revision);

/* Under this key the change happens once, however often it is sent within 24 h. */
CUSTOMERD_API void customerd_update_idempotency_key(
    struct customerd_update *update, const char *key);

/* Carry UPDATE out.  *REVISION, unless NULL, becomes the record's new one. */
CUSTOMERD_API enum customerd_status customerd_update(struct customerd *c,
    struct customerd_update *update, int64_t *revision, struct customerd_error *error);

/*
 * UPDATE as a call, for any of the three layers.  What CALL points to is the
 * update's, valid until that is changed or freed.  MISUSE when the update is spoilt.
 */
CUSTOMERD_API enum customerd_status customerd_update_call(
    struct customerd_update *update, struct customerd_call *call,
    struct customerd_error *error);

/* ------------------------------------------------------------------------
 * Reading results
 *
 * A value is a slice that holds one MessagePack value.  All of these survive any
 * bytes; what does not fit is simply not there.
 *
 * A path leads into a value: "revision", "billing_address.city", "items.0.email".
 * The empty path is the value itself.
 */

enum customerd_type {
	CUSTOMERD_NIL,
	CUSTOMERD_BOOL,
	CUSTOMERD_INTEGER,
	CUSTOMERD_NUMBER,
	CUSTOMERD_TEXT,
	CUSTOMERD_LIST,
	CUSTOMERD_MAP,
	CUSTOMERD_OTHER, /* or nothing at all */
};

CUSTOMERD_API enum customerd_type customerd_type(struct customerd_slice value);

/* False, with the last argument untouched, when nothing of that type is at PATH. */
CUSTOMERD_API bool customerd_get(
    struct customerd_slice value, const char *path, struct customerd_slice *found);
CUSTOMERD_API bool customerd_get_text(
    struct customerd_slice value, const char *path, struct customerd_slice *text);
CUSTOMERD_API bool customerd_get_integer(
    struct customerd_slice value, const char *path, int64_t *integer);
CUSTOMERD_API bool customerd_get_number(/* an integer will do, too */
    struct customerd_slice value, const char *path, double *number);
CUSTOMERD_API bool customerd_get_bool(
    struct customerd_slice value, const char *path, bool *is_true);

/*
 * Put TEXT into TO as one terminated line, cut to SIZE bytes between characters.  What
 * a terminal might obey, and what is no UTF-8, becomes a question mark.
 */
CUSTOMERD_API void customerd_printable(
    char *to, size_t size, struct customerd_slice text);

/*
 * Walk a list or a map:
 *
 *	customerd_walk(&walk, value);
 *	while (customerd_next(&walk, &key, &item))
 *		…
 *
 * KEY may be NULL; in a list it is empty.  A value of another type has no items.
 */
struct customerd_walk {
	struct customerd_slice rest; /* what is still to come */
	uint32_t               left; /* items in it */
	bool                   is_map;
};

CUSTOMERD_API void customerd_walk(
    struct customerd_walk *walk, struct customerd_slice value);
CUSTOMERD_API bool customerd_next(struct customerd_walk *walk,
    struct customerd_slice *key, struct customerd_slice *item);

/* ------------------------------------------------------------------------
 * Asynchronous: a callback for each call, on your event loop
 *
 * Watch customerd_async_fd() for customerd_async_events(), for no longer than
 * customerd_async_timeout_ms(), then call customerd_async_process().  All three may
 * change with every function of the handle; the hook tells when.  <customerd_ev.h>
 * does this for libev, and customerd_async_wait() for programs without a loop.
 *
 * Calls are sent in the order they are made, many at a time, without waiting for
 * answers; these come in any order.  Calls may be made before the connection
 * stands; they wait for it.
 */

struct customerd_async;

/*
 * The end of one call; comes exactly once for each call that was begun.  RESULT is
 * empty unless STATUS is OK, ERROR is NULL if it is; both are valid until the
 * callback returns.  A callback may call and cancel, and free the handle.
 */
typedef void customerd_callback(void *user, enum customerd_status status,
    struct customerd_slice result, const struct customerd_error *error);

/* A notification: METHOD, and the first of its params, valid until it returns. */
typedef void customerd_notified(
    void *user, struct customerd_slice method, struct customerd_slice value);

/* Begin to connect.  MISUSE for a bad address, or NO_MEMORY. */
CUSTOMERD_API enum customerd_status customerd_async_new(struct customerd_async **out,
    const struct customerd_options *options, struct customerd_error *error);

/* Close the connection.  Calls still open end now, as NOT_SENT or UNKNOWN. */
CUSTOMERD_API void customerd_async_free(struct customerd_async *async);

/*
 * Begin CALL; CALLBACK, which may be NULL, gets USER and the answer, never before
 * this returns.  *ID, unless NULL, is for customerd_async_cancel().  When the status
 * is not OK (MISUSE, NOT_SENT for QUEUE_FULL, NO_MEMORY), no callback will come.
 */
CUSTOMERD_API enum customerd_status customerd_async_call(struct customerd_async *async,
    const struct customerd_call *call, customerd_callback *callback, void *user,
    uint32_t *id, struct customerd_error *error);

/*
 * End the call ID now, with the code CANCELLED, and ask the server to drop it.  False
 * when it has ended already.
 */
CUSTOMERD_API bool customerd_async_cancel(struct customerd_async *async, uint32_t id);

/* Calls begun and not ended. */
CUSTOMERD_API size_t customerd_async_pending(const struct customerd_async *async);

CUSTOMERD_API void customerd_async_on_notification(
    struct customerd_async *async, customerd_notified *notified, void *user);

/* -1 between two attempts to connect. */
CUSTOMERD_API int customerd_async_fd(const struct customerd_async *async);
/* POLLIN and POLLOUT of poll(2). */
CUSTOMERD_API short customerd_async_events(const struct customerd_async *async);
/* As poll(2) wants it: -1 is for ever. */
CUSTOMERD_API int customerd_async_timeout_ms(const struct customerd_async *async);

/* HOOK is called whenever one of the three may have changed. */
CUSTOMERD_API void customerd_async_on_change(
    struct customerd_async *async, void (*hook)(void *user), void *user);

/* Do what is possible now and what is due.  REVENTS is what poll(2) reported. */
CUSTOMERD_API void customerd_async_process(
    struct customerd_async *async, short revents);

/* Wait for at most TIMEOUT_MS (-1: for ever), then process. */
CUSTOMERD_API void customerd_async_wait(struct customerd_async *async, int timeout_ms);

/* ------------------------------------------------------------------------
 * The core: bytes in, bytes out
 *
 * For those who bring their own sockets or simulation.  The core never asks for
 * the time; NOW_MS is any clock that does not go back.  Callbacks may do anything
 * with it but feed, expire and disconnect.
 */

struct customerd_core;

/* Of OPTIONS, call_timeout_ms, retries_max and answer_bytes_max count here. */
CUSTOMERD_API enum customerd_status customerd_core_new(struct customerd_core **out,
    const struct customerd_options *options, struct customerd_error *error);

/* End all calls, then free. */
CUSTOMERD_API void customerd_core_free(struct customerd_core *core);

/* As customerd_async_call(), _cancel(), _pending() and _on_notification(). */
CUSTOMERD_API enum customerd_status customerd_core_call(struct customerd_core *core,
    const struct customerd_call *call, int64_t now_ms, customerd_callback *callback,
    void *user, uint32_t *id, struct customerd_error *error);
CUSTOMERD_API bool   customerd_core_cancel(struct customerd_core *core, uint32_t id);
CUSTOMERD_API size_t customerd_core_pending(const struct customerd_core *core);
CUSTOMERD_API void   customerd_core_on_notification(
      struct customerd_core *core, customerd_notified *notified, void *user);

/*
 * A connection stands: greet the server ahead of everything that waits.  Nothing
 * else is sent before CALLBACK has heard OK.  TOKEN and CLIENT_NAME may be NULL.
 * There is no deadline: whoever made the connection decides how long to wait.
 */
CUSTOMERD_API enum customerd_status customerd_core_hello(struct customerd_core *core,
    const char *token, const char *client_name, customerd_callback *callback,
    void *user, struct customerd_error *error);

/*
 * Take what has arrived.  False when it is nothing that a customerd says, or memory
 * is out: then close the connection and call customerd_core_disconnected() with ERROR.
 */
CUSTOMERD_API bool customerd_core_feed(struct customerd_core *core, const void *bytes,
    size_t len, struct customerd_error *error);

/* What to send; empty when there is nothing.  Then say how much of it was sent. */
CUSTOMERD_API struct customerd_slice customerd_core_output(struct customerd_core *core);
CUSTOMERD_API void customerd_core_sent(struct customerd_core *core, size_t len);

/* When to call customerd_core_expire(); -1: no call has a deadline. */
CUSTOMERD_API int64_t customerd_core_deadline_ms(const struct customerd_core *core);
CUSTOMERD_API void customerd_core_expire(struct customerd_core *core, int64_t now_ms);

/*
 * The connection is gone, or could not be made, because of ERROR.  Calls that may be
 * repeated wait for the next one, up to their retries; the others end now.
 */
CUSTOMERD_API void customerd_core_disconnected(
    struct customerd_core *core, const struct customerd_error *error);

/* ------------------------------------------------------------------------
 * Feeds: the changes of a store, one after the other, as they are made
 *
 *	struct customerd_feed_options where = { .after = position };
 *
 *	customerd_feed_open(&feed, c, &where, &error);
 *	while (customerd_feed_next(feed, -1, &change, &error) == CUSTOMERD_OK)
 *		…
 *
 * First come the changes that were made already, then each new one.  A connection that
 * breaks is made again, however long that takes, and the feed goes on where it was.
 * Who keeps customerd_feed_position() together with what it has made of the changes,
 * and opens the next feed there, misses nothing and gets nothing twice.
 *
 * A feed ends when the server refuses it: FORBIDDEN, UNAUTHENTICATED when its token has
 * ended, CHANGES_GONE when it would have to leave something out.  It also ends with its
 * handle, but is freed by customerd_feed_close() only.
 *
 * A change is a map: seq, time, kind, op, id, uid, revision, token, fields, set.
 */

struct customerd_feed;

struct customerd_feed_options {
	int64_t     after;  /* begin behind this change; -1: with the oldest there is */
	const char *kind;   /* "customer", "group" or "tag" only; NULL: all */
	int64_t     id;     /* with kind, of this record only; 0: all */
	uint32_t    window; /* changes kept in advance; 0: 256, at most 1,000,000 */
	int64_t     store;  /* for operators: of this store; 0: of stores and tokens */
	uint64_t    reserved[3]; /* zero */
};

/* CHANGE is valid until this returns, and counted in the position already. */
typedef void customerd_changed(void *user, struct customerd_slice change);

/* The feed is over; comes once, and not after customerd_feed_close(). */
typedef void customerd_feed_ended(
    void *user, enum customerd_status status, const struct customerd_error *error);

/*
 * Follow the feed with the blocking handle C, for customerd_feed_next().  Nothing is
 * sent yet.  Calls on C may be made between the changes.  Somebody who does not come
 * back to C for 10 seconds, while much is to be sent, has to expect that the server
 * hangs up; the next function of C or the feed then goes on where it was.
 */
CUSTOMERD_API enum customerd_status customerd_feed_open(struct customerd_feed **out,
    struct customerd *c, const struct customerd_feed_options *options,
    struct customerd_error *error);

/*
 * The same with an asynchronous handle, or a core: CHANGED is called for each change,
 * ENDED, unless NULL, at the end.  Either may do whatever a customerd_callback may, and
 * close the feed.  With NULL as CHANGED, changes are kept for customerd_feed_next().
 */
CUSTOMERD_API enum customerd_status customerd_feed_open_async(
    struct customerd_feed **out, struct customerd_async *async,
    const struct customerd_feed_options *options, customerd_changed *changed,
    customerd_feed_ended *ended, void *user, struct customerd_error *error);
CUSTOMERD_API enum customerd_status customerd_feed_open_core(
    struct customerd_feed **out, struct customerd_core *core,
    const struct customerd_feed_options *options, customerd_changed *changed,
    customerd_feed_ended *ended, void *user, struct customerd_error *error);

/*
 * The next change, waiting for it for at most TIMEOUT_MS (0: not at all, negative: for
 * ever), then NOT_SENT with the code TIMEOUT.  *CHANGE is valid until the next function
 * of the feed or its handle.  Otherwise the feed is over, now and for every later call,
 * and the status says how; the details of the error are valid as long as the feed.
 * Not for callbacks.
 */
CUSTOMERD_API enum customerd_status customerd_feed_next(struct customerd_feed *feed,
    int64_t timeout_ms, struct customerd_slice *change, struct customerd_error *error);

/* The place behind all that was handed out; -1 while that is unknown. */
CUSTOMERD_API int64_t customerd_feed_position(const struct customerd_feed *feed);

/* The newest change of which the server has told, to see how far behind one is. */
CUSTOMERD_API int64_t customerd_feed_last(const struct customerd_feed *feed);

/* End the subscription and free the feed. */
CUSTOMERD_API void customerd_feed_close(struct customerd_feed *feed);

#ifdef __cplusplus
}
#endif

#endif

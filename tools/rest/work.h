/*
 * work -- one request on its way: its calls to the server, and its answer.
 *
 * A route's serve function runs from its first line again whenever answers have come
 * in: work_call() gives the answer when it is there, and otherwise makes the call and
 * gives NULL; then the function returns.  So it reads like a blocking one.  A call is
 * known by its method and its arguments: the second run finds what the first has
 * asked for, and no change is ever asked for twice.  The rule for a serve function is
 * that the same answers lead it the same way.
 *
 *	const struct answer *group = work_call(work, METHOD_GROUP_GET, args);
 *
 *	if (group == NULL)
 *		return;
 *
 * Calls that are made before one returns travel together.
 *
 * Threads.  The loop's.
 *
 * Memory.  All that belongs to a work lies in its exchange's arena.
 */

#ifndef REST_WORK_H
#define REST_WORK_H

#include <sys/queue.h>

#include "client/customerd.h"
#include "proto/limits.h"
#include "tools/rest/format.h"
#include "tools/rest/rate.h"

#define WORK_CALLS_MAX 512u
#define WORK_TRIES_MAX 4u
#define WORK_PAGE_BYTES_MAX ((size_t)2 * FRAME_BYTES_MAX)
#define WORK_KEY_BYTES_MAX (IDEMPOTENCY_KEY_BYTES_MAX - 8u) /* room for " 512/512" */
#define WORK_SECRET_BYTES 65u /* 64 hexadecimal digits and a NUL */

struct engine;
struct engine_store;
struct search;

/* What the server has said. */
struct answer {
	enum status  status;
	bool         is_unreachable; /* nothing was sent; nobody answers */
	struct slice result;         /* when OK */
	struct slice details;        /* the error map, or empty */
	int64_t      revision;       /* with REVISION_MISMATCH */
};

struct call_made {
	TAILQ_ENTRY(call_made) link;
	struct work       *work;
	enum method_number method;
	struct slice       args;
	bool               is_operators, is_probe;
	bool               is_done, is_page;
	uint32_t           id;           /* to cancel */
	bool               is_mentioned; /* in this run; see work_first_time() */
	struct answer      answer;

	bool                is_shareable;
	struct shared_call *shared; /* that it waits for, or NULL: for its own */
	TAILQ_ENTRY(call_made) reader;
};

enum parameter {
	PARAMETER_STORE,
	PARAMETER_ID,
	PARAMETER_ITEM,
	PARAMETER_NAME,
	PARAMETER_COUNT
};

struct work {
	struct engine        *engine;
	struct http_exchange *exchange;
	const struct format  *format;
	const struct route   *route;
	const struct route   *any; /* the first row of the same path */
	struct slice          parameters[PARAMETER_COUNT]; /* of the path */
	struct slice          token;
	json_t               *body;     /* in the arena, see json_home() */
	bool                  has_form; /* the body is one: its values are texts */
	bool                  response_is_created; /* wants a Location */
	const json_t         *object; /* in the body: what paths of faults begin at */
	const json_t         *links;  /* beside the fields; set by unwrap() */
	enum reason  local_reason;    /* found wrong before the server was asked */
	struct slice local_subject;
	bool         is_refused;  /* LOCAL_REASON counts */
	bool         looks_first; /* existence goes before the body's errors */
	bool         probes;      /* changes are only tried */
	bool         is_answered;
	bool         is_refusing; /* in this run, but the token is to be tried first */
	bool         has_credentials; /* checked for form, not yet for truth */
	bool         is_gone;         /* the client, so nobody waits */

	TAILQ_HEAD(, call_made) calls; /* in their order */
	unsigned call_count, pending;

	struct field_fault *faults; /* room for FAULTS_MAX, or NULL before the first */
	unsigned            fault_count;

	struct search    *search; /* on its way, or NULL; see search.h */
	struct arena      page;   /* of the answer to work_call_page() */
	unsigned          tries;  /* that another change has spoilt; see work_again() */
	bool              runs_again; /* from the beginning */
	struct rate_state rate;
	struct engine_store *store;     /* where this work is counted, or NULL */
	int64_t              now_ms;    /* when it came; the same in every run */
	char secret[WORK_SECRET_BYTES]; /* random, likewise; see work_secret() */

	int64_t     if_revision; /* of If-Match; 0: none */
	int64_t     revision;    /* for ETag; 0: none */
	const char *idempotency_key, *traceparent;
	/* For keys of their own, when a request is many changes: which comes now, from
	 * 1, and how many there are. */
	unsigned part, part_count;
	bool     dry_run;

	struct http_pair     headers[HTTP_RESPONSE_HEADERS_MAX]; /* of the answer */
	unsigned             header_count;
	struct http_response response; /* once answered */
};

static inline struct arena *
work_arena(struct work *work)
{
	return &work->exchange->arena;
}

/* The answer to METHOD with ARGS, one MessagePack map; NULL: not yet. */
const struct answer *work_call(
    struct work *work, enum method_number method, struct slice args);

/* The same, one at a time, for a long answer whose memory work_forget_page() gives
 * back. */
const struct answer *work_call_page(
    struct work *work, enum method_number method, struct slice args);
void work_forget_page(struct work *work);

/*
 * The answer to the change that METHOD has made, for a request that makes only one: it
 * was told what the body says, so nobody needs to read that again.  NULL: not yet, or
 * not at all.
 */
const struct answer *work_done(const struct work *work, enum method_number method);

/* The same with the rights of an operator, which the shim has on the unix socket. */
const struct answer *work_call_as_operator(
    struct work *work, enum method_number method, struct slice args);

/* The methods of a kind of records. */
struct record_methods {
	enum method_number get, list, create, update, delete;
};

const struct record_methods *work_methods(const struct work *work);
const struct record_methods *methods_of(enum record_kind kind);

/* 256 random bits as text; the same in every run. */
const char *work_secret(struct work *work);

/* The store of the token: one call for all works that ask before it leaves. */
const struct answer *work_store(struct work *work);

/* {id: ID} or {uid: ID}, as the format's ids are; empty when ID can be none: then the
 * request is refused. */
struct slice work_args_id(struct work *work, struct slice id);

/* A decimal number without sign, at most 2^53 - 1. */
bool text_to_id(struct slice text, int64_t *id);

/* Cut the next item off *LIST, "a,b,c"; false at its end. */
bool next_item(struct slice *list, struct slice *item);

/* {KEY: VALUE}, for work_call(). */
struct slice work_args_text(struct work *work, const char *key, struct slice value);
struct slice work_args_integer(struct work *work, const char *key, int64_t value);

/* Begin BUF, to build what work_keep() ends. */
void work_buf(struct work *work, struct buf *buf);

/* The bytes of BUF, in the arena; BUF is then free. */
struct slice work_keep(struct work *work, struct buf *buf);

/* FORMAT and its arguments as a text in the arena; "" when there is no memory. */
const char *work_text(struct work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The COUNT PIECES in a row, likewise. */
const char *work_join(struct work *work, unsigned count, const struct slice *pieces);

/* VALUE between A and B, likewise. */
const char *work_decimal(
    struct work *work, const char *a, int64_t value, const char *b);

/*
 * The query as it came, each parameter behind an &, but for those that say which page
 * it is: links to other pages lead to the same list so.
 */
const char *work_query_beside(struct work *work, bool (*is_place)(struct slice name));

/* Append a header to the answer. */
void work_header(struct work *work, const char *name, const char *value);

/*
 * Forget all answers and run once more, since the record has changed in between.
 * False: that has happened too often.
 */
bool work_again(struct work *work);

/* Whether this run asks for the first time about ANSWER. */
bool work_first_time(struct work *work, const struct answer *answer);

/* TEXT with SUBJECT in place of its "{}", in the arena. */
const char *fill_in(struct work *work, const char *text, struct slice subject);

/* The format's row for FAULT. */
struct fault_text fault_text_of(
    const struct work *work, const struct field_fault *fault);

/* The words of TEXT for FAULT, with the bound that was broken. */
const char *fault_words(
    struct work *work, const struct field_fault *fault, const struct fault_text *text);

/* ---- ending ---- */

/* Answer with STATUS and what JSON wrote into the engine's buf (work_json()). */
void work_respond(struct work *work, unsigned status, struct out *json);

/* Answer with STATUS alone. */
void work_respond_empty(struct work *work, unsigned status);

/* A writer for the body of the answer; one at a time. */
struct out work_json(struct work *work);

/* Answer with STATUS and RECORD, as the format writes it; unless that needs more calls.
 */
void work_respond_record(struct work *work, unsigned status, struct slice record);

/* Refuse.  SUBJECT is what REASON is about, and may be empty. */
void work_refuse(struct work *work, enum reason reason, struct slice subject);

/* The same in words that are no row of the format's; with the faults, or without. */
void work_refuse_text(struct work *work, const struct reason_text *text,
    struct slice subject, bool with_faults);

/* Refuse with the faults that were collected. */
void work_refuse_faults(struct work *work);

/* Refuse as the server did in ANSWER. */
void work_refuse_answer(struct work *work, const struct answer *answer);

/* Note what the server found wrong in ANSWER, which is INVALID. */
void work_note_violations(struct work *work, const struct answer *answer);

/*
 * Whether ANSWER to a creation is OK and no fault was noted.  If not, refuse: with the
 * faults of both sides together, or else as the server did.
 */
bool work_accepts(struct work *work, const struct answer *answer);

/* Note a fault of the field ROW at PATH; NULL when there are too many. */
struct field_fault *work_fault(
    struct work *work, enum fault fault, const struct mapping *row, const char *path);

/* ---- the record in a result ---- */

struct parts {
	const struct shape *shape;
	struct slice        field[SHAPE_FIELDS_MAX]; /* empty: absent */
};

/* Take RECORD, a map, apart; what SHAPE does not know is left out. */
void parts_split(struct parts *parts, const struct shape *shape, struct slice record);

int64_t      parts_integer(const struct parts *parts, unsigned field); /* 0: absent */
struct slice parts_text(const struct parts *parts, unsigned field);

#endif

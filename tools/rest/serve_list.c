/*
 * Lists: pages of what the server lists, with what matches and how many there are.
 */

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/search.h"

/* How far a list has come. */
struct progress {
	int64_t place; /* the id to go on behind; 0: none */
	int64_t skip;  /* to be left out yet */
};

static struct slice
pack_listing(struct work *work, const struct listing *listing,
    const struct progress *progress, int64_t limit)
{
	bool       goes_down = listing->is_descending;
	bool       has_place = goes_down || progress->place > 0;
	bool       has_match = listing->match.len > 0;
	struct buf buf;

	work_buf(work, &buf);
	pack_map(&buf, 2u + has_place + (listing->argument != NULL) + has_match);
	pack_literal(&buf, "offset");
	pack_integer(
	    &buf, progress->skip < LIST_OFFSET_MAX ? progress->skip : LIST_OFFSET_MAX);
	pack_literal(&buf, "limit");
	pack_integer(&buf, limit);
	if (has_place) {
		pack_text(&buf, goes_down ? SLICE("before") : SLICE("after"));
		pack_integer(&buf, progress->place > 0 ? progress->place : INTEGER_MAX);
	}
	if (listing->argument != NULL) {
		pack_text(&buf, slice_text(listing->argument));
		pack_raw(&buf, *listing->value);
	}
	if (has_match) {
		pack_literal(&buf, "match");
		pack_raw(&buf, listing->match);
	}
	return work_keep(work, &buf);
}

static const struct answer *
call_list(struct work *work, const struct listing *listing,
    const struct progress *progress, int64_t limit)
{
	const struct answer *answer = work_call(
	    work, listing->method, pack_listing(work, listing, progress, limit));

	if (answer == NULL || answer->status == STATUS_OK)
		return answer;
	work_refuse_answer(work, answer);
	return NULL;
}

static int64_t
integer_of(const struct answer *answer, const char *key)
{
	struct customerd_slice result = { answer->result.data, answer->result.len };
	int64_t                value = 0; /* also of nil */

	customerd_get_integer(result, key, &value);
	return value;
}

/* Add the records of ANSWER, as far as they are wanted.  Gives how many it had. */
static unsigned
take_records(struct listing *listing, const struct answer *answer)
{
	struct customerd_slice result = { answer->result.data, answer->result.len };
	struct customerd_slice items = { NULL, 0 }, item;
	struct customerd_walk  walk;
	unsigned               count = 0;

	customerd_get(result, "items", &items);
	customerd_walk(&walk, items);
	for (; customerd_next(&walk, NULL, &item); count++)
		if (listing->count < listing->limit)
			listing->records[listing->count++] =
			    slice_of(item.data, item.len);
	return count;
}

/* Behind the last record there are none; before it, the server does not go so far. */
static bool
is_too_far(struct work *work, struct listing *listing)
{
	const struct progress none = { 0, 0 };
	const struct answer  *answer = call_list(work, listing, &none, 1);

	if (answer == NULL)
		return false;
	listing->all = listing->total = integer_of(answer, "total");
	if (listing->offset >= listing->total)
		return true;
	work_refuse(work, REASON_BAD_PARAMETER, SLICE("page"));
	return false;
}

/* Take ANSWER in.  False: it was the last that is needed. */
static bool
advance(struct listing *listing, struct progress *progress, const struct answer *answer)
{
	bool    was_full = listing->count == listing->limit;
	int64_t items = take_records(listing, answer);

	if (listing->match.len > 0) {
		listing->total += integer_of(answer, "total");
		progress->skip -= integer_of(answer, "total") - items;
	} else {
		if (progress->place == listing->place)
			listing->total = integer_of(answer, "total");
		progress->skip = 0;
	}
	progress->place = integer_of(answer, "next");
	if (!was_full)
		listing->next = progress->place;
	if (listing->count < listing->limit)
		return progress->place != 0;
	progress->skip = LIST_OFFSET_MAX; /* What follows is only counted. */
	return progress->place != 0 && listing->counts && listing->match.len > 0;
}

bool
serve_list(struct work *work, struct listing *listing)
{
	struct progress progress = { listing->place, listing->offset };

	if (listing->takes != NULL || listing->order_count > 0)
		return search_list(work, listing);
	if (progress.skip > LIST_OFFSET_MAX && listing->match.len == 0)
		return is_too_far(work, listing);
	listing->records = arena_alloc(work_arena(work),
	    ((size_t)listing->limit + 1) * sizeof(listing->records[0]));
	if (listing->records == NULL)
		return false;
	for (unsigned i = 0; i < LISTING_CALLS_MAX; i++) {
		int64_t              wanted = listing->limit - listing->count;
		const struct answer *answer =
		    call_list(work, listing, &progress, wanted > 0 ? wanted : 1);

		if (answer == NULL)
			return false;
		if (!advance(listing, &progress, answer)) {
			listing->all = listing->total;
			return true;
		}
	}
	listing->is_cut = true;
	return true;
}

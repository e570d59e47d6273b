#include "server/net/request.h"

#include <stdlib.h>

#include "proto/limits.h"

/* A list stops soon after RESULT_BYTES_MAX: with the record that passes it. */
#define REQUEST_RESULT_BYTES_MAX (RESULT_BYTES_MAX + 2 * (size_t)RECORD_BYTES_MAX)

static struct request *
request_new(struct loop *loop)
{
	struct request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		return NULL;
	link_init(&request->link);
	request->loop = loop;
	arena_init(&request->arena, CALL_ARENA_BYTES_MAX);
	buf_init(&request->scratch, CALL_ARENA_BYTES_MAX);
	request->scratch.secret = true; /* passwords come through it */
	buf_init(&request->result, REQUEST_RESULT_BYTES_MAX);
	return request;
}

static void
request_free(struct request *request)
{
	arena_fini(&request->arena);
	buf_fini(&request->scratch);
	buf_fini(&request->result);
	free(request);
}

struct request *
request_take(struct loop *loop)
{
	struct link *link = link_first(&loop->requests);

	if (link == NULL)
		return request_new(loop);
	link_remove(link);
	loop->requests_kept--;
	return CONTAINER_OF(link, struct request, link);
}

void
request_give(struct request *request)
{
	struct loop *loop = request->loop;

	if (loop->requests_kept == LOOP_REQUESTS_KEPT) {
		request_free(request);
		return;
	}
	arena_reset(&request->arena);
	buf_clear(&request->scratch, REQUEST_BYTES_KEPT);
	buf_clear(&request->result, REQUEST_BYTES_KEPT);
	request->result.secret = false;
	request->conn = NULL;
	link_prepend(&loop->requests, &request->link); /* the next to be taken: warm */
	loop->requests_kept++;
}

void
request_free_all(struct loop *loop)
{
	struct link *link;

	while ((link = link_first(&loop->requests))) {
		link_remove(link);
		request_free(CONTAINER_OF(link, struct request, link));
	}
	loop->requests_kept = 0;
}

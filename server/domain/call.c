#include <assert.h>
#include <stddef.h>

#include "proto/pack.h"
#include "server/domain/call.h"

void
call_init(struct call *call)
{
	/*
	 * Not the arguments and the violations: they are large, and nobody looks at one
	 * that is not said to be there.
	 */
	memset(call, 0, offsetof(struct call, args));
	atomic_init(&call->cancelled, false);
	call->args.present = 0;
	call->patches = NULL;
	call->patch_count = 0;
	call->passwords = NULL;
	violations_init(&call->violations);
	call->detail = NULL;
	call->revision = 0;
	call->oldest = call->last = 0;
}

void
call_pack_error(const struct call *call, enum status status, struct buf *buf)
{
	const struct status_info *info = status_info(status);
	const char *message = call->detail != NULL ? call->detail : info->text;
	bool        has_errors = violations_any(&call->violations);
	bool        has_revision = status == STATUS_REVISION_MISMATCH;
	bool        has_range = status == STATUS_CHANGES_GONE;

	assert(status != STATUS_OK);
	pack_map(buf, 3u + has_errors + has_revision + 2u * has_range);
	pack_literal(buf, "code");
	pack_text(buf, slice_text(info->name));
	pack_literal(buf, "message");
	pack_text(buf, slice_text(message));
	pack_literal(buf, "retryable");
	pack_bool(buf, info->retryable);
	if (has_errors) {
		pack_literal(buf, "errors");
		violations_pack(&call->violations, buf);
	}
	if (has_revision) {
		pack_literal(buf, "revision");
		pack_integer(buf, call->revision);
	}
	if (has_range) {
		pack_literal(buf, "oldest");
		pack_integer(buf, (int64_t)call->oldest);
		pack_literal(buf, "last");
		pack_integer(buf, (int64_t)call->last);
	}
}

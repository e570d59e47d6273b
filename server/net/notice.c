#include "server/net/notice.h"

#include "proto/message.h"
#include "proto/pack.h"

void
notice_open(struct buf *buf, enum status status, const char *text, uint32_t more)
{
	const struct status_info *info = status_info(status);

	message_pack_notification(buf, SLICE("error"));
	pack_array(buf, 1);
	pack_map(buf, 3 + more);
	pack_literal(buf, "code");
	pack_text(buf, slice_text(info->name));
	pack_literal(buf, "message");
	pack_text(buf, slice_text(text ? text : info->text));
	pack_literal(buf, "retryable");
	pack_bool(buf, info->retryable);
}

void
notice_pack(struct buf *buf, enum status status, const char *text)
{
	notice_open(buf, status, text, 0);
}

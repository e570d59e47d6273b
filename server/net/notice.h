/*
 * notice -- an error that answers no request: the notification "error".
 *
 *	[2, "error", [{code, message, retryable}]]
 */

#ifndef NET_NOTICE_H
#define NET_NOTICE_H

#include <stdint.h>

#include "proto/buf.h"
#include "proto/status.h"

/* Append the notice of STATUS, with TEXT in place of the status's own unless NULL. */
void notice_pack(struct buf *buf, enum status status, const char *text);

/* The same with MORE pairs of key and value, which the caller packs next. */
void notice_open(struct buf *buf, enum status status, const char *text, uint32_t more);

#endif

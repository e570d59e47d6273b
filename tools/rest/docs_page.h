/*
 * docs_page -- the page /docs, written from a format's tables and its document.
 */

#ifndef REST_DOCS_PAGE_H
#define REST_DOCS_PAGE_H

#include "proto/buf.h"
#include "tools/rest/format.h"

#define DOCS_PAGE_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* What stands for http://HOST in the page; see docs_page_fill(). */
#define DOCS_ORIGIN SLICE("{{origin}}")

/* Write the page about the formats of LIST, with DOCUMENTS in the same order, into the
 * empty OUT.
 */
void docs_page_write(
    struct buf *out, const struct format *const *formats, json_t *const *documents);

/* Append PAGE to OUT, with ORIGIN in its places. */
void docs_page_fill(struct buf *out, struct slice page, struct slice origin);

#endif

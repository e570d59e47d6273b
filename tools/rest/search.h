/*
 * search -- lists that no index of the server can give: by a part of a name, by a time,
 * in the order of some field.
 *
 * All records of the kind are read, a page at a time.  Of those that are wanted only
 * the number is kept, and what they are sorted by, so a search takes its time but
 * little memory; the records of the page that is asked for are read again at the end.
 * In a store of more than SEARCH_RECORDS_MAX records a search is refused.
 *
 * Meanwhile the records may change: what is created, deleted or renamed during a search
 * may be found or not.
 */

#ifndef REST_SEARCH_H
#define REST_SEARCH_H

#include "tools/rest/serve.h"

#define SEARCH_TEXT_BYTES_MAX 4096u /* of one text, folded */

/* Fill LISTING as serve_list() does.  False: not yet, or refused. */
bool search_list(struct work *work, struct listing *listing);

/* Whether PART is in TEXT, without regard to case. */
bool search_holds(struct slice text, struct slice part);

#endif

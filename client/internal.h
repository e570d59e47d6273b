/*
 * internal -- what the files of the library share; nothing of it is exported.
 */

#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "client/customerd.h"
#include "proto/buf.h"
#include "proto/limits.h"
#include "proto/slice.h"

#define CONNECT_TIMEOUT_MS_DEFAULT 5000
#define CALL_TIMEOUT_MS_DEFAULT 30000
#define RETRIES_DEFAULT 2
#define PAUSE_MS_MAX_DEFAULT 5000
#define ANSWER_BYTES_MAX_DEFAULT (16u * 1024 * 1024)
#define BUF_BYTES_KEPT (64u * 1024) /* memory that an idle buffer may keep */

/*
 * A time as the header says: 0 for the default, negative for none (-1), which is also
 * what nobody will live to see.
 */
static inline int64_t
option_or(int64_t value, int64_t standard)
{
	return value == 0 ? standard : value < 0 || value > INTEGER_MAX ? -1 : value;
}

static inline struct slice
slice_in(struct customerd_slice slice)
{
	return slice_of(slice.data, slice.len);
}

static inline struct customerd_slice
slice_out(struct slice slice)
{
	return (struct customerd_slice){ slice.data, slice.len };
}

/* Begin ERROR, unless it is NULL, anew.  The message is a format of printf. */
void error_set(struct customerd_error *error, const char *code, bool retryable,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

enum customerd_status error_no_memory(struct customerd_error *error);
enum customerd_status error_misuse(struct customerd_error *error, const char *message);

/*
 * Take the error of an answer, one value, apart: REFUSED, or UNKNOWN when the server
 * does not know either or says nothing that can be understood.
 */
enum customerd_status error_decode(struct customerd_error *error, struct slice value);

/* The monotonic clock. */
int64_t clock_ms(void);

/* What feeds need of their handles; ASYNC may want to be watched otherwise now. */
struct customerd_async *blocking_async(struct customerd *c);
struct customerd_core  *async_core(struct customerd_async *async);
void                    async_changed(struct customerd_async *async);

struct connection;

/* The connection of an asynchronous handle, for the blocking one. */
const struct connection *async_connection(const struct customerd_async *async);

#endif

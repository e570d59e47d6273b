/*
 * args -- decode the arguments of a method.
 */

#ifndef DOMAIN_ARGS_H
#define DOMAIN_ARGS_H

#include "proto/method.h"

struct call;

struct args {
	uint64_t     present;          /* ARG_BIT()s */
	struct slice value[ARG_COUNT]; /* canonical (value.h); as long as the call */
};

/*
 * Decode BYTES, a packed map or empty, of which ALLOWED (ARG_BIT()s) are known.
 * Violations are noted in the call.  Unknown keys are one in a write and ignored
 * otherwise; nil is as good as absent.
 */
void args_decode(struct args *args, struct call *call, struct slice bytes,
    uint64_t allowed, bool strict);

static inline bool
args_have(const struct args *args, enum argument arg)
{
	return (args->present & ARG_BIT(arg)) != 0;
}

/* One value; zero, false or empty when it is absent. */
int64_t      args_integer(const struct args *args, enum argument arg);
bool         args_bool(const struct args *args, enum argument arg);
struct slice args_text(const struct args *args, enum argument arg);
/* The number of a WORD argument's word. */
unsigned args_word(const struct args *args, enum argument arg);

/* Note that exactly one of A and B must be given, if it is not so. */
void args_need_one(
    const struct args *args, struct call *call, enum argument a, enum argument b);

#endif

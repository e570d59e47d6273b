/*
 * option_internal -- what option.c and option_file.c share.
 */

#ifndef BASE_OPTION_INTERNAL_H
#define BASE_OPTION_INTERNAL_H

#include "server/base/option.h"

enum option_group {
#define X(GROUP, title) OPTION_GROUP_##GROUP,
	OPTION_GROUPS(X)
#undef X
	    OPTION_GROUP_COUNT
};

struct option_row {
	const char       *name;
	enum option_kind  kind;
	const char       *placeholder;
	const char       *standard;
	int64_t           min, max;
	enum option_group group;
	const char       *help;
	size_t            offset; /* of the member in struct options */
};

extern const struct option_row option_rows[OPTION_COUNT];

/* Put a sentence into WHY, and say false for the caller to return. */
__attribute__((format(printf, 3, 4))) bool option_refuse(
    char *why, size_t why_size, const char *format, ...);

/*
 * Set ROW to TEXT, as SOURCE wants it, unless somebody with more say has set it
 * already; TEXT must be good all the same.
 */
bool option_set(struct options *options, const struct option_row *row, const char *text,
    enum option_source source, char *why, size_t why_size);

/* Set what the file OPTIONS->config says. */
bool option_read_file(struct options *options, char *why, size_t why_size);

#endif

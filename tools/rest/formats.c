/*
 * The formats.  Of two whose prefixes fit, the first one counts.
 */

#include "tools/rest/format.h"

const struct format *const formats[] = {
	&format_django,
	&format_ecwid,
	&format_bigcommerce,
	&format_commercelayer,
	NULL,
};

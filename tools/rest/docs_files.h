/*
 * docs_files -- the files of docs/, which the build puts into the program.
 *
 * docs_files.c is made by docs/embed.py.
 */

#ifndef REST_DOCS_FILES_H
#define REST_DOCS_FILES_H

#include <stddef.h>

struct docs_file {
	const char *name; /* "page.css"; the table ends with NULL */
	const char *data;
	size_t      len;
	const char *sha256; /* in base64, as a Content-Security-Policy names it */
};

extern const struct docs_file docs_files[];

/* The file called NAME, or NULL. */
const struct docs_file *docs_file(const char *name);

#endif

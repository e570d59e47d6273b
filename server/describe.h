/*
 * describe -- print every table of customerd as one JSON document, for the tools, the
 * tests and the documents, which must not say them a second time.
 */

#ifndef SERVER_DESCRIBE_H
#define SERVER_DESCRIBE_H

#include <stdbool.h>
#include <stdio.h>

/* False when OUT could not be written. */
bool describe(FILE *out);

#endif

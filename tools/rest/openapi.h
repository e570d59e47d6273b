/*
 * openapi -- the OpenAPI 3.1 document of a format, out of the tables that serve it.
 *
 * Paths, methods, fields, bounds, statuses and credentials come from the tables of
 * format.h.  What no table needs to serve a request (summaries, examples, the shapes
 * around the fields) stands in docs/<format>.json, which the build puts into the
 * program; a format can do without.  With it, each row of the routes has its entry
 * there, and no entry is without its row: anything else is our bug, and asserted.
 *
 * Of the fields of a resource the document has three schemas: "customers" as they are
 * answered, "customers_change" and "customers_new" as they are sent to update and to
 * create; and "customers_links" for relationships that can be sent.
 *
 * Memory.  Documents are the caller's.  Running out of memory while they are made, at
 * the start, is asserted, too.
 */

#ifndef REST_OPENAPI_H
#define REST_OPENAPI_H

#include "tools/rest/format.h"

/* What a schema is for. */
enum openapi_use { OPENAPI_ANSWER, OPENAPI_CHANGE, OPENAPI_NEW };

/* The document of FORMAT, whose addresses begin with URL, "/" for the same host. */
json_t *openapi_document(const struct format *format, const char *url);

/* docs/<format>.json, or what stands in for it. */
json_t *openapi_words(const struct format *format);

/* The operation of ROUTE in DOCUMENT; borrowed. */
json_t *openapi_operation(
    const json_t *document, const struct format *format, const struct route *route);

/* The schema of the value of ROW, of a table for SHAPE. */
json_t *openapi_value(
    const struct mapping *row, const struct shape *shape, enum openapi_use use);

/* The schema of an object with ROWS. */
json_t *openapi_object(
    const struct mapping *rows, const struct shape *shape, enum openapi_use use);

/* ---- for the files that make the document ---- */

#define OPENAPI_PATH_BYTES 256u

/* The document's paths; WORDS has an entry for each route. */
json_t *openapi_paths(const struct format *format, const json_t *words);

/* The parameters that all of them share. */
json_t *openapi_shared_parameters(void);

/* {"$ref": the component NAME of that KIND}. */
json_t *openapi_reference(const char *kind, const char *name);

/* What the document calls the way to authenticate. */
const char *openapi_scheme_name(const struct credential *credential);

/* jansson's calls that fail for want of memory only. */
json_t *must_json(json_t *value);
void    must_set(json_t *object, const char *key, json_t *value); /* takes VALUE */
void    must_append(json_t *array, json_t *value);                /* takes VALUE */

#endif

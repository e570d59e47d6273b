/*
 * django -- what the files of that format share.
 */

#ifndef REST_DJANGO_H
#define REST_DJANGO_H

#include "tools/rest/serve.h"

#define DJANGO_REFRESH_PREFIX "refresh-"
#define DJANGO_PASSWORD_MIN 8 /* characters */

extern const struct mapping django_customer_fields[];

const json_t *django_unwrap(struct work *work, const json_t *body);
void          django_write_one(struct out *out, struct work *work, struct slice record);
void          django_write_error(
	     struct out *out, struct work *work, const struct complaint *complaint);
const char *django_error_page(const struct complaint *complaint);

serve_function django_create, django_login, django_refresh, django_options;

#endif

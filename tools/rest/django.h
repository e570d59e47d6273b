/*
 * django -- what the files of that format share.
 */

#ifndef REST_DJANGO_H
#define REST_DJANGO_H

#include "tools/rest/serve.h"

#define DJANGO_REFRESH_PREFIX "refresh-"
#define DJANGO_PASSWORD_MIN 8 /* characters */

serve_function django_create, django_login, django_refresh, django_options;

#endif

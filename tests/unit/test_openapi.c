#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/rest/meaning.h"
#include "tools/rest/openapi.h"

static size_t
count_operations(const json_t *document)
{
	const char *path;
	json_t     *item;
	size_t      count = 0;

	json_object_foreach (json_object_get(document, "paths"), path, item)
		count += json_object_size(item);
	return count;
}

static void
a_document_has_every_route_of_the_table_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; formats[i] != NULL; i++) {
		json_t *document = openapi_document(formats[i], "/");
		size_t  count = 0;

		for (const struct route *route = formats[i]->routes;
		     route->path != NULL; route++) {
			const json_t *operation =
			    openapi_operation(document, formats[i], route);

			if (operation == NULL)
				fail_msg("%s lacks %s %s", formats[i]->name,
				    http_method_name(route->method), route->path);
			count++;
		}
		assert_int_equal(count_operations(document), count);
		json_decref(document);
	}
}

static void
must_mean(const struct mapping *rows, const struct shape *shape)
{
	for (const struct mapping *row = rows; row->name != NULL; row++) {
		if (meaning_of(row, shape)[0] == '\0')
			fail_msg("nobody says what %s means", row->name);
		if (row->nested != NULL)
			must_mean(row->nested->fields, row->nested->shape);
	}
}

static void
every_field_of_every_format_has_a_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; formats[i] != NULL; i++)
		for (const struct route *route = formats[i]->routes;
		     route->path != NULL; route++) {
			const struct resource *resource = route->resource;
			const struct shape    *shape = resource_shape(resource);

			must_mean(resource->fields, shape);
			if (resource->links != NULL)
				must_mean(resource->links, shape);
		}
}

/* The schema of PROPERTY in the schema NAME of DOCUMENT, or NULL. */
static const json_t *
property(const json_t *document, const char *name, const char *key)
{
	const json_t *schemas =
	    json_object_get(json_object_get(document, "components"), "schemas");

	return json_object_get(
	    json_object_get(json_object_get(schemas, name), "properties"), key);
}

static void
what_is_only_read_is_not_in_requests_and_the_reverse(void **state)
{
	json_t *document = openapi_document(&format_commercelayer, "/");

	(void)state;
	assert_true(json_is_true(json_object_get(
	    property(document, "customers", "created_at"), "readOnly")));
	assert_null(property(document, "customers_change", "created_at"));
	assert_null(property(document, "customers", "password"));
	assert_true(json_is_true(json_object_get(
	    property(document, "customers_change", "password"), "writeOnly")));
	json_decref(document);
}

static void
a_bound_of_the_format_goes_before_the_record_s(void **state)
{
	json_t *document = openapi_document(&format_bigcommerce, "/");

	(void)state;
	assert_int_equal(
	    json_integer_value(json_object_get(
		property(document, "customers_new", "first_name"), "maxLength")),
	    100);
	assert_int_equal(
	    json_integer_value(json_object_get(
		property(document, "customers", "first_name"), "maxLength")),
	    150);
	json_decref(document);
}

static void
a_format_without_a_file_of_words_has_a_document(void **state)
{
	struct format format = format_ecwid;
	json_t       *document;

	(void)state;
	format.name = "made-up";
	document = openapi_document(&format, "/");
	assert_non_null(openapi_operation(document, &format, format.routes));
	json_decref(document);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_has_every_route_of_the_table_and_no_other),
		cmocka_unit_test(every_field_of_every_format_has_a_meaning),
		cmocka_unit_test(what_is_only_read_is_not_in_requests_and_the_reverse),
		cmocka_unit_test(a_bound_of_the_format_goes_before_the_record_s),
		cmocka_unit_test(a_format_without_a_file_of_words_has_a_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

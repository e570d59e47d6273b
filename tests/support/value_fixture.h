/*
 * value_fixture -- the vocabulary of the tests of values.
 *
 * A test packs one value into the input and says what value_check() must make of
 * it.  What does not hold ends the test.
 */

#ifndef TESTS_SUPPORT_VALUE_FIXTURE_H
#define TESTS_SUPPORT_VALUE_FIXTURE_H

#include "proto/method.h"
#include "server/domain/value.h"

struct value_fixture {
	struct buf        in, out, again;
	struct violations violations;
};

/* For cmocka: set *STATE to a fixture, and free what it holds. */
int value_begin(void **state);
int value_end(void **state);

/* Records, arguments and nested values. */
#define ALL_SHAPES_COUNT 14
extern const struct shape *const all_shapes[];

/* Call RUN for every field of all of them. */
void for_each_field(
    struct value_fixture *f, void (*run)(struct value_fixture *, const struct field *));

const struct field *customer_field(unsigned place);

/* The input, empty, to be packed anew. */
struct buf *input(struct value_fixture *f);

/* Check IN into OUT; what went wrong is in F->violations. */
bool judge(struct value_fixture *f, const struct field *field, struct slice in,
    struct buf *out);

/* The input is good, and its canonical form is its own canonical form. */
void expect_good(struct value_fixture *f, const struct field *field);

/* The same, and that form is BYTES. */
void expect_output(
    struct value_fixture *f, const struct field *field, struct slice bytes);

/* The input breaks RULE, at PATH or as a whole, and no other. */
void expect_at(struct value_fixture *f, const struct field *field, const char *path,
    enum rule rule);
void expect(struct value_fixture *f, const struct field *field, enum rule rule);

/* Pack a text: TEXT, COUNT times. */
void put_repeated(struct buf *buf, const char *text, size_t count);

/* Pack the longest value of FIELD, or nearly so; values of different N differ. */
void put_longest(struct buf *buf, const struct field *field, unsigned n);

#endif

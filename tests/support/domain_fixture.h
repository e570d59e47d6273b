/*
 * domain_fixture -- the domain on a database of its own, without a network.
 *
 * Requests and answers are JSON with ' for ", so that a test reads as a dialogue:
 *
 *	must(f, "customer.create", "{'set': {'email': 'ada@example.com'}}");
 *	refused(f, "customer.get", "{'id': 99}", STATUS_NOT_FOUND);
 *
 * What fails here fails the test.
 */

#ifndef SUPPORT_DOMAIN_FIXTURE_H
#define SUPPORT_DOMAIN_FIXTURE_H

#include <jansson.h>

#include "server/domain/domain.h"
#include "tests/support/kv_fixture.h"

struct domain_fixture {
	struct kv_fixture  *storage;
	struct domain      *domain;
	struct kv_snapshot *snapshot;
	struct identity     who;    /* who calls; a token of store 1 with every scope */
	struct meta         meta;   /* of the next call; cleared by it */
	int64_t             now_ms; /* the wall clock */
	struct arena        arena;
	struct buf          scratch, result, args;
	struct call        *call;    /* the last one */
	unsigned            fetched; /* records that it, a write, has named ahead */
};

/* For cmocka.  Makes store 1 and a token for it with every scope and a user. */
int domain_fixture_setup(void **state);
int domain_fixture_teardown(void **state);

/* Carry out one request; the answer is valid until the next one. */
enum status ask(struct domain_fixture *f, const char *method, const char *args);

/* The same; it must be answered OK.  The caller owns the answer. */
json_t *must(struct domain_fixture *f, const char *method, const char *args);

/* As must(), when the answer does not matter. */
void must_do(struct domain_fixture *f, const char *method, const char *args);

/* It must be refused with STATUS. */
void refused(
    struct domain_fixture *f, const char *method, const char *args, enum status status);

/* It must be INVALID, with RULE noted at PATH. */
void invalid(struct domain_fixture *f, const char *method, const char *args,
    const char *path, enum rule rule);

/* The field FIELD of what METHOD answers, as text; valid until the next call. */
const char *field_of(
    struct domain_fixture *f, const char *method, const char *args, const char *field);

/* Let the server do what is due at F->now_ms, until nothing is left. */
void keep_house(struct domain_fixture *f);

/* A test with a fixture of its own; wants cmocka.h. */
#define DOMAIN_TEST(name)                \
	cmocka_unit_test_setup_teardown( \
	    name, domain_fixture_setup, domain_fixture_teardown)

/* verify finds nothing wrong. */
void must_verify(struct domain_fixture *f);

/* How many things verify finds wrong. */
uint64_t count_faults(struct domain_fixture *f);

#endif

/*
 * feed_words -- what tests of the log of changes and of the feed say.
 *
 * Answers are texts that a test compares; each is valid until the same word is said
 * again.  What fails here fails the test.
 */

#ifndef SUPPORT_FEED_WORDS_H
#define SUPPORT_FEED_WORDS_H

#include "server/domain/change.h"
#include "tests/support/domain_fixture.h"

#define CREATE "customer.create"
#define UPDATE "customer.update"
#define READ "change.read"
#define HISTORY "customer.history"

/* Create a customer. */
void make(struct domain_fixture *f, const char *email);

/* Change customer ID so many times. */
void touch(struct domain_fixture *f, int id, int times);

/* What METHOD answers, as text: the sequences of its items, then next and last. */
const char *numbers(struct domain_fixture *f, const char *method, const char *args);

/* FIELD of item number INDEX of what METHOD answers, as JSON without spaces. */
const char *item(struct domain_fixture *f, const char *method, const char *args,
    size_t index, const char *field);

/* Does TEXT stand anywhere in what METHOD answers? */
bool says(
    struct domain_fixture *f, const char *method, const char *args, const char *text);

/* change.read must answer CHANGES_GONE, with these. */
void gone(struct domain_fixture *f, const char *args, uint64_t oldest, uint64_t last);

/* Drop what KEEP does not cover, COUNT_MAX entries at a time. */
void trim(struct domain_fixture *f, const struct change_keep *keep, unsigned count_max);

/* What is kept about the log of STORE, beside its entries. */
struct change_log log_of(struct domain_fixture *f, uint32_t store);

/* Put the numbers of LOG, so many of them, in the place of what store 1 has. */
void put_log(struct domain_fixture *f, const struct change_log *log, unsigned count);

/* Drop all but the newest COUNT of each store. */
void keep_only(struct domain_fixture *f, uint64_t count);

#endif

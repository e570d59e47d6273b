/*
 * mailbox -- hand objects over from many threads to one.
 *
 * An intrusive list behind a mutex: a message is a struct mail inside the object
 * that is handed over, so sending never allocates and never fails.  How many
 * messages there can be is for the owners of the objects to bound.
 *
 * Wake-ups.  The receiver is woken by the push that finds the mailbox empty, and
 * takes everything at once.  So a push either joins messages whose wake-up has
 * been sent and not been used yet, or sends one itself: none is lost.  Who has many
 * messages gathers them in a list and pushes that: on a busy machine each wake-up can
 * be two switches of threads.
 *
 * Threads.  Any thread may push; one thread receives.
 *
 * Memory.  A message belongs to the mailbox from push until it is taken.
 */

#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

struct mail {
	struct mail *next;
};

/* Messages, oldest first.  It must not be moved. */
struct mail_list {
	struct mail  *first;
	struct mail **end; /* where the next one is linked */
};

struct mailbox {
	sem_t            filled; /* 1 if there are messages, and 1 once it is closed */
	pthread_mutex_t  mutex;  /* guards what follows */
	struct mail_list mails;
	bool             is_closed;
	void (*wake)(void *receiver);
	void *receiver;
};

/* The object of TYPE in which MAIL is MEMBER. */
#define MAIL_OBJECT(mail, type, member) \
	((type *)((char *)(mail)-offsetof(type, member)))

void mail_list_init(struct mail_list *list);
void mail_list_append(struct mail_list *list, struct mail *mail);

/*
 * Make BOX empty.  WAKE is called with RECEIVER by a push into the empty mailbox,
 * on the thread that pushes, when the message can be taken already: so RECEIVER must
 * outlive the push.  NULL for a receiver that sleeps in mailbox_wait_all().
 */
void mailbox_init(struct mailbox *box, void (*wake)(void *receiver), void *receiver);

/* Nobody may use BOX any more, and it must be empty. */
void mailbox_fini(struct mailbox *box);

void mailbox_push(struct mailbox *box, struct mail *mail);

/* Push all of LIST, which may be empty and is so afterwards. */
void mailbox_push_all(struct mailbox *box, struct mail_list *list);

/*
 * All messages, oldest first, linked by next; NULL if there are none.  Who sleeps in
 * mailbox_wait_all() may call it only when that has said closed.
 */
struct mail *mailbox_take_all(struct mailbox *box);

/* The same, but wait for the first.  NULL means closed; messages may be left. */
struct mail *mailbox_wait_all(struct mailbox *box);

/* Let mailbox_wait_all() return NULL from now on. */
void mailbox_close(struct mailbox *box);
bool mailbox_is_closed(struct mailbox *box);

#endif

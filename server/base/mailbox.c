#include <assert.h>

#include "server/base/mailbox.h"

/* Errors of these are our bugs: a mutex that is not ours, or not made. */
static void
must(int rc)
{
	assert(rc == 0);
}

void
mailbox_init(struct mailbox *box, void (*wake)(void *receiver), void *receiver)
{
	must(pthread_mutex_init(&box->mutex, NULL));
	must(pthread_cond_init(&box->filled, NULL));
	box->first = NULL;
	box->end = &box->first;
	box->is_closed = false;
	box->wake = wake;
	box->receiver = receiver;
}

void
mailbox_fini(struct mailbox *box)
{
	assert(box->first == NULL);
	must(pthread_cond_destroy(&box->filled));
	must(pthread_mutex_destroy(&box->mutex));
}

static void
wake(struct mailbox *box)
{
	if (box->wake != NULL)
		box->wake(box->receiver);
	else
		must(pthread_cond_signal(&box->filled));
}

void
mailbox_push(struct mailbox *box, struct mail *mail)
{
	bool was_empty;

	mail->next = NULL;
	must(pthread_mutex_lock(&box->mutex));
	was_empty = box->first == NULL;
	*box->end = mail;
	box->end = &mail->next;
	/* Under the mutex, so that a receiver that has closed hears nothing late. */
	if (was_empty)
		wake(box);
	must(pthread_mutex_unlock(&box->mutex));
}

/* With the mutex held. */
static struct mail *
take_all(struct mailbox *box)
{
	struct mail *first = box->first;

	box->first = NULL;
	box->end = &box->first;
	return first;
}

struct mail *
mailbox_take_all(struct mailbox *box)
{
	struct mail *first;

	must(pthread_mutex_lock(&box->mutex));
	first = take_all(box);
	must(pthread_mutex_unlock(&box->mutex));
	return first;
}

struct mail *
mailbox_wait_all(struct mailbox *box)
{
	struct mail *first;

	must(pthread_mutex_lock(&box->mutex));
	while (box->first == NULL && !box->is_closed)
		must(pthread_cond_wait(&box->filled, &box->mutex));
	first = box->is_closed ? NULL : take_all(box);
	must(pthread_mutex_unlock(&box->mutex));
	return first;
}

void
mailbox_close(struct mailbox *box)
{
	must(pthread_mutex_lock(&box->mutex));
	box->is_closed = true;
	wake(box);
	must(pthread_mutex_unlock(&box->mutex));
}

bool
mailbox_is_closed(struct mailbox *box)
{
	bool is_closed;

	must(pthread_mutex_lock(&box->mutex));
	is_closed = box->is_closed;
	must(pthread_mutex_unlock(&box->mutex));
	return is_closed;
}

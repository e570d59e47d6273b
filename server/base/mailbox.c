#include <assert.h>
#include <errno.h>

#include "server/base/mailbox.h"

/* Errors of these are our bugs: a mutex that is not ours, or not made. */
static void
must(int rc)
{
	assert(rc == 0);
}

void
mail_list_init(struct mail_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

void
mail_list_append(struct mail_list *list, struct mail *mail)
{
	mail->next = NULL;
	*list->end = mail;
	list->end = &mail->next;
}

void
mailbox_init(struct mailbox *box, void (*wake)(void *receiver), void *receiver)
{
	must(pthread_mutex_init(&box->mutex, NULL));
	must(sem_init(&box->filled, 0, 0));
	mail_list_init(&box->mails);
	box->is_closed = false;
	box->wake = wake;
	box->receiver = receiver;
}

void
mailbox_fini(struct mailbox *box)
{
	assert(box->mails.first == NULL);
	must(sem_destroy(&box->filled));
	must(pthread_mutex_destroy(&box->mutex));
}

static void
wake(struct mailbox *box)
{
	if (box->wake != NULL)
		box->wake(box->receiver);
	else
		must(sem_post(&box->filled));
}

void
mailbox_push_all(struct mailbox *box, struct mail_list *list)
{
	bool was_empty;

	if (list->first == NULL)
		return;
	must(pthread_mutex_lock(&box->mutex));
	was_empty = box->mails.first == NULL;
	*box->mails.end = list->first;
	box->mails.end = list->end;
	must(pthread_mutex_unlock(&box->mutex));
	mail_list_init(list);
	/* Not under the mutex, which is what the receiver wants first. */
	if (was_empty)
		wake(box);
}

void
mailbox_push(struct mailbox *box, struct mail *mail)
{
	struct mail_list list;

	mail_list_init(&list);
	mail_list_append(&list, mail);
	mailbox_push_all(box, &list);
}

struct mail *
mailbox_take_all(struct mailbox *box)
{
	struct mail *first;

	must(pthread_mutex_lock(&box->mutex));
	first = box->mails.first;
	mail_list_init(&box->mails);
	must(pthread_mutex_unlock(&box->mutex));
	return first;
}

struct mail *
mailbox_wait_all(struct mailbox *box)
{
	struct mail *first;

	while (sem_wait(&box->filled) != 0)
		assert(errno == EINTR);
	if (mailbox_is_closed(box)) {
		wake(box); /* who comes again does not wait, either */
		return NULL;
	}
	first = mailbox_take_all(box);
	assert(first != NULL);
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

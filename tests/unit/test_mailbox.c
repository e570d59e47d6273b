#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/mailbox.h"

#define SENDERS 4
#define LETTERS 20000

struct letter {
	int         number;
	struct mail mail;
};

static struct letter letters[SENDERS][LETTERS];

static void
count_wake(void *receiver)
{
	++*(int *)receiver;
}

static void
letters_come_in_order_and_all_at_once(void **state)
{
	struct mailbox box;
	struct mail   *mail;
	int            i, wakes = 0;

	(void)state;
	mailbox_init(&box, count_wake, &wakes);
	assert_null(mailbox_take_all(&box));
	for (i = 0; i < 3; i++) {
		letters[0][i].number = i;
		mailbox_push(&box, &letters[0][i].mail);
	}
	mail = mailbox_take_all(&box);
	for (i = 0; i < 3; i++, mail = mail->next)
		assert_int_equal(MAIL_OBJECT(mail, struct letter, mail)->number, i);
	assert_null(mail);
	assert_null(mailbox_take_all(&box));
	assert_int_equal(wakes, 1);
	mailbox_fini(&box);
}

static void
only_a_push_into_the_empty_mailbox_wakes(void **state)
{
	struct mailbox box;
	int            wakes = 0;

	(void)state;
	mailbox_init(&box, count_wake, &wakes);
	mailbox_push(&box, &letters[0][0].mail);
	mailbox_push(&box, &letters[0][1].mail);
	assert_int_equal(wakes, 1);
	mailbox_take_all(&box);
	mailbox_push(&box, &letters[0][2].mail);
	assert_int_equal(wakes, 2);
	mailbox_take_all(&box);
	mailbox_fini(&box);
}

static void
a_list_is_pushed_at_once_behind_what_is_there(void **state)
{
	struct mail_list list;
	struct mailbox   box;
	struct mail     *mail;
	int              i, wakes = 0;

	(void)state;
	mailbox_init(&box, count_wake, &wakes);
	mail_list_init(&list);
	mailbox_push_all(&box, &list);
	assert_int_equal(wakes, 0);
	for (i = 0; i < 4; i++)
		letters[0][i].number = i;
	mail_list_append(&list, &letters[0][0].mail);
	mail_list_append(&list, &letters[0][1].mail);
	mailbox_push_all(&box, &list);
	assert_null(list.first);
	mail_list_append(&list, &letters[0][2].mail);
	mailbox_push_all(&box, &list);
	mailbox_push(&box, &letters[0][3].mail);
	mail = mailbox_take_all(&box);
	for (i = 0; i < 4; i++, mail = mail->next)
		assert_int_equal(MAIL_OBJECT(mail, struct letter, mail)->number, i);
	assert_null(mail);
	assert_int_equal(wakes, 1);
	mailbox_fini(&box);
}

static struct mailbox shared;

static void *
send_letters(void *context)
{
	struct letter *mine = context;
	int            i;

	for (i = 0; i < LETTERS; i++) {
		mine[i].number = i;
		mailbox_push(&shared, &mine[i].mail);
	}
	return NULL;
}

/* Take letters as they come, with FETCH; each sender's must be in order. */
static void
receive_all(struct mail *(*fetch)(void))
{
	int          next[SENDERS] = { 0 };
	struct mail *mail;
	int          i, received = 0;

	while (received < SENDERS * LETTERS)
		for (mail = fetch(); mail != NULL; mail = mail->next, received++) {
			struct letter *letter = MAIL_OBJECT(mail, struct letter, mail);

			i = (int)((letter - letters[0]) / LETTERS);
			assert_int_equal(letter->number, next[i]++);
		}
}

static void
exchange(struct mail *(*fetch)(void))
{
	pthread_t senders[SENDERS];
	int       i;

	for (i = 0; i < SENDERS; i++)
		assert_int_equal(
		    pthread_create(&senders[i], NULL, send_letters, letters[i]), 0);
	receive_all(fetch);
	for (i = 0; i < SENDERS; i++)
		pthread_join(senders[i], NULL);
}

static struct mail *
fetch_asleep(void)
{
	return mailbox_wait_all(&shared);
}

/* A lost wake-up would leave the receiver asleep for ever. */
static void
no_letter_is_lost_on_a_receiver_that_sleeps(void **state)
{
	(void)state;
	mailbox_init(&shared, NULL, NULL);
	exchange(fetch_asleep);
	mailbox_fini(&shared);
}

static int bell[2];

static void
ring(void *receiver)
{
	(void)receiver;
	assert_int_equal(write(bell[1], "!", 1), 1);
}

static struct mail *
fetch_by_bell(void)
{
	char c;

	assert_int_equal(read(bell[0], &c, 1), 1);
	return mailbox_take_all(&shared);
}

static void
no_letter_is_lost_on_a_receiver_that_is_called(void **state)
{
	(void)state;
	assert_int_equal(pipe(bell), 0);
	mailbox_init(&shared, ring, NULL);
	exchange(fetch_by_bell);
	mailbox_fini(&shared);
	close(bell[0]);
	close(bell[1]);
}

static void *
close_soon(void *context)
{
	(void)context;
	usleep(1000);
	mailbox_close(&shared);
	return NULL;
}

static void
closing_wakes_who_waits_and_keeps_the_letters(void **state)
{
	pthread_t closer;

	(void)state;
	mailbox_init(&shared, NULL, NULL);
	for (int i = 0; i < 3; i++) { /* for which nobody has to sleep */
		mailbox_push(&shared, &letters[0][0].mail);
		mailbox_push(&shared, &letters[0][1].mail);
		assert_ptr_equal(mailbox_wait_all(&shared), &letters[0][0].mail);
	}
	assert_false(mailbox_is_closed(&shared));
	assert_int_equal(pthread_create(&closer, NULL, close_soon, NULL), 0);
	assert_null(mailbox_wait_all(&shared));
	pthread_join(closer, NULL);
	assert_true(mailbox_is_closed(&shared));

	mailbox_push(&shared, &letters[0][0].mail);
	assert_null(mailbox_wait_all(&shared));
	assert_ptr_equal(mailbox_take_all(&shared), &letters[0][0].mail);
	mailbox_fini(&shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_come_in_order_and_all_at_once),
		cmocka_unit_test(only_a_push_into_the_empty_mailbox_wakes),
		cmocka_unit_test(a_list_is_pushed_at_once_behind_what_is_there),
		cmocka_unit_test(no_letter_is_lost_on_a_receiver_that_sleeps),
		cmocka_unit_test(no_letter_is_lost_on_a_receiver_that_is_called),
		cmocka_unit_test(closing_wakes_who_waits_and_keeps_the_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

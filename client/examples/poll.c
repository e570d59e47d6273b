/*
 * Read many customers at once with the asynchronous API and poll(2):
 * poll ADDRESS TOKEN FIRST_ID LAST_ID
 */
#include <customerd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static void
on_customer(void *user, enum customerd_status status, struct customerd_slice record,
    const struct customerd_error *error)
{
	struct customerd_slice email = { "", 0 };
	int64_t               *failures = user;

	if (status != CUSTOMERD_OK) {
		fprintf(stderr, "%s: %s\n", error->code, error->message);
		++*failures;
		return;
	}
	customerd_get_text(record, "email", &email);
	printf("%.*s\n", (int)email.len, email.data);
}

/* The arguments {"id": ID}, in MessagePack: a map of one pair, a str, a uint32. */
static struct customerd_slice
args_of(char buf[9], uint32_t id)
{
	const unsigned char bytes[9] = { 0x81, 0xa2, 'i', 'd', 0xce,
		(unsigned char)(id >> 24), (unsigned char)(id >> 16),
		(unsigned char)(id >> 8), (unsigned char)id };

	for (size_t i = 0; i < sizeof(bytes); i++)
		buf[i] = (char)bytes[i];
	return (struct customerd_slice){ buf, sizeof(bytes) };
}

int
main(int argc, char *argv[])
{
	struct customerd_options options = { .address = argv[1] };
	struct customerd_async  *async;
	struct customerd_error   error;
	int64_t                  failures = 0;
	char                     buf[9];

	if (argc != 5) {
		fprintf(stderr, "usage: poll ADDRESS TOKEN FIRST_ID LAST_ID\n");
		return 2;
	}
	options.token = argv[2];
	if (customerd_async_new(&async, &options, &error) != CUSTOMERD_OK) {
		fprintf(stderr, "%s: %s\n", error.code, error.message);
		return 2;
	}
	for (long id = atol(argv[3]); id <= atol(argv[4]); id++) {
		struct customerd_call call = { .method = "customer.get",
			.args = args_of(buf, (uint32_t)id) };

		if (customerd_async_call(async, &call, on_customer, &failures, NULL,
			&error) != CUSTOMERD_OK)
			failures++;
	}
	while (customerd_async_pending(async) > 0) {
		/* Beside the sockets of the rest of your program: */
		struct pollfd socket = { customerd_async_fd(async),
			customerd_async_events(async), 0 };

		poll(&socket, 1, customerd_async_timeout_ms(async));
		customerd_async_process(async, socket.revents);
	}
	customerd_async_free(async);
	return failures > 0;
}

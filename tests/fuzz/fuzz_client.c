/*
 * The client against any server: whatever arrives, in whatever pieces, every call
 * ends exactly once, its result or error can be read, and no change comes twice.
 *
 * The first byte of the input is the size of the pieces; the rest is what the server
 * sends.  Hello has msgid 1; the calls follow.
 */

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "client/customerd.h"

#define CALLS 6u
#define BREAKS_MAX 8u /* more of them show nothing new */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_value(struct customerd_slice value, unsigned depth)
{
	struct customerd_walk  walk;
	struct customerd_slice key, item;
	double                 number;
	int64_t                integer;

	assert(depth <= 16);
	customerd_get_integer(value, "", &integer);
	customerd_get_number(value, "", &number);
	customerd_get(value, "items.0.email", &item);
	customerd_walk(&walk, value);
	while (customerd_next(&walk, &key, &item))
		read_value(item, depth + 1);
}

static void
on_end(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	unsigned *endings = user;

	++*endings;
	read_value(result, 0);
	assert((status == CUSTOMERD_OK) == (error == NULL));
	if (error == NULL)
		return;
	assert(error->code[0] != '\0');
	assert(memchr(error->message, '\0', sizeof(error->message)) != NULL);
	for (const char *c = error->message; *c != '\0'; c++)
		assert((unsigned char)*c >= 0x20 && *c != 0x7f);
	read_value(error->details, 0);
}

static void
on_notification(void *user, struct customerd_slice method, struct customerd_slice value)
{
	(void)user;
	(void)method;
	read_value(value, 0);
}

static void
on_change(void *user, struct customerd_slice change)
{
	int64_t *place = user, sequence = 0;

	read_value(change, 0);
	assert(customerd_get_integer(change, "seq", &sequence) && sequence > *place);
	*place = sequence;
}

static void
send_all(struct customerd_core *core)
{
	struct customerd_slice output;

	while ((output = customerd_core_output(core)).len > 0)
		customerd_core_sent(core, output.len);
}

/* Hand DATA over in pieces; a connection that breaks is made again, a few times. */
static void
receive(struct customerd_core *core, const uint8_t *data, size_t size, size_t piece,
    unsigned *hellos)
{
	struct customerd_error error;
	unsigned               breaks = 0;

	while (size > 0 && breaks < BREAKS_MAX) {
		size_t len = piece < size ? piece : size;

		if (!customerd_core_feed(core, data, len, &error)) {
			assert(strcmp(error.code, "PROTOCOL") == 0);
			customerd_core_disconnected(core, &error);
			customerd_core_hello(core, NULL, NULL, on_end, hellos, NULL);
			breaks++;
		}
		send_all(core);
		data += len;
		size -= len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const              methods[CALLS] = { "ping", "customer.get",
			     "customer.update", "customer.create", "customer.list", "x" };
	static const struct customerd_options options = { .answer_bytes_max = 1 << 20 };
	static const struct customerd_feed_options where = { .after = 0 };
	struct customerd_core                     *core;
	struct customerd_feed                     *feed = NULL;
	int64_t                                    place = 0;
	unsigned                                   endings = 0, hellos = 0;

	if (size == 0 || customerd_core_new(&core, &options, NULL) != CUSTOMERD_OK)
		return 0;
	customerd_core_on_notification(core, on_notification, NULL);
	customerd_core_hello(core, "token", NULL, on_end, &hellos, NULL);
	for (unsigned i = 0; i < CALLS; i++) {
		const struct customerd_call call = { .method = methods[i],
			.idempotency_key = i == 3 ? "key" : NULL };

		customerd_core_call(core, &call, 0, on_end, &endings, NULL, NULL);
	}
	customerd_feed_open_core(&feed, core, &where, on_change, NULL, &place, NULL);
	send_all(core);
	receive(core, data + 1, size - 1, 1u + data[0], &hellos);
	customerd_core_expire(core, INT64_MAX);
	assert(endings == CALLS);
	customerd_core_free(core);
	customerd_feed_close(feed);
	assert(endings == CALLS && hellos > 0);
	return 0;
}

#include "tools/bench/protocol.h"

#include <arpa/inet.h>
#include <string.h>

#include "tools/bench/keys.h"

const struct protocol *const protocols[] = { &protocol_customerd, &protocol_rest,
	&protocol_http, &protocol_redis, &protocol_redis_hash, &protocol_tarantool,
	&protocol_memcached, &protocol_postgres, &protocol_echo, NULL };

const struct protocol *
protocol_find(const char *name)
{
	for (const struct protocol *const *at = protocols; *at != NULL; at++)
		if (strcmp((*at)->name, name) == 0)
			return *at;
	return NULL;
}

bool
protocol_names(struct slice answer, uint64_t key)
{
	char uid[KEY_UID_LEN];

	key_uid(key, uid);
	return memmem(answer.data, answer.len, uid, sizeof(uid)) != NULL;
}

void
protocol_put(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text));
}

void
protocol_put_number(struct buf *out, uint64_t number)
{
	char  digits[20];
	char *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	buf_put(out, at, (size_t)(digits + sizeof(digits) - at));
}

void
protocol_put_uid(struct buf *out, uint64_t key)
{
	char uid[KEY_UID_LEN];

	key_uid(key, uid);
	buf_put(out, uid, sizeof(uid));
}

int64_t
protocol_number(struct slice text)
{
	int64_t number = 0;

	if (text.len > 0 && text.data[0] == '-')
		return -1;
	for (size_t i = 0; i < text.len && i < 18; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			break;
		number = number * 10 + (text.data[i] - '0');
	}
	return number;
}

void
protocol_put_u32(struct buf *out, uint32_t number)
{
	uint32_t wire = htonl(number);

	buf_put(out, &wire, sizeof(wire));
}

uint32_t
protocol_u32(const char *at)
{
	uint32_t wire;

	memcpy(&wire, at, sizeof(wire));
	return ntohl(wire);
}

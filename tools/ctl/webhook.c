#include <curl/curl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "client/customerd.h"
#include "tools/ctl/deliver.h"
#include "tools/ctl/state.h"
#include "tools/ctl/when.h"

#define TIMEOUT_MS 10000L
#define SIGNATURE_BYTES 160u

struct webhook {
	CURL                        *curl;
	char                         why[CURL_ERROR_SIZE];
	crypto_auth_hmacsha256_state keyed; /* the secret has gone in */
};

/* What it answers is of no interest. */
static size_t
ignore(char *data, size_t size, size_t count, void *user)
{
	(void)data;
	(void)user;
	return size * count;
}

static int
is_stopped(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)user;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return state_stop_wanted();
}

struct webhook *
webhook_new(const char *url, const char *secret, size_t len)
{
	struct webhook *webhook = calloc(1, sizeof(*webhook));

	if (webhook == NULL || sodium_init() < 0 ||
	    curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		goto free_webhook;
	webhook->curl = curl_easy_init();
	if (webhook->curl == NULL)
		goto free_webhook;
	crypto_auth_hmacsha256_init(
	    &webhook->keyed, (const unsigned char *)secret, len);
	curl_easy_setopt(webhook->curl, CURLOPT_URL, url);
	curl_easy_setopt(webhook->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(webhook->curl, CURLOPT_USERAGENT, "customerctl");
	curl_easy_setopt(webhook->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(webhook->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(webhook->curl, CURLOPT_ERRORBUFFER, webhook->why);
	curl_easy_setopt(webhook->curl, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(webhook->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(webhook->curl, CURLOPT_XFERINFOFUNCTION, is_stopped);
	return webhook;

free_webhook:
	free(webhook);
	return NULL;
}

void
webhook_free(struct webhook *webhook)
{
	if (webhook == NULL)
		return;
	curl_easy_cleanup(webhook->curl);
	curl_global_cleanup();
	sodium_memzero(&webhook->keyed, sizeof(webhook->keyed));
	free(webhook);
}

/* The header that proves who has sent BODY, and when. */
static void
sign(const struct webhook *webhook, const char *body, char header[SIGNATURE_BYTES])
{
	crypto_auth_hmacsha256_state state = webhook->keyed;
	unsigned char                hash[crypto_auth_hmacsha256_BYTES];
	char                         hex[2 * crypto_auth_hmacsha256_BYTES + 1];
	char                         time[24];

	snprintf(time, sizeof(time), "%lld", (long long)(when_now_ms() / 1000));
	crypto_auth_hmacsha256_update(
	    &state, (const unsigned char *)time, strlen(time));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
	crypto_auth_hmacsha256_update(
	    &state, (const unsigned char *)body, strlen(body));
	crypto_auth_hmacsha256_final(&state, hash);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	snprintf(header, SIGNATURE_BYTES, "Customerd-Signature: t=%s,v1=%s", time, hex);
}

static bool
perform(struct webhook *webhook, char why[DELIVER_WHY_BYTES])
{
	CURLcode code;
	long     status = 0;

	webhook->why[0] = '\0';
	code = curl_easy_perform(webhook->curl);
	curl_easy_getinfo(webhook->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status >= 200 && status < 300)
		return true;
	if (code == CURLE_OK)
		snprintf(why, DELIVER_WHY_BYTES, "the webhook answers %ld", status);
	else
		snprintf(why, DELIVER_WHY_BYTES, "%s",
		    webhook->why[0] != '\0' ? webhook->why : curl_easy_strerror(code));
	return false;
}

/* What goes along with every body; NULL when memory ran out: never less than all. */
static struct curl_slist *
headers_new(const char *signature, const char *number)
{
	const char *const  wanted[] = { "Content-Type: application/json", signature,
		 number };
	struct curl_slist *headers = NULL;

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct curl_slist *longer = curl_slist_append(headers, wanted[i]);

		if (longer == NULL) {
			curl_slist_free_all(headers);
			return NULL;
		}
		headers = longer;
	}
	return headers;
}

bool
webhook_post(struct webhook *webhook, const char *body, json_int_t seq,
    char why[DELIVER_WHY_BYTES])
{
	char               signature[SIGNATURE_BYTES], number[48];
	struct curl_slist *headers;
	bool               is_taken;

	sign(webhook, body, signature);
	snprintf(number, sizeof(number), "Customerd-Seq: %lld", (long long)seq);
	headers = headers_new(signature, number);
	if (headers == NULL) {
		snprintf(why, DELIVER_WHY_BYTES, "memory ran out");
		return false;
	}
	curl_easy_setopt(webhook->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(webhook->curl, CURLOPT_POSTFIELDS, body);
	is_taken = perform(webhook, why);
	curl_slist_free_all(headers);
	return is_taken;
}

#include "server/net/auth.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(
    AUTH_HASH_BYTES == crypto_shorthash_siphashx24_BYTES, "siphash, 128 bit");
_Static_assert(AUTH_KEY_BYTES == crypto_shorthash_siphashx24_KEYBYTES, "and its key");

static const struct identity nobody;

void
auth_init(struct auth *auth, bool is_operator)
{
	*auth = (struct auth){ .is_operator = is_operator };
	if (is_operator)
		domain_identify_operator(&auth->who);
}

void
auth_forget(struct auth *auth)
{
	if (auth->token)
		sodium_memzero(auth->token, auth->token_len);
	free(auth->token);
	auth->token = NULL;
	auth->token_len = 0;
	auth->uses_key = false;
	auth->who = nobody;
}

void
auth_show_key(struct auth *auth, const unsigned char key[IDENTITY_KEY_BYTES])
{
	auth->has_key = auth->uses_key = true;
	memcpy(auth->key, key, sizeof(auth->key));
}

void
auth_fini(struct auth *auth)
{
	auth_forget(auth);
}

bool
auth_peer_operates(int fd, uid_t admin_uid)
{
	struct ucred peer;
	socklen_t    len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || peer.uid == admin_uid;
}

static enum status
look_up(struct auth *auth, const struct auth_source *source, struct slice token,
    int64_t now_ms, struct identity *who)
{
	struct kv_txn txn;
	enum status   status;

	kv_read(source->snapshot, &txn);
	status = domain_identify(source->domain, &txn, token, now_ms, who);
	if (status != STATUS_OK)
		*who = nobody;
	if (status == STATUS_OK)
		auth->wrong_count = 0;
	else if (status == STATUS_UNAUTHENTICATED)
		auth->wrong_count++;
	return status;
}

/* Who is behind the key that the connection's peer has shown?  Nobody, perhaps. */
static enum status
look_up_key(struct auth *auth, const struct auth_source *source, int64_t now_ms)
{
	struct kv_txn txn;
	enum status   status;

	kv_read(source->snapshot, &txn);
	status = domain_identify_key(&txn, auth->key, now_ms, &auth->who);
	if (status != STATUS_OK)
		auth->who = nobody;
	return status == STATUS_UNAUTHENTICATED ? STATUS_OK : status;
}

/* Whether WHO, found out earlier, still holds. */
static bool
is_current(const struct identity *who, const struct auth_source *source, int64_t now_ms)
{
	return who->epoch == domain_token_epoch(source->domain) &&
	       (who->expires_at == 0 || now_ms < who->expires_at);
}

enum status
auth_hello(struct auth *auth, const struct auth_source *source, struct slice token,
    int64_t now_ms)
{
	struct identity who;
	enum status     status;

	auth_forget(auth);
	if (token.len == 0) {
		if (auth->is_operator)
			domain_identify_operator(&auth->who);
		auth->uses_key = auth->has_key;
		return auth->uses_key ? look_up_key(auth, source, now_ms) : STATUS_OK;
	}
	status = look_up(auth, source, token, now_ms, &who);
	if (status != STATUS_OK)
		return status;
	auth->token = malloc(token.len);
	if (auth->token == NULL)
		return STATUS_NO_MEMORY;
	memcpy(auth->token, token.data, token.len);
	auth->token_len = token.len;
	auth->who = who;
	return STATUS_OK;
}

/* Who is behind TOKEN, which came in meta?  Often the same as in the last request. */
static enum status
resolve_meta(struct auth *auth, const struct auth_source *source, struct slice token,
    int64_t now_ms, struct identity *who)
{
	unsigned char hash[AUTH_HASH_BYTES];
	enum status   status;

	crypto_shorthash_siphashx24(
	    hash, (const unsigned char *)token.data, token.len, source->key);
	if (auth->has_recent && is_current(&auth->recent, source, now_ms) &&
	    sodium_memcmp(auth->recent_hash, hash, sizeof(hash)) == 0) {
		*who = auth->recent;
		return STATUS_OK;
	}
	status = look_up(auth, source, token, now_ms, who);
	auth->has_recent = status == STATUS_OK;
	auth->recent = *who;
	memcpy(auth->recent_hash, hash, sizeof(hash));
	return status;
}

enum status
auth_resolve(struct auth *auth, const struct auth_source *source, struct slice token,
    int64_t now_ms, struct identity *who)
{
	enum status status = STATUS_OK;

	if (token.len > 0)
		return resolve_meta(auth, source, token, now_ms, who);
	if (auth->token && !is_current(&auth->who, source, now_ms))
		status = look_up(auth, source, slice_of(auth->token, auth->token_len),
		    now_ms, &auth->who);
	else if (auth->uses_key && !is_current(&auth->who, source, now_ms))
		status = look_up_key(auth, source, now_ms);
	*who = auth->who;
	/* A token that ended leaves nobody, who may still say hello again. */
	return status == STATUS_UNAUTHENTICATED ? STATUS_OK : status;
}

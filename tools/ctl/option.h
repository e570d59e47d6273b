/*
 * option -- the options of customerctl, one row each.  Included by ctl.h.
 *
 * An option belongs to every command, or to those whose sentences name it.  One that
 * has a key fills the argument of that name of the command's method, or, where the
 * method has none, the field of that name of the record.
 */

#ifndef CTL_OPTION_H
#define CTL_OPTION_H

/* X(NAME, member, name, placeholder or NULL for a switch, EVERY or OWN, key, help) */
// clang-format off
#define CTL_OPTIONS(X)                                                                                     \
	X(UNIX_PATH,  unix_path,  "unix",        "PATH",      EVERY, NULL, "connect to this unix socket")  \
	X(CONNECT,    connect,    "connect",     "ADDRESS",   EVERY, NULL, "HOST:PORT, customerds://HOST:PORT or unix:PATH") \
	X(TLS_CA,     tls_ca,     "tls-ca",      "FILE",      EVERY, NULL, "trusted authorities, in PEM; else the system's") \
	X(TLS_CERTIFICATE, tls_certificate, "tls-certificate", "FILE", EVERY, NULL, "a certificate to show to the server, in PEM") \
	X(TLS_KEY,    tls_key,    "tls-key",     "FILE",      EVERY, NULL, "the private key of that certificate")      \
	X(TOKEN,      token,      "token",       "TOKEN",     EVERY, NULL, "who asks; better put into CUSTOMERD_TOKEN") \
	X(TIMEOUT_MS, timeout_ms, "timeout-ms",  "MS",        EVERY, NULL, "for connecting (5000) and an answer (30000)") \
	X(JSON,       json,       "json",        NULL,        EVERY, NULL, "print JSON: one value a line") \
	X(QUIET,      quiet,      "quiet",       NULL,        EVERY, NULL, "print nothing but what was asked for") \
	X(VERSION,    version,    "version",     NULL,        EVERY, NULL, "print the version")           \
	X(HELP,       help,       "help",        NULL,        EVERY, NULL, "print this, or the help of the command") \
	X(META,       meta,       "meta",        "JSON",      OWN,   NULL, "dry_run, idempotency_key, token, timeout_ms, ...") \
	X(DRY_RUN,    dry_run,    "dry-run",     NULL,        OWN,   NULL, "check everything, change nothing") \
	X(IDEMPOTENCY_KEY, idempotency_key, "idempotency-key", "KEY", OWN, NULL, "make the change once, however often it is sent") \
	X(IF_REVISION, if_revision, "if-revision", "N",       OWN,   "if_revision", "refuse when the record has another revision") \
	X(LIMIT,      limit,      "limit",       "N",         OWN,   "limit",     "at most so many; 100") \
	X(AFTER,      after,      "after",       "N",         OWN,   "after",     "begin behind this id, or seq of a change") \
	X(BEFORE,     before,     "before",      "N",         OWN,   "before",    "only changes before this seq") \
	X(COLUMNS,    columns,    "columns",     "NAMES",     OWN,   NULL,        "fields to show: id,email,billing_address.city") \
	X(GROUP,      group,      "group",       "ID",        OWN,   "group",     "only customers of this group") \
	X(TAG,        tag,        "tag",         "NAME",      OWN,   "tag",       "only customers with this tag") \
	X(REFERENCE,  reference,  "reference",   "TEXT",      OWN,   "reference", "only records with this reference") \
	X(KIND,       kind,       "kind",        "KIND",      OWN,   "kind",      "only changes of this: customer, group, tag") \
	X(ID,         id,         "id",          "ID",        OWN,   "id",        "only changes of this record; needs --kind") \
	X(STORE,      store,      "store",       "ID",        OWN,   "store",     "of this store") \
	X(SCOPES,     scopes,     "scopes",      "WORDS",     OWN,   "scopes",    "what the token permits: names, or \"all\"") \
	X(CUSTOMER,   customer,   "customer",    "ID",        OWN,   "customer",  "bind the token to this customer") \
	X(EXPIRES,    expires,    "expires",     "WHEN",      OWN,   "expires_at", "30d, 12h, 2030-12-31, or a time") \
	X(FORMAT,     format,     "format",      "FORMAT",    OWN,   NULL,        "ndjson or csv; by default as FILE ends") \
	X(UPDATE,     update,     "update",      NULL,        OWN,   NULL,        "change customers, named by id or uid") \
	X(KEEP_IDS,   keep_ids,   "keep-ids",    NULL,        OWN,   NULL,        "take id, uid and created_at from FILE, too") \
	X(FAILED,     failed,     "failed",      "FILE",      OWN,   NULL,        "for what failed, and why; default FILE.failed") \
	X(RESUME,     resume,     "resume",      NULL,        OWN,   NULL,        "go on where it was stopped") \
	X(EXEC,       exec,       "exec",        "COMMAND",   OWN,   NULL,        "run this for each change, its JSON on stdin") \
	X(WEBHOOK,    webhook,    "webhook",     "URL",       OWN,   NULL,        "post each change there, signed")  \
	X(SECRET_FILE, secret_file, "secret-file", "FILE",    OWN,   NULL,        "has the secret of the signature") \
	X(STATE,      state,      "state",       "FILE",      OWN,   NULL,        "where the place is kept")  \
	X(ONCE,       once,       "once",        NULL,        OWN,   NULL,        "print one picture and end")  \
	X(INTERVAL_MS, interval_ms, "interval-ms", "MS",      OWN,   NULL,        "time between two pictures; 1000")
// clang-format on

enum ctl_option {
#define X(NAME, member, name, placeholder, whose, key, help) OPTION_##NAME,
	CTL_OPTIONS(X)
#undef X
	    OPTION_COUNT
};

/* As given; NULL for what is not, "" for a switch that is. */
struct ctl_options {
#define X(NAME, member, name, placeholder, whose, key, help) const char *member;
	CTL_OPTIONS(X)
#undef X
};

#define OPTION_BIT(NAME) (UINT64_C(1) << OPTION_##NAME)

struct option_row {
	const char *name;
	const char *placeholder; /* NULL: a switch */
	bool        is_every;    /* goes with every command */
	const char *key;         /* of the argument or field that it fills, or NULL */
	const char *help;
};

extern const struct option_row option_rows[OPTION_COUNT];

/* The value of OPTION in OPTIONS: NULL, or as given. */
const char *option_value(const struct ctl_options *options, enum ctl_option option);

/* Fill OPTIONS; the words that are none of them stand behind optind afterwards.
 * False when it was said what is wrong. */
bool option_parse(struct ctl_options *options, int argc, char *argv[]);

#endif

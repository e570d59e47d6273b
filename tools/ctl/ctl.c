#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/limits.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/json.h"

void
ctl_say(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fprintf(stderr, "customerctl: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void
ctl_note(const struct ctl *ctl, const char *format, ...)
{
	va_list arguments;

	if (ctl->options.quiet != NULL)
		return;
	fflush(stdout);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static enum ctl_exit
exit_of(enum customerd_status status)
{
	switch (status) {
	case CUSTOMERD_OK: return CTL_DONE;
	case CUSTOMERD_REFUSED: return CTL_REFUSED;
	case CUSTOMERD_MISUSE: return CTL_USAGE;
	case CUSTOMERD_NOT_SENT: return CTL_NOT_CONNECTED;
	case CUSTOMERD_NO_MEMORY: return CTL_NOT_CONNECTED;
	case CUSTOMERD_UNKNOWN: break;
	}
	return CTL_UNKNOWN;
}

/* Every field that was refused, one a line; of one alone the message tells. */
static void
say_fields(struct customerd_slice details)
{
	struct customerd_walk  walk;
	struct customerd_slice errors = { NULL, 0 }, one, path, text;
	char                   field[256], reason[256];

	customerd_get(details, "errors", &errors);
	customerd_walk(&walk, errors);
	if (walk.left == 1)
		return;
	while (customerd_next(&walk, NULL, &one)) {
		if (!customerd_get_text(one, "path", &path) ||
		    !customerd_get_text(one, "message", &text))
			continue;
		customerd_printable(field, sizeof(field), path);
		customerd_printable(reason, sizeof(reason), text);
		fprintf(stderr, "  %s %s\n", field, reason);
	}
}

enum ctl_exit
ctl_say_error(const struct ctl *ctl, enum customerd_status status,
    const struct customerd_error *error, const char *where)
{
	json_t *details =
	    ctl->options.json == NULL
		? NULL
		: json_unpack_value(slice_of(error->details.data, error->details.len));
	int64_t oldest, last;

	if (details != NULL) {
		json_dumpf(details, stderr, JSON_COMPACT);
		fputc('\n', stderr);
		json_decref(details);
	} else {
		ctl_say("%s%s: %s", where, error->code, error->message);
		say_fields(error->details);
		if (error->revision != 0)
			fprintf(stderr, "  the revision is %lld\n",
			    (long long)error->revision);
		if (customerd_get_integer(error->details, "oldest", &oldest) &&
		    customerd_get_integer(error->details, "last", &last))
			fprintf(stderr,
			    oldest <= last ? "  there are those from %lld to %lld\n"
					   : "  there is none; the next is %lld\n",
			    (long long)oldest, (long long)last);
	}
	return exit_of(status);
}

/* TEXT behind SCHEME; as the library wants it. */
static char *
with_scheme(const char *scheme, const char *text)
{
	char *address;

	return asprintf(&address, "%s%s", scheme, text) < 0 ? NULL : address;
}

const char *
ctl_where(const struct ctl_options *options)
{
	const char *where = getenv("CUSTOMERD_ADDRESS");

	if (options->unix_path != NULL)
		return options->unix_path;
	if (options->connect != NULL)
		return options->connect;
	return where != NULL && where[0] != '\0' ? where : "127.0.0.1:7410";
}

/* The same for the library; NULL when it is said twice. */
static char *
address_of(const struct ctl_options *options)
{
	const char *where = ctl_where(options);

	if (options->unix_path != NULL && options->connect != NULL) {
		ctl_say("--unix and --connect exclude each other");
		return NULL;
	}
	if (options->unix_path != NULL)
		return with_scheme("unix:", where);
	/* People leave the scheme out before HOST:PORT. */
	if (strstr(where, "://") != NULL || strncmp(where, "unix:", 5) == 0)
		return strdup(where);
	return with_scheme("customerd://", where);
}

static bool
parse_timeout(const char *text, int64_t *timeout_ms)
{
	char     *end;
	long long value;

	if (text == NULL)
		return true;
	value = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || value < 1 || value > TIMEOUT_MS_MAX) {
		ctl_say("--timeout-ms: from 1 to 3600000, please");
		return false;
	}
	*timeout_ms = value;
	return true;
}

/* As given, or as the environment says, or NULL. */
static const char *
or_environment(const char *given, const char *name)
{
	const char *value = given != NULL ? given : getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

enum ctl_exit
ctl_connection(struct ctl *ctl, struct customerd_options *options, char **address)
{
	const struct ctl_options *given = &ctl->options;

	*options = (struct customerd_options){ .client_name = "customerctl" };
	*address = NULL;
	if (!parse_timeout(ctl->options.timeout_ms, &options->call_timeout_ms))
		return CTL_USAGE;
	options->connect_timeout_ms = options->call_timeout_ms;
	options->token = or_environment(given->token, "CUSTOMERD_TOKEN");
	ctl->tls = (struct customerd_tls){
		.authorities_file = or_environment(given->tls_ca, "CUSTOMERD_TLS_CA"),
		.certificate_file =
		    or_environment(given->tls_certificate, "CUSTOMERD_TLS_CERTIFICATE"),
		.key_file = or_environment(given->tls_key, "CUSTOMERD_TLS_KEY"),
	};
	options->tls = &ctl->tls;
	*address = address_of(&ctl->options);
	options->address = *address;
	return *address == NULL ? CTL_USAGE : CTL_DONE;
}

enum ctl_exit
ctl_connect(struct ctl *ctl)
{
	struct customerd_options options;
	struct customerd_error   error;
	enum customerd_status    status;
	char                    *address;
	enum ctl_exit            done = CTL_DONE;

	if (ctl->c != NULL)
		return CTL_DONE;
	done = ctl_connection(ctl, &options, &address);
	if (done != CTL_DONE)
		return done;
	options.retries_max = -1;
	status = customerd_open(&ctl->c, &options, &error);
	free(address);
	return status == CUSTOMERD_OK ? CTL_DONE
				      : ctl_say_error(ctl, status, &error, "");
}

enum ctl_exit
ctl_call(struct ctl *ctl, struct customerd_call *call, json_t *args, json_t **result,
    const char *where)
{
	char                   why[JSON_WHY_BYTES];
	struct buf             packed;
	struct customerd_slice answer;
	struct customerd_error error;
	enum customerd_status  status;
	enum ctl_exit          done = ctl_connect(ctl);

	if (done != CTL_DONE)
		return done;
	buf_init(&packed, 2 * FRAME_BYTES_MAX);
	if (args != NULL && !json_pack_value(&packed, args, why)) {
		ctl_say("%s%s", where, why);
		buf_fini(&packed);
		return CTL_USAGE;
	}
	call->args = (struct customerd_slice){ packed.data, packed.len };
	status = customerd_call(ctl->c, call, &answer, &error);
	buf_fini(&packed);
	if (status != CUSTOMERD_OK)
		return ctl_say_error(ctl, status, &error, where);
	if (result == NULL)
		return CTL_DONE;
	*result = json_unpack_value(slice_of(answer.data, answer.len));
	if (*result != NULL)
		return CTL_DONE;
	ctl_say("%sthe answer cannot be shown as JSON", where);
	return CTL_UNKNOWN;
}

enum ctl_exit
ctl_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CTL_DONE;
	ctl_say("cannot write to standard output");
	return CTL_UNKNOWN;
}

enum ctl_exit
ctl_print(const struct ctl *ctl, json_t *value)
{
	bool   is_pretty = isatty(STDOUT_FILENO) && ctl->options.json == NULL;
	size_t flags = JSON_ENCODE_ANY | (is_pretty ? JSON_INDENT(2) : JSON_COMPACT);

	json_dumpf(value, stdout, flags);
	putchar('\n');
	return ctl_flush();
}

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/address.h"
#include "server/base/option.h"
#include "server/base/option_internal.h"

const struct option_row option_rows[OPTION_COUNT] = {
#define X(member, name, KIND, placeholder, standard, min, max, GROUP, help)           \
	{ name, OPTION_##KIND, placeholder, standard, min, max, OPTION_GROUP_##GROUP, \
		help, offsetof(struct options, member) },
	OPTIONS(X)
#undef X
};

static const char *const group_titles[] = {
#define X(GROUP, title) title,
	OPTION_GROUPS(X)
#undef X
};

static const char *const kind_words[] = {
#define X(KIND, word) word,
	OPTION_KINDS(X)
#undef X
};

/* One value on its way from text to the member. */
union option_value {
	bool                  flag;
	int64_t               number;
	char                 *text; /* allocated, or NULL */
	struct option_address address;
	enum log_level        level;
};

bool
option_refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_size, format, args);
	va_end(args);
	return false;
}

/* ---- from text to a value ---- */

/* Parse all of TEXT as a decimal number of at most MAX (which is below 2^60). */
static bool
parse_number(const char *text, int64_t max, int64_t *number)
{
	int64_t sum = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		sum = sum * 10 + (*text - '0');
		if (sum > max)
			return false;
	}
	*number = sum;
	return true;
}

/* The same with a K, M or G behind the number. */
static bool
parse_bytes(const char *text, int64_t max, int64_t *number)
{
	static const char suffixes[] = "KMG";
	size_t            len = strlen(text);
	const char       *suffix = len > 0 ? strchr(suffixes, text[len - 1]) : NULL;
	unsigned          shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
	char              digits[24];

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, text, len + 1);
	if (suffix)
		digits[len - 1] = '\0';
	if (!parse_number(digits, max >> shift, number))
		return false;
	*number <<= shift;
	return true;
}

static bool
parse_flag(const char *text, bool *flag)
{
	*flag = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
	return *flag || strcmp(text, "no") == 0 || strcmp(text, "false") == 0;
}

/* An empty TEXT stands for none. */
static bool
parse_address(const char *text, struct option_address *address)
{
	struct slice host;

	*address = (struct option_address){ NULL, 0 };
	if (*text == '\0')
		return true;
	if (!address_split(text, &host, &address->port))
		return false;
	address->host = strndup(host.data, host.len);
	return address->host != NULL;
}

static bool
parse_value(const struct option_row *row, const char *text, union option_value *value,
    char *why, size_t why_size)
{
	bool ok = true;

	switch (row->kind) {
	case OPTION_FLAG:
		if (!parse_flag(text, &value->flag))
			return option_refuse(
			    why, why_size, "%s must be yes or no", row->name);
		return true;
	case OPTION_TEXT:
		if (strlen(text) > (size_t)row->max)
			return option_refuse(why, why_size,
			    "%s is longer than %lld bytes", row->name,
			    (long long)row->max);
		value->text = *text ? strdup(text) : NULL;
		if (*text && value->text == NULL)
			return option_refuse(why, why_size, "out of memory");
		return true;
	case OPTION_ADDRESS:
		if (strlen(text) > (size_t)row->max ||
		    !parse_address(text, &value->address))
			return option_refuse(why, why_size,
			    "%s must be HOST:PORT, like 127.0.0.1:7410 or [::1]:7410",
			    row->name);
		return true;
	case OPTION_LEVEL:
		if (!log_level_find(text, &value->level))
			return option_refuse(why, why_size, "%s must be one of: %s",
			    row->name, row->help);
		return true;
	case OPTION_BYTES: ok = parse_bytes(text, row->max, &value->number); break;
	case OPTION_INTEGER:
	case OPTION_DURATION_MS:
	case OPTION_DESCRIPTOR:
	case OPTION_USER: ok = parse_number(text, row->max, &value->number); break;
	case OPTION_KIND_COUNT: assert(!"no row has this kind");
	}
	if (!ok || value->number < row->min)
		return option_refuse(why, why_size,
		    "%s must be a number from %lld to %lld", row->name,
		    (long long)row->min, (long long)row->max);
	return true;
}

/* ---- from a value to the member ---- */

static void *
member(struct options *options, const struct option_row *row)
{
	return (char *)options + row->offset;
}

/* Free what ROW's member owns and make it empty. */
static void
clear_member(struct options *options, const struct option_row *row)
{
	void *at = member(options, row);

	if (row->kind == OPTION_TEXT) {
		free(*(char **)at);
		*(char **)at = NULL;
	} else if (row->kind == OPTION_ADDRESS) {
		free(((struct option_address *)at)->host);
		*(struct option_address *)at = (struct option_address){ NULL, 0 };
	} else if (row->kind == OPTION_DESCRIPTOR) {
		((struct option_descriptors *)at)->count = 0;
	}
}

/* Give VALUE to ROW's member, which is empty; takes what VALUE owns. */
static void
store_value(
    struct options *options, const struct option_row *row, union option_value *value)
{
	void                      *at = member(options, row);
	struct option_descriptors *descriptors = at;

	switch (row->kind) {
	case OPTION_FLAG: *(bool *)at = value->flag; break;
	case OPTION_TEXT: *(char **)at = value->text; break;
	case OPTION_INTEGER:
	case OPTION_USER: *(unsigned *)at = (unsigned)value->number; break;
	case OPTION_BYTES: *(size_t *)at = (size_t)value->number; break;
	case OPTION_DURATION_MS: *(int64_t *)at = value->number; break;
	case OPTION_ADDRESS: *(struct option_address *)at = value->address; break;
	case OPTION_LEVEL: *(enum log_level *)at = value->level; break;
	case OPTION_DESCRIPTOR:
		assert(descriptors->count < OPTION_LISTEN_FD_MAX);
		descriptors->fd[descriptors->count++] = (int)value->number;
		break;
	case OPTION_KIND_COUNT: assert(!"no row has this kind");
	}
}

/* Whether SOURCE may give ROW, which it has given already, once more. */
static bool
may_repeat(const struct options *options, const struct option_row *row)
{
	return row->kind == OPTION_DESCRIPTOR &&
	       options->listen_fd.count < OPTION_LISTEN_FD_MAX;
}

bool
option_set(struct options *options, const struct option_row *row, const char *text,
    enum option_source source, char *why, size_t why_size)
{
	unsigned char     *given = &options->given[row - option_rows];
	struct options     ignored = { 0 };
	union option_value value;

	if ((*given & source) && !may_repeat(options, row))
		return option_refuse(why, why_size, "%s is given too often", row->name);
	if (!parse_value(row, text, &value, why, why_size))
		return false;
	if (*given > source) { /* somebody with more say was here before */
		store_value(&ignored, row, &value);
		clear_member(&ignored, row);
	} else {
		if (*given < source)
			clear_member(options, row);
		store_value(options, row, &value);
	}
	*given |= (unsigned char)source;
	return true;
}

static bool
set_defaults(struct options *options, char *why, size_t why_size)
{
	union option_value value;

	for (const struct option_row *row = option_rows;
	     row < option_rows + OPTION_COUNT; row++) {
		if (*row->standard == '\0' && row->kind != OPTION_ADDRESS &&
		    row->kind != OPTION_TEXT)
			continue; /* no number stands for none: zero does */
		if (!parse_value(row, row->standard, &value, why, why_size))
			return false;
		store_value(options, row, &value);
	}
	options->admin_uid = (unsigned)geteuid();
	return true;
}

/* ---- the command line ---- */

static bool
parse_arguments(
    struct options *options, int argc, char *const argv[], char *why, size_t why_size)
{
	struct option flags[OPTION_COUNT + 1] = { 0 };
	int           result, index = 0;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		flags[i].name = option_rows[i].name;
		flags[i].has_arg = option_rows[i].kind == OPTION_FLAG
				       ? no_argument
				       : required_argument;
	}
	optind = 0; /* begin anew, wherever an earlier call ended */
	opterr = 0;
	while ((result = getopt_long(argc, argv, "+:", flags, &index)) == 0)
		if (!option_set(options, &option_rows[index], optarg ? optarg : "yes",
			OPTION_FROM_FLAG, why, why_size))
			return false;
	if (result == ':')
		return option_refuse(
		    why, why_size, "%s wants a value", argv[optind - 1]);
	if (result != -1 && optopt != 0)
		return option_refuse(
		    why, why_size, "-%c is not an option; --help lists them", optopt);
	if (result != -1)
		return option_refuse(why, why_size,
		    "%s is not an option, or wants no value; --help lists them",
		    argv[optind - 1]);
	if (optind < argc)
		return option_refuse(why, why_size,
		    "%s is not an option; --help lists them", argv[optind]);
	return true;
}

/* ---- the whole ---- */

bool
option_parse(
    struct options *options, int argc, char *const argv[], char *why, size_t why_size)
{
	assert(argc >= 1 && why_size > 0);
	*options = (struct options){ 0 };
	if (set_defaults(options, why, why_size) &&
	    parse_arguments(options, argc, argv, why, why_size) &&
	    (options->config == NULL || option_read_file(options, why, why_size)))
		return true;
	option_fini(options);
	return false;
}

void
option_fini(struct options *options)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		clear_member(options, &option_rows[i]);
	*options = (struct options){ 0 };
}

/* The options of TLS make sense together only. */
static bool
check_tls(const struct options *options, char *why, size_t why_size)
{
	if ((options->tls_certificate == NULL) != (options->tls_key == NULL))
		return option_refuse(
		    why, why_size, "--tls-certificate and --tls-key want each other");
	if (options->tls_certificate == NULL &&
	    (options->tls_listen.host || options->tls_client_ca))
		return option_refuse(why, why_size,
		    "%s needs --tls-certificate and --tls-key",
		    options->tls_listen.host ? "--tls-listen" : "--tls-client-ca");
	if (options->tls_client_required && options->tls_client_ca == NULL)
		return option_refuse(
		    why, why_size, "--tls-client-required needs --tls-client-ca");
	return true;
}

bool
option_refuse_plain(const char *address, char *why, size_t why_size)
{
	return option_refuse(why, why_size,
	    "%s is reachable by others, and plain TCP would show them tokens and "
	    "records: serve it with --tls-listen, or listen on 127.0.0.1, or give "
	    "--allow-plain-tcp",
	    address);
}

bool
option_check(const struct options *options, char *why, size_t why_size)
{
	if (options->data == NULL)
		return option_refuse(
		    why, why_size, "--data DIR is needed: where the records are");
	if (options->listen.host && !address_is_local(options->listen.host) &&
	    !options->allow_plain_tcp)
		return option_refuse_plain(options->listen.host, why, why_size);
	return check_tls(options, why, why_size);
}

/* ---- for people and machines ---- */

static void
help_row(FILE *out, const struct option_row *row)
{
	fprintf(out, "  --%s%s%s\n      %s", row->name, *row->placeholder ? " " : "",
	    row->placeholder, row->help);
	if (*row->standard != '\0' && row->kind != OPTION_FLAG)
		fprintf(out, " [%s]", row->standard);
	fputc('\n', out);
}

void
option_help(FILE *out)
{
	fputs("customerd keeps the customer records of many stores.\n"
	      "\n"
	      "Examples:\n"
	      "  customerd --data /var/lib/customerd\n"
	      "  customerd --data ./data --unix ./data/customerd.sock --loops 2\n"
	      "  customerd --config /etc/customerd.conf\n"
	      "  customerd verify ./data\n"
	      "  customerd describe\n",
	    out);
	for (unsigned group = 0; group < OPTION_GROUP_COUNT; group++) {
		fprintf(out, "\n%s:\n", group_titles[group]);
		for (size_t i = 0; i < OPTION_COUNT; i++)
			if (option_rows[i].group == group)
				help_row(out, &option_rows[i]);
	}
	fputs("\nA file for --config has lines like \"loops = 2\", with the same "
	      "names.\n",
	    out);
}

void
option_describe(FILE *out)
{
	/* The table holds nothing that JSON would want escaped; a test sees to it. */
	for (size_t i = 0; i < OPTION_COUNT; i++)
		fprintf(out,
		    "%s\n  {\"name\": \"%s\", \"kind\": \"%s\", \"default\": \"%s\", "
		    "\"min\": %lld, \"max\": %lld, \"in_file\": %s, \"help\": \"%s\"}",
		    i == 0 ? "[" : ",", option_rows[i].name,
		    kind_words[option_rows[i].kind], option_rows[i].standard,
		    (long long)option_rows[i].min, (long long)option_rows[i].max,
		    option_rows[i].group != OPTION_GROUP_COMMAND ? "true" : "false",
		    option_rows[i].help);
	fputs("\n]\n", out);
}

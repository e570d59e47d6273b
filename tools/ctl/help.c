#include <stdio.h>
#include <string.h>

#include "tools/ctl/help.h"
#include "tools/ctl/print.h"
#include "tools/ctl/request.h"

static const char *const usual[] = {
	"--unix /run/s store create name='My shop' mode=live",
	"--unix /run/s token create name=x --store 1 --scopes all",
	"customer create email=ada@example.com first_name=Ada",
	"customer update ada@example.com phone=5550101 --if-revision 1",
	"customer list --tag vip",
	"customer history 123",
	"import customers.csv --dry-run",
	"--unix /run/s top",
};

static const char TYPING[] =
    "\nLists are written with commas; times as 2030-12-31, as 2030-12-31T23:59:59Z or\n"
    "as what lies ahead: 30d; objects, maps and lists of objects as JSON.  Besides:\n"
    "  FIELD=        clears the field\n"
    "  FIELD:=JSON   any value as JSON; FIELD:='\"\"' is an empty text\n"
    "  FIELD@FILE    what FILE contains; - is standard input\n"
    "A part of an object is named with a dot when a record is created:\n"
    "  billing_address.city=London\n";

static void
print_head(const char *text)
{
	printf("\n%s%s%s\n", print_style(stdout, STYLE_HEAD), text,
	    print_style(stdout, STYLE_PLAIN));
}

static void
print_option(unsigned i)
{
	printf("  --%-15s %-10s %s\n", option_rows[i].name,
	    option_rows[i].placeholder == NULL ? "" : option_rows[i].placeholder,
	    option_rows[i].help);
}

static void
print_options(uint64_t own, bool with_every)
{
	for (unsigned i = 0; i < OPTION_COUNT; i++)
		if (option_rows[i].is_every ? with_every
					    : (own & (UINT64_C(1) << i)) != 0)
			print_option(i);
}

static void
print_all(void)
{
	printf("customerctl: look at the records of customerd, and change them\n\n"
	       "usage: customerctl COMMAND [OPTION...]\n");
	print_head("Examples");
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		printf("  customerctl %s\n", usual[i]);
	print_head("Commands");
	for (unsigned i = 0; i < sentence_count; i++)
		printf("  %-39s %s\n", sentences[i].text, sentences[i].help);
	printf("\nWords may be shortened: customerctl cust sh 123.\n"
	       "customerctl help COMMAND explains one, its options and its fields.\n");
	print_head("Options of every command");
	print_options(0, true);
	print_head("Exit codes");
#define X(NAME, code, text) printf("  %d  %s\n", code, text);
	CTL_EXITS(X)
#undef X
}

/* The words that a field may have, in lines of 80 columns. */
static void
print_words(const char *const *words)
{
	int column = 80;

	for (; words != NULL && *words != NULL; words++) {
		if (column + (int)strlen(*words) > 78)
			column = printf("%s%33s", column == 80 ? "" : "\n", "");
		column += printf("%s ", *words);
		if (words[1] == NULL)
			putchar('\n');
	}
}

/* The fields that can be given, for a command that takes some. */
static void
print_fields(const struct sentence *sentence)
{
	const struct method *method = &methods[sentence->method];
	const struct shape  *shape = &record_shapes[method->record];
	unsigned             hidden = READ_ONLY;

	if ((method->args & ARG_BIT(ARG_CREATED_AT)) == 0)
		hidden |= CREATE_ONLY;
	print_head("Fields");
	for (unsigned i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];

		if ((field->flags & hidden) != 0)
			continue;
		printf("  %-30s %s", field->key, field_kind_name(field->kind));
		printf("%s\n", (field->flags & REQUIRED) != 0 ? " (required)" : "");
		print_words(field->words);
	}
	fputs(TYPING, stdout);
}

static void
print_arguments(const struct sentence *sentence)
{
	const char *text = sentence->text;
	struct word word;

	while (sentence_word(&text, &word))
		if (word.kind != WORD_LITERAL)
			printf("  %.*s is %s\n", (int)word.len, word.text,
			    sentence_kind_text(word.kind));
}

static void
print_one(const struct sentence *sentence)
{
	const char *line = sentence->examples;

	printf("customerctl %s\n%s\n", sentence->text, sentence->help);
	print_head("Examples");
	while (*line != '\0') {
		int len = (int)strcspn(line, "\n");

		printf("  customerctl %.*s\n", len, line);
		line += len + (line[len] == '\n');
	}
	print_head("Usage");
	printf("  customerctl %s%s\n", sentence->text,
	    sentence->options == 0 ? "" : " [OPTION...]");
	print_arguments(sentence);
	if (sentence->options != 0)
		print_head("Options");
	print_options(sentence->options, false);
	if (strstr(sentence->text, "FIELD=") != NULL)
		print_fields(sentence);
	printf("\n");
}

void
help_print(char *const words[], int count)
{
	bool     fits[SENTENCES_MAX];
	unsigned found = count == 0 ? 0 : sentence_fitting(words, count, fits);

	if (found == 0)
		print_all();
	for (unsigned i = 0; i < sentence_count && found > 0; i++) {
		if (fits[i] && found == 1)
			print_one(&sentences[i]);
		else if (fits[i])
			printf("  %-39s %s\n", sentences[i].text, sentences[i].help);
	}
}

/* ---- as data ---- */

static json_t *
option_list(uint64_t own, bool every)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < OPTION_COUNT; i++)
		if (every ? option_rows[i].is_every : (own & (UINT64_C(1) << i)) != 0)
			json_array_append_new(list,
			    json_pack("{s:s, s:s?, s:s}", "name", option_rows[i].name,
				"value", option_rows[i].placeholder, "help",
				option_rows[i].help));
	return list;
}

static enum ctl_exit
print_tables(struct ctl *ctl)
{
	json_t       *commands = json_array(), *exits = json_array(), *all;
	enum ctl_exit done;

	for (unsigned i = 0; i < sentence_count; i++)
		json_array_append_new(commands,
		    json_pack("{s:s, s:s, s:s, s:o}", "command", sentences[i].text,
			"help", sentences[i].help, "examples", sentences[i].examples,
			"options", option_list(sentences[i].options, false)));
#define X(NAME, code, text)    \
	json_array_append_new( \
	    exits, json_pack("{s:i, s:s}", "code", code, "text", text));
	CTL_EXITS(X)
#undef X
	all = json_pack("{s:o, s:o, s:o}", "commands", commands, "options",
	    option_list(0, true), "exits", exits);
	done = ctl_print(ctl, all);
	json_decref(all);
	return done;
}

enum ctl_exit
ctl_run_help(struct ctl *ctl, const struct command *command)
{
	if (ctl->options.json != NULL)
		return print_tables(ctl);
	help_print(command->many, command->many_count);
	return ctl_flush();
}

/*
 * completion bash: the tables of commands, options and fields as a program for bash.
 *
 * What is generated are lists; the function that walks them is the same for all.
 */

#include <stdio.h>
#include <string.h>

#include "tools/ctl/sentence.h"

#define NAME_BYTES 64u /* of a field */

static const char FUNCTION[] =
    "_customerctl() {\n"
    "\tlocal line=${COMP_LINE:0:COMP_POINT} typed cur prev\n"
    "\tlocal i sentence words given=() next=() own= fits list\n"
    "\t# Not COMP_WORDS, where bash has cut at = and @.\n"
    "\tread -ra typed <<<\"$line\"\n"
    "\t[[ $line == *' ' ]] && typed+=('')\n"
    "\tcur=${typed[-1]} prev=${typed[-2]}\n"
    "\tCOMPREPLY=()\n"
    "\tcase $prev in\n"
    "\t--unix | --failed | --state | --secret-file) COMPREPLY=($(compgen -f -- "
    "\"$cur\")); return ;;\n"
    "\t--format) COMPREPLY=($(compgen -W 'ndjson csv' -- \"$cur\")); return ;;\n"
    "\t--kind) COMPREPLY=($(compgen -W 'customer group tag' -- \"$cur\")); return ;;\n"
    "\tesac\n"
    "\t[[ \" $_customerctl_valued \" == *\" $prev \"* ]] && return\n"
    "\t# Bash would put a whole FIELD= behind the = that is there.\n"
    "\t[[ $cur == *=* ]] && return\n"
    "\tfor ((i = 1; i < ${#typed[@]} - 1; i++)); do\n"
    "\t\tcase ${typed[i]} in\n"
    "\t\t--*) [[ \" $_customerctl_valued \" == *\" ${typed[i]} \"* ]] && ((i++)) ;;\n"
    "\t\t*) given+=(\"${typed[i]}\") ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\twhile IFS='|' read -r sentence own; do\n"
    "\t\tread -ra words <<<\"$sentence\"\n"
    "\t\tfits=1\n"
    "\t\tfor ((i = 0; i < ${#given[@]}; i++)); do\n"
    "\t\t\tcase ${words[i]:-${words[-1]}} in\n"
    "\t\t\t*...* | \\[* | [A-Z]*) ;;\n"
    "\t\t\t\"${given[i]}\") ((i < ${#words[@]})) || fits= ;;\n"
    "\t\t\t*) fits= ;;\n"
    "\t\t\tesac\n"
    "\t\tdone\n"
    "\t\t[[ $fits ]] || continue\n"
    "\t\tif [[ $cur == -* ]]; then\n"
    "\t\t\tnext+=($own)\n"
    "\t\t\tcontinue\n"
    "\t\tfi\n"
    "\t\tsentence=${words[${#given[@]}]:-${words[-1]}}\n"
    "\t\tcase $sentence in\n"
    "\t\tFIELD*)\n"
    "\t\t\tlist=_customerctl_${words[0]}_${words[1]}\n"
    "\t\t\t[[ $cur == *.* ]] && list+=_parts\n"
    "\t\t\tnext+=(${!list})\n"
    "\t\t\tcompopt -o nospace ;;\n"
    "\t\tMETHOD) next+=($_customerctl_methods) ;;\n"
    "\t\tFILE) COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n"
    "\t\t\\[* | [A-Z]* | *...*) ;;\n"
    "\t\t*) ((${#given[@]} < ${#words[@]})) && next+=(\"$sentence\") ;;\n"
    "\t\tesac\n"
    "\tdone <<<\"$_customerctl_sentences\"\n"
    "\t[[ $cur == -* ]] && next+=($_customerctl_every)\n"
    "\tCOMPREPLY+=($(compgen -W \"${next[*]}\" -- \"$cur\" | sort -u))\n"
    "}\n"
    "complete -F _customerctl customerctl\n";

/* Whether FIELD=VALUE may name the parts of FIELD, with a dot. */
static bool
has_parts(const struct field *field)
{
	return field->kind == FIELD_OBJECT && (field->flags & READ_ONLY) == 0;
}

static void
print_options(uint64_t own, bool every)
{
	const char *space = "";

	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		if (every ? !option_rows[i].is_every : (own & (UINT64_C(1) << i)) == 0)
			continue;
		printf("%s--%s", space, option_rows[i].name);
		space = " ";
	}
}

/* The fields of SHAPE without those of FLAGS, ready for a value, each behind FRONT. */
static void
print_fields(const struct shape *shape, unsigned flags, const char *front)
{
	for (unsigned i = 0; i < shape->count; i++)
		if ((shape->fields[i].flags & flags) == 0)
			printf("%s%s= ", front, shape->fields[i].key);
}

/* What can be given for a record when it is created, and when it is changed. */
static void
print_record(const struct shape *shape)
{
	char front[NAME_BYTES];

	printf("_customerctl_%s_update='", shape->name);
	print_fields(shape, READ_ONLY | CREATE_ONLY, "");
	printf("'\n_customerctl_%s_create='", shape->name);
	print_fields(shape, READ_ONLY, "");
	for (unsigned i = 0; i < shape->count; i++)
		if (has_parts(&shape->fields[i]))
			printf("%s. ", shape->fields[i].key);
	printf("'\n_customerctl_%s_create_parts='", shape->name);
	for (unsigned i = 0; i < shape->count; i++) {
		if (!has_parts(&shape->fields[i]))
			continue;
		snprintf(front, sizeof(front), "%s.", shape->fields[i].key);
		print_fields(shape->fields[i].shape, READ_ONLY, front);
	}
	printf("'\n");
}

enum ctl_exit
ctl_run_completion(struct ctl *ctl, const struct command *command)
{
	(void)ctl;
	(void)command;
	printf(
	    "# bash completion for customerctl; \"customerctl completion bash\" wrote "
	    "it.\n_customerctl_sentences='");
	for (unsigned i = 0; i < sentence_count; i++) {
		printf("%s|", sentences[i].text);
		print_options(sentences[i].options, false);
		printf(i + 1 < sentence_count ? "\n" : "'\n");
	}
	printf("_customerctl_every='");
	print_options(0, true);
	printf("'\n_customerctl_valued='");
	for (unsigned i = 0; i < OPTION_COUNT; i++)
		if (option_rows[i].placeholder != NULL)
			printf("--%s ", option_rows[i].name);
	printf("'\n_customerctl_methods='");
	for (unsigned i = 0; i < METHOD_COUNT; i++)
		printf("%s ", methods[i].name.data);
	printf("'\n");
	for (unsigned i = 0; i < RECORD_KIND_COUNT; i++)
		print_record(&record_shapes[i]);
	fputs(FUNCTION, stdout);
	return ctl_flush();
}

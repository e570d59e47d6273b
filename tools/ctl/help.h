/*
 * help -- what the tables of commands, options and exit codes say to people.
 */

#ifndef CTL_HELP_H
#define CTL_HELP_H

/* Print the help of the commands that begin with WORDS, or of everything. */
void help_print(char *const words[], int count);

#endif

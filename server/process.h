/*
 * process -- what the process as a whole is told at its start: signals, core dumps,
 * the mode of new files.
 *
 * Threads.  Called before there are any.
 */

#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <stdbool.h>

/* How customerd ends. */
enum process_exit {
	PROCESS_EXIT_OK = 0,
	PROCESS_EXIT_FAILURE = 1, /* it could not start; verify found something */
	PROCESS_EXIT_USAGE = 2,   /* a wrong command line */
	PROCESS_EXIT_DISK = 74,   /* EX_IOERR: the data file could not be read */
};

/*
 * Ignore SIGPIPE and keep new files to their owner.  With DUMPS core dumps are
 * permitted; otherwise there are none: records and tokens would be in them.
 */
void process_init(bool dumps);

/*
 * From now on a read error of a mapped file in the directory DATA (SIGBUS) ends the
 * process with PROCESS_EXIT_DISK and a line that names it.
 */
void process_catch_bus_errors(const char *data);

#endif

/*
 * terminal -- the whole screen, for a while, and the way back.
 *
 * Between terminal_enter() and terminal_leave() the program draws on the alternate
 * screen and reads single keys.  Signals arrive only in terminal_wait(), which also
 * stops and continues as Ctrl-Z wants; so the screen is always restored.
 */

#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>

enum terminal_event {
	TERMINAL_TIME,   /* nothing happened for so long */
	TERMINAL_REDRAW, /* another size, or back from Ctrl-Z */
	TERMINAL_KEY,
	TERMINAL_END, /* a signal says so, or nobody is there any more */
};

/* False when standard input and output are no terminal. */
bool terminal_enter(void);
void terminal_leave(void);

/* Wait for at most TIMEOUT_MS; *KEY is what was typed. */
enum terminal_event terminal_wait(int timeout_ms, char *key);

void terminal_size(unsigned *rows, unsigned *columns);

#endif

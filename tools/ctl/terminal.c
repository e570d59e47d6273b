#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/terminal.h"

/* The alternate screen, without a cursor; and back. */
static const char ENTER[] = "\033[?1049h\033[?25l\033[2J";
static const char LEAVE[] = "\033[?25h\033[?1049l";

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };

static struct termios        before;
static sigset_t              mask_before;
static volatile sig_atomic_t is_end, is_pause, is_resized;

static void
on_signal(int number)
{
	if (number == SIGTSTP)
		is_pause = 1;
	else if (number == SIGWINCH)
		is_resized = 1;
	else
		is_end = 1;
}

static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t         mask;

	sigemptyset(&mask);
	for (unsigned i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaction(caught[i], &action, NULL);
		sigaddset(&mask, caught[i]);
	}
	sigprocmask(SIG_BLOCK, &mask, &mask_before);
}

static void
show(void)
{
	struct termios keys = before;

	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
	fputs(ENTER, stdout);
	fflush(stdout);
}

static void
hide(void)
{
	fputs(LEAVE, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

bool
terminal_enter(void)
{
	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	catch_signals();
	show();
	return true;
}

void
terminal_leave(void)
{
	hide();
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* Ctrl-Z: stop with the screen as it was, and come back later. */
static void
pause_here(void)
{
	is_pause = 0;
	hide();
	raise(SIGSTOP);
	show();
}

enum terminal_event
terminal_wait(int timeout_ms, char *key)
{
	struct pollfd   in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec timeout = { .tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L };
	int             ready = ppoll(&in, 1, &timeout, &mask_before);

	if (is_end)
		return TERMINAL_END;
	if (is_pause) {
		pause_here();
		return TERMINAL_REDRAW;
	}
	if (is_resized) {
		is_resized = 0;
		return TERMINAL_REDRAW;
	}
	if (ready <= 0)
		return TERMINAL_TIME;
	return read(STDIN_FILENO, key, 1) == 1 ? TERMINAL_KEY : TERMINAL_END;
}

void
terminal_size(unsigned *rows, unsigned *columns)
{
	struct winsize size;

	*rows = 24;
	*columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
	    size.ws_col > 0) {
		*rows = size.ws_row;
		*columns = size.ws_col;
	}
}

#include <signal.h>

#include "server/base/thread.h"

/* A mapped page that cannot be read is a SIGBUS; sanitizers report the others. */
static const int faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL };

int
thread_start(pthread_t *thread, void *(*run)(void *context), void *context)
{
	sigset_t others, before;
	int      rc;

	sigfillset(&others);
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&others, faults[i]);
	pthread_sigmask(SIG_SETMASK, &others, &before);
	rc = pthread_create(thread, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

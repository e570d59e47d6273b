#include "server/base/rlimit.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void
rlimit_no_core_dumps(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

unsigned
rlimit_fit_connections(unsigned connections, struct log *log)
{
	struct rlimit limit;
	rlim_t        wanted = connections + RLIMIT_DESCRIPTORS_KEPT;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return connections;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted)
		return connections;
	getrlimit(RLIMIT_NOFILE, &limit);
	connections = limit.rlim_cur > 2 * RLIMIT_DESCRIPTORS_KEPT
			  ? (unsigned)limit.rlim_cur - RLIMIT_DESCRIPTORS_KEPT
			  : RLIMIT_DESCRIPTORS_KEPT;
	log_warning(log, "connections_limited",
	    LOG_INTEGER("connections_max", connections),
	    LOG_INTEGER("descriptors", limit.rlim_cur));
	return connections;
}

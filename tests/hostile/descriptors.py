#!/usr/bin/python3
"""Out of descriptors, again and again: who is connected is served, and it passes by itself.

    descriptors.py [--rounds N] [--program server|shim]

In each round the limit of the program is set to what it has open, and more peers connect
than fit.  Those who were connected before are served; the program rests instead of
spinning; it turns some away, others wait in the backlog.  Then the peers leave, the
limit is lifted, and a new client is served without a restart.
"""

import argparse
import os
import resource
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import wait_until  # noqa: E402
from support.rest import CL, Platforms, request  # noqa: E402

STORM = 40
READS = 50
# Of a core, while nobody can be let in; a loop that spins takes one.
CPU_SHARE_MAX = 0.5
WATCHED_S = 0.3
READ = request("GET", "/api/customers/XAyRWNUzyN", dict(CL), None)


class Native:
    def __init__(self, platforms):
        self.platforms, self.program = platforms, platforms.server
        self.friend = platforms.native("access_token")

    def read(self):
        assert self.friend.call("customer.get", {"id": 12345})["id"] == 12345

    def dial(self):
        return self.program.dial()

    def is_served(self):
        try:
            c = self.program.dial("access_token")
        except (ConnectionError, TimeoutError):
            return False
        c.close()
        return True

    def refusals(self):
        return sum('"event":"accept_failed"' in line for line in self.program.log)


class Http(Native):
    def __init__(self, platforms):
        self.program = platforms.shim
        self.friend = self.program.dial()

    def read(self):
        assert self.friend.send(READ).answer().status == 200

    def is_served(self):
        try:
            return self.program.ask(READ).status == 200
        except (ConnectionError, TimeoutError):
            return False


def cpu_s(pid):
    """Of the thread that accepts."""
    with open("/proc/%d/task/%d/schedstat" % (pid, pid)) as file:
        return int(file.read().split()[0]) / 1e9


def descriptors(pid):
    return [int(fd) for fd in os.listdir("/proc/%d/fd" % pid)]


def one(side, usual):
    """The share of a core that was used meanwhile; USUAL descriptors are open before."""
    pid = side.program.process.pid
    wait_until(lambda: len(descriptors(pid)) <= usual, "no descriptor is lost")
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    refusals = side.refusals()
    highest = max(descriptors(pid))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
    peers = [side.dial() for _ in range(highest + STORM)]   # numbers below are free, too
    for _ in range(READS):
        side.read()
    wait_until(lambda: side.refusals() > refusals, "a line of the log")
    used, began = cpu_s(pid), time.monotonic()
    time.sleep(WATCHED_S)
    share = (cpu_s(pid) - used) / (time.monotonic() - began)
    side.read()
    for peer in peers:
        peer.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    wait_until(side.is_served, "it to serve again")
    return share


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--program", choices=("server", "shim"), default="server")
    options = parser.parse_args()
    # Dumpable, so that who is not root may look at their descriptors.
    with Platforms("--core-dumps", server_options=("--core-dumps",)) as platforms:
        side = (Http if options.program == "shim" else Native)(platforms)
        side.read()     # it has been let in
        usual = len(descriptors(side.program.process.pid))
        shares = [one(side, usual) for _ in range(options.rounds)]
        lines = side.refusals()
    print("%d rounds with %d connections too many: reads went on; %.0f %% of a core at most; "
          "%d lines of log" % (options.rounds, STORM, max(shares) * 100, lines))
    return int(max(shares) > CPU_SHARE_MAX)


if __name__ == "__main__":
    sys.exit(main())

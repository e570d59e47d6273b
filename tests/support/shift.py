"""Clocks of a program that a test sets, and a program that is stopped for a while.

    with shifted() as clocks:       what starts within has clocks of its own
        server.start()
    clocks.jump(hours=2)            only the wall clock
    with stopped(pid, clocks, 60):
        ...                         SIGSTOP; to the program it was so long
"""

import contextlib
import mmap
import os
import signal
import struct
import tempfile

from support.customerd import ROOT, wait_until

LIBRARY = os.path.join(ROOT, "build", "release", "tests", "libshift.so")
NS = 10**9


def why_not():
    """A sentence if clocks cannot be set here, else None."""
    if os.environ.get("VARIANT", "release") != "release":
        return "a sanitizer's library must stand first"
    return None if os.path.exists(LIBRARY) else "there is no libshift.so: scons tests"


class Clocks:
    def __init__(self):
        with tempfile.NamedTemporaryFile(prefix="customerd-", delete=False) as file:
            file.write(bytes(16))
            file.flush()
            self.path = file.name
            self.map = mmap.mmap(file.fileno(), 16)
        self.wall_s = self.mono_s = 0

    def _set(self):
        self.map[:] = struct.pack("=qq", self.wall_s * NS, self.mono_s * NS)

    def jump(self, seconds=0, hours=0, years=0):
        """The wall clock is set."""
        self.wall_s += seconds + hours * 3600 + years * 365 * 86400
        self._set()

    def pass_by(self, seconds):
        """Time passes."""
        self.wall_s += seconds
        self.mono_s += seconds
        self._set()


@contextlib.contextmanager
def shifted():
    clocks = Clocks()
    os.environ.update(LD_PRELOAD=LIBRARY, SHIFT_FILE=clocks.path)
    try:
        yield clocks
    finally:
        del os.environ["LD_PRELOAD"], os.environ["SHIFT_FILE"]
        os.unlink(clocks.path)


def state(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()[0]


def stop(pid):
    """Returns when PID does nothing any more."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state(pid) == "T", "it to stop")


def go_on(pid):
    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def stopped(pid, clocks, seconds):
    stop(pid)
    try:
        yield
        clocks.pass_by(seconds)
    finally:
        go_on(pid)

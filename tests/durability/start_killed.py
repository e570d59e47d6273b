#!/usr/bin/python3
"""Kill a server at every system call of its start: the next one starts.

    start_killed.py [--every N] [--seed N]

strace kills it as it enters the first call of a kind, then the second, and so on until it
is ready before its turn comes: on an empty directory, and on one with a customer in it, in
the journal that a killed server left.
--every N tries one call of N, from a random one on.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import Server, StartFailed, new_token  # noqa: E402

# What changes a file or a name, and what is between that.
CALLS = ("open", "openat", "close", "fstat", "newfstatat", "flock", "fcntl", "lseek",
         "pread64", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "rename",
         "renameat", "unlinkat", "fallocate", "mmap", "munmap", "clone3", "socket", "epoll_ctl", "write")


def why_not():
    """A sentence if strace cannot be used here, else None."""
    if not shutil.which("strace"):
        return "there is no strace"
    done = subprocess.run(["strace", "-o", os.devnull, "true"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return done.stderr.decode("utf-8", "replace").strip() or None if done.returncode else None


class Traced(Server):
    kill_at = None      # (call, its number)

    def command(self):
        if self.kill_at is None:
            return super().command()
        call, nth = self.kill_at
        return ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=" + call, "-e",
                "inject=%s:signal=SIGKILL:when=%d" % (call, nth), *super().command()]

    def is_killed_at(self, call, nth):
        """Start; false when the server was ready before that call."""
        self.kill_at = call, nth
        try:
            self.start()
            # It may meet its end just after it has said that it is ready.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.ready["pid"], signal.SIGKILL)
            self.process.wait()
            self.wait()
            return False
        except StartFailed as failed:
            if failed.status != -signal.SIGKILL:
                raise
            return True
        finally:
            self.kill_at = None


def fill(server):
    """A directory with a customer in it; the customer's id and a token."""
    server.start()
    token = new_token(server)
    c = server.dial(token)
    made = c.call("customer.create", {"set": {"email": "ada@example.com"}})
    c.close()
    server.kill()
    return made["id"], token


def prepare(server, template):
    shutil.rmtree(server.data)
    if template:
        shutil.copytree(template, server.data)
    else:
        os.mkdir(server.data, 0o700)


def check(server, known):
    """The next start: everything is there, and sound."""
    server.start()
    if known:
        c = server.dial(known[1])
        assert c.call("customer.get", {"id": known[0]})["email"] == "ada@example.com"
    assert server.terminate() == 0
    status, said = server.verify()
    assert status == 0, said


def sweep(server, template, known, options, rng):
    """How many times it was killed."""
    kills = 0
    for call in CALLS:
        nth = 1 + rng.randrange(options.every)
        while True:
            prepare(server, template)
            killed = server.is_killed_at(call, nth)
            try:
                check(server, known)
            except (StartFailed, AssertionError) as problem:
                sys.exit("killed at %s number %d: %s" % (call, nth, problem))
            if not killed:
                break
            kills += 1
            nth += options.every
    return kills


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    if why_not():
        sys.exit("start_killed: " + why_not())
    rng = random.Random(options.seed)
    with Traced(start=False) as server, tempfile.TemporaryDirectory() as directory:
        template = os.path.join(directory, "template")
        known = fill(server)
        shutil.copytree(server.data, template)
        first = sweep(server, None, None, options, rng)
        again = sweep(server, template, known, options, rng)
    print("killed %d times at its first start and %d times at a later one, seed %d" % (
        first, again, options.seed))


if __name__ == "__main__":
    sys.exit(main())

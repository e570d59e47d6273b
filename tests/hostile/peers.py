#!/usr/bin/python3
"""What ordinary clients notice of peers that are slow, hostile, or far too many.

    peers.py [--port native|http] [--peers slow|guess|verify|shake] [--number N]
             [--rounds N] [--seconds S] [--quiet-seconds S] [--ratio R] [--ahead]

Quiet and hostile rounds take turns; in both, a few clients read and update customers, and
every answer must be right.  In a hostile round there are also (support/crowd.py)

    slow     N connections that say hello and then nothing, and N/10 that send a request
             of which one byte arrives each second
    guess    N connections that show wrong tokens and come back when they are cut off
    verify   N connections that ask for 64 passwords at a time
    shake    a hundred times a second N connections that begin a TLS handshake

With --ratio R the 99th percentile of what the clients wait for must not be more than R
times that of the quiet rounds: the median over the rounds, each against its neighbours,
so that whatever else the machine does counts less.  With --ahead (wants root) the
clients and the servers go before all other processes, the hostile ones too, as if those
were on machines of their own, and the database lies in memory, where no disk is shared.
"""

import argparse
import gc
import itertools
import os
import resource
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.crowd import Crowd  # noqa: E402
from support.rest import BC, CL, Platforms, request  # noqa: E402
from support.tls import Authority  # noqa: E402

CLIENTS = 4
PAUSE_S = 0.0005            # of a client between an answer and the next request
LINES_PER_S_MAX = 20        # of the log, whatever peers do
MEMORY_PER_PEER_BYTES_MAX = 16 << 10
CUSTOMER, UID = 12345, "XAyRWNUzyN"     # of the sample
turns = itertools.count()


class Native:
    """A client that keeps to the protocol."""

    def __init__(self, platforms):
        self.c = platforms.native("access_token")

    def read(self):
        assert self.c.call("customer.get", {"id": CUSTOMER})["id"] == CUSTOMER

    def update(self):
        assert self.c.call("customer.update", {
            "id": CUSTOMER, "set": {"company": "turn %d" % next(turns)}})["changed"]

    def close(self):
        self.c.close()


class Http:
    """The same through the shim."""

    def __init__(self, platforms):
        self.dialogue = platforms.shim.dial()

    def ask(self, *parts):
        answer = self.dialogue.send(request(*parts)).answer()
        assert answer.status == 200, answer

    def read(self):
        self.ask("GET", "/api/customers/" + UID, dict(CL), None)

    def update(self):
        self.ask("PUT", "/stores/store_hash/v3/customers", dict(BC),
                 b'[{"id": %d, "company": "turn %d"}]' % (CUSTOMER, next(turns)))

    def close(self):
        self.dialogue.close()


def p99(times):
    return sorted(times)[len(times) * 99 // 100]


class Round:
    """For SECONDS, CLIENTS read, and now and then one updates."""

    def __init__(self, clients, seconds):
        self.reads, self.updates = [], []
        gc.collect()
        gc.disable()
        until = time.monotonic() + seconds
        while time.monotonic() < until or not self.updates:
            for turn in range(10):
                for client in clients:
                    self.time(self.reads, client.read)
            self.time(self.updates, clients[len(self.updates) % len(clients)].update)
        gc.enable()

    @staticmethod
    def time(times, function):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
        time.sleep(PAUSE_S)


def go_ahead(pid):
    """Let all threads of PID run before those of ordinary processes."""
    for thread in os.listdir("/proc/%d/task" % pid):
        os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))


def resident_bytes(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Contest:
    def __init__(self, options, platforms, crowd):
        self.options, self.crowd = options, crowd
        self.program = platforms.shim if options.port == "http" else platforms.server
        make = Http if options.port == "http" else Native
        self.clients = [make(platforms) for _ in range(CLIENTS)]
        self.quiet, self.hostile = [], []
        self.memory_max = self.lines_max = self.wrong_tokens = 0
        self.operator = platforms.native()
        self.unauthenticated()      # so that it may stay

    def unauthenticated(self):
        return self.operator.call("server.status")["counters"]["unauthenticated"]

    def run(self):
        quiet_s = self.options.quiet_seconds or self.options.seconds
        Round(self.clients, quiet_s)      # warm
        for _ in range(self.options.rounds):
            self.quiet.append(Round(self.clients, quiet_s))
            before = resident_bytes(self.program.process.pid)
            lines, began = len(self.program.log), time.monotonic()
            self.crowd.gather()
            wrong = self.unauthenticated()
            self.hostile.append(Round(self.clients, self.options.seconds))
            self.wrong_tokens += self.unauthenticated() - wrong
            self.memory_max = max(
                self.memory_max, resident_bytes(self.program.process.pid) - before)
            self.crowd.leave()
            self.count_lines(lines, time.monotonic() - began)
        self.quiet.append(Round(self.clients, quiet_s))
        for client in self.clients:
            client.close()

    def count_lines(self, begin, seconds):
        """Those of the log from BEGIN on, while the peers were there, for SECONDS."""
        # The shim logs each request of the clients, and what lets its peers stay.  A
        # second may lie in two of the log's.
        lines = [line for line in self.program.log[begin:]
                 if '"status":200' not in line and '"status":404' not in line]
        self.lines_max = max(self.lines_max, len(lines) / (seconds + 1))

    def ratio(self, name):
        """By how much the hostile rounds are slower than those before and after."""
        times = [p99(getattr(one, name)) for one in self.quiet]
        return statistics.median(
            p99(getattr(one, name)) / ((before + after) / 2)
            for one, before, after in zip(self.hostile, times, times[1:]))

    def judge(self):
        wrong = []
        for name in ("reads", "updates"):
            of = [sum((getattr(one, name) for one in rounds), [])
                  for rounds in (self.quiet, self.hostile)]
            ratio = self.ratio(name)
            print("%-8s p99 %.2f ms quiet, %.2f ms among them: %.2f times" % (
                name, p99(of[0]) * 1e3, p99(of[1]) * 1e3, ratio))
            if self.options.ratio and ratio > self.options.ratio:
                wrong.append("%s are %.2f times as slow" % (name, ratio))
        counts = self.crowd.counts
        print("%s; %.1f MB more memory, at most %.1f lines of log a second" % (
            counts, self.memory_max / 1e6, self.lines_max))
        if self.lines_max > LINES_PER_S_MAX:
            wrong.append("%.0f lines a second" % self.lines_max)
        if counts["opened"] < self.crowd.total * self.options.rounds:
            wrong.append("only %d came" % counts["opened"])
        if self.options.peers == "slow" and \
                self.memory_max > self.crowd.total * MEMORY_PER_PEER_BYTES_MAX + (8 << 20):
            wrong.append("%d bytes" % self.memory_max)
        if self.options.peers == "guess":
            print("%.0f times a second a token was wrong" % (
                self.wrong_tokens / self.options.rounds / self.options.seconds))
            wrong += ["no token was looked at"] * (not self.wrong_tokens)
        if self.options.peers == "shake" and not counts.get("shaken"):
            wrong.append("no handshake was answered")
        if self.options.peers == "verify":
            wrong += ["no password was %s" % word for word in ("answered", "BUSY")
                      if not counts.get(word)]
            wrong += ["refused as %s" % word for word in
                      set(counts) - {"opened", "answered", "BUSY"}]
        return wrong


def kinds(options):
    number = options.number
    if options.peers == "slow":
        return {options.port + "_idle": number, options.port + "_slow": number // 10}
    if options.peers == "shake":
        return {options.port + "-tls_shake": number}
    return {options.port + "_" + options.peers: number}


def tls_options(folder):
    made = Authority(folder).issue("localhost")
    return ("--tls-listen", "127.0.0.1:0", "--tls-certificate", made.certificate,
            "--tls-key", made.key)


def addresses(platforms):
    """Of the two programs, by the words before the kinds of peers."""
    found = {"native": platforms.server.address, "http": platforms.shim.address}
    ready = {"native-tls": platforms.server.ready, "http-tls": platforms.shim.events("ready")[0]}
    for name, said in ready.items():
        host, _, port = said["tls_listen"].rpartition(":")
        if port:
            found[name] = (host, int(port))
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", choices=("native", "http"), default="native")
    parser.add_argument("--peers", choices=("slow", "guess", "verify", "shake"),
                        default="slow")
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--quiet-seconds", type=float, help="--seconds unless said")
    parser.add_argument("--ratio", type=float, default=0.0)
    parser.add_argument("--ahead", action="store_true")
    options = parser.parse_args()
    if options.peers == "verify" and options.port == "http":
        parser.error("passwords are asked for on the native port")
    if options.ahead:
        tempfile.tempdir = "/dev/shm"
    wanted = sum(kinds(options).values())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 200:
        sys.exit("peers: %d descriptors are too few for %d connections" % (hard, wanted))
    room = ("--connections-max", str(wanted + 100))
    with tempfile.TemporaryDirectory() as folder:
        return contend(options, room + (tls_options(folder) if options.peers == "shake" else ()))


def contend(options, common):
    with Platforms(*common, "--rate-max", "0", server_options=common) as platforms, \
            Crowd(addresses(platforms), kinds(options), "access_token", CUSTOMER) as crowd:
        if options.ahead:
            for pid in (platforms.server.process.pid, platforms.shim.process.pid, os.getpid()):
                go_ahead(pid)
        contest = Contest(options, platforms, crowd)
        contest.run()
        wrong = contest.judge()
    print("\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

"""What customerd costs as it grows; tools/bench/growth starts this.

One server is filled in steps of ten.  At each it is asked for reads and updates by 50
connections, and its memory, its file and what it has written are looked at.  Then it is
updated for a while (servers.SEASON_MS), and then by 64 connections: as fast as it can, with
keys of either distribution, and at a constant rate, while nothing is carried into its file
and while something is.  In the end it is killed under full load and started again.
"""

import argparse
import datetime
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import servers
from compare import machine, on_signal
from servers import Failure

RECORDS_MIN, RECORD_BYTES = 10000, 650
DURATION_MS, CONNECTIONS_MS, SMOKE_MS = 3000, 2000, 200
MIB = float(1 << 20)

# Updates at a constant rate: before the ten seconds are over after which what is committed
# is carried into the file, and then, in the four seconds that this takes.  One stall of the
# machine makes such a figure, so it is the median of some rounds.
RATE = 10000
QUIET_MS, BETWEEN_MS, CARRYING_MS = 5000, 5500, 4000
ROUNDS = 5
REST_S_MAX = 60


class Growing(servers.Customerd):
    """Filled step by step, and open to many."""

    def __init__(self, folder, keys, smoke):
        super().__init__(folder, keys)
        self.smoke = smoke

    def arguments(self):
        return super().arguments() + ["--connections-max", "100000"]

    def fill(self, begin, end):
        self.keys = end
        return self.bench("customerd", "--fill", "--fill-from", str(begin),
                          "--connections", "8", "--depth", "64")

    def process_number(self, file, name):
        """A number of /proc/PID/FILE."""
        with open("/proc/%d/%s" % (self.process.pid, file)) as text:
            return int(re.search(r"^%s:\s+(\d+)" % name, text.read(), re.MULTILINE)[1])

    def memory(self):
        """Bytes that are its own: without the mapped file, which the kernel may drop."""
        return 1024 * self.process_number("status", "RssAnon")

    def written(self):
        """Bytes that it wrote to files; sockets are not counted there.

        Not write_bytes: that has all of a large folio of the page cache for each 4 KiB
        page of it, up to ten times what the disk gets.
        """
        return self.process_number("io", "wchar")

    def stored(self):
        """Bytes of the file's pages that are in use, once all is there."""
        self.rest()
        return self.call("server.status", {})["storage"]["bytes_used"]

    def journals(self):
        """Bytes of the journals, as far as they are there."""
        return sum(512 * entry.stat().st_blocks for entry in os.scandir(self.data)
                   if entry.name.startswith("journal."))

    def rest(self):
        """Wait until all is in the file, and nothing is written any more."""
        if self.smoke:
            return
        deadline = time.monotonic() + REST_S_MAX
        before = None
        while before != self.written() and time.monotonic() < deadline:
            before = self.written()
            time.sleep(2)

    def restart_under_load(self, load_ms):
        """Kill it while it is updated, and start it: seconds until it is there again."""
        load = subprocess.Popen(
            [servers.BENCH, "--protocol", "customerd", "--keys", str(self.keys),
             *self.options("customerd"), "--connections", "64", "--updates", "100",
             "--duration-ms", str(10 * load_ms)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(load_ms / 1000)
        self.process.kill()
        self.process.wait()
        load.wait()   # it has lost its server
        begun = time.monotonic()
        self.launch()
        return time.monotonic() - begun


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/bench/growth", add_help=False)
    parser.add_argument("--records", type=int, default=1000000)
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--smoke", action="store_true")   # no figures: whether it works
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.records, arguments.connections = 100, 10
    return arguments


def steps(first, last):
    while first <= last:
        yield first
        first *= 10


def row(*cells):
    print("| %s |" % " | ".join(cells), flush=True)


def head(*titles):
    row(*titles)
    row(*["---"] * len(titles))


def measure_records(server, begin, end):
    """A row of the first table."""
    duration_ms = SMOKE_MS if server.smoke else DURATION_MS
    stored, written = server.stored(), server.written()
    filled = server.fill(begin, end)
    stored, fill_written = server.stored() - stored, server.written() - written
    load = ("customerd", duration_ms, duration_ms // 4, "--connections", "50")
    reads = server.measure(*load)
    together = server.measure(*load, "--depth", "16")
    written = server.written()
    updates = server.measure(*load, "--updates", "100")
    update_written = server.written() - written
    row("{:,}".format(end),
        "%.1f MiB" % (server.memory() / MIB),
        "%.0f" % (stored / (end - begin)),
        "%.0f/s" % filled["per_second"],
        "%.1f" % (fill_written / ((end - begin) * RECORD_BYTES)),
        "%.0f µs, %.1f" % (reads["read_us"]["p50"], reads["server_us"]),
        "%.2f" % together["server_us"],
        "%.0f µs, %.1f" % (updates["update_us"]["p50"], updates["server_us"]),
        "%.0f" % updates.get("per_commit", 0),
        "%.1f" % (update_written / (updates["answers"] * RECORD_BYTES)))


def measure_steadily(server, load):
    """Cells of the second table: while nothing is carried into the file, and while it is."""
    phases = [(QUIET_MS, 0), (CARRYING_MS, BETWEEN_MS)]
    if server.smoke:
        phases = [(SMOKE_MS, 0)] * len(phases)
    rounds = []
    for _ in range(1 if server.smoke else ROUNDS):
        server.rest()
        rounds.append([server.measure("customerd", *phase, *load, "--rate", str(RATE))
                       ["update_us"] for phase in phases])
    for phase in zip(*rounds):
        yield "%.1f, %.1f ms" % tuple(
            statistics.median(times[name] for times in phase) / 1000
            for name in ("p50", "p999"))


def measure_updates(server):
    """A row of the second table."""
    load = ("--connections", "64", "--updates", "100")
    full_ms = SMOKE_MS if server.smoke else DURATION_MS
    server.season("customerd", SMOKE_MS if server.smoke else servers.SEASON_MS)
    full = [server.measure("customerd", full_ms, full_ms // 2, *load,
                           "--distribution", distribution)
            for distribution in ("uniform", "zipfian")]
    steady = list(measure_steadily(server, load))
    restart_s = server.restart_under_load(full_ms)
    return ("{:,}".format(server.keys),
            *("%.0f/s" % figures["per_second"] for figures in full), *steady,
            "%.0f MiB" % (server.journals() / MIB), "%.2f s" % restart_s)


def measure_connections(server, count, memory_before, duration_ms):
    figures = server.measure("customerd", duration_ms, duration_ms // 2,
                             "--connections", str(count))
    grown = server.memory() - memory_before
    row("{:,}".format(count), "%.1f MiB" % (grown / MIB),
        "%.1f" % (grown / 1024 / count), "%.0f/s" % figures["per_second"],
        "%.0f, %.0f µs" % (figures["read_us"]["p50"], figures["read_us"]["p99"]),
        "%.1f" % figures["server_us"])


def run(server, arguments):
    print("Measured on %s, on %s.\n" % (datetime.date.today(), machine()))
    head("records", "memory of its own", "bytes in the file, each", "created",
         "bytes written for each byte", "read: p50, CPU µs", "pipelined: CPU µs",
         "update: p50, CPU µs", "in a commit", "bytes written for each byte")
    begin, rows = 1, []
    for end in steps(min(RECORDS_MIN, arguments.records), arguments.records):
        measure_records(server, begin, end)
        rows.append(measure_updates(server))
        begin = end
    print()
    head("records", "updates by 64 connections", "zipfian keys",
         "p50, p99.9 at %d a second" % RATE, "while a checkpoint runs",
         "journals", "started again after kill -9 in")
    for cells in rows:
        row(*cells)
    print()
    head("connections", "memory for them", "KiB each", "reads", "p50, p99", "CPU µs")
    # What was read before stays in memory, of which connections shall not be accused.
    server.measure("customerd", SMOKE_MS if server.smoke else DURATION_MS, 0,
                   "--connections", "50", "--depth", "16")
    memory = server.memory()
    for count in steps(1, arguments.connections):
        measure_connections(server, count, memory,
                            SMOKE_MS if server.smoke else CONNECTIONS_MS)


def main():
    arguments = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    folder = tempfile.mkdtemp(prefix="customerd-growth-", dir=arguments.data)
    server = Growing(folder, 1, arguments.smoke)
    try:
        server.start()   # which makes the first record
        run(server, arguments)
    except Failure as failure:
        print("tools/bench/growth: %s" % failure, file=sys.stderr)
        return 1
    finally:
        server.stop()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What customerd costs as it grows; tools/bench/growth starts this.

One server is filled in steps of ten.  At each it is asked for reads and updates by 50
connections, and its memory, its file and what it has written are looked at.
"""

import argparse
import datetime
import os
import re
import shutil
import signal
import sys
import tempfile

import servers
from compare import machine, on_signal
from servers import Failure

RECORDS_MIN, RECORD_BYTES = 10000, 650
DURATION_MS, CONNECTIONS_MS, SMOKE_MS = 3000, 2000, 200
MIB = float(1 << 20)


class Growing(servers.Customerd):
    """Filled step by step, and open to many."""

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
        return self.process_number("io", "write_bytes")

    def disk(self):
        """Bytes of all its files, as far as they are there."""
        return sum(512 * entry.stat().st_blocks for entry in os.scandir(self.data)
                   if entry.is_file())


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


def measure_records(server, begin, end, duration_ms):
    written = server.written()
    filled = server.fill(begin, end)
    fill_written = server.written() - written
    load = ("customerd", duration_ms, duration_ms // 4, "--connections", "50")
    reads = server.measure(*load)
    together = server.measure(*load, "--depth", "16")
    written = server.written()
    updates = server.measure(*load, "--updates", "100")
    update_written = server.written() - written
    row("{:,}".format(end),
        "%.1f MiB" % (server.memory() / MIB),
        "%.0f" % (server.disk() / end),
        "%.0f/s" % filled["per_second"],
        "%.1f" % (fill_written / ((end - begin) * RECORD_BYTES)),
        "%.0f µs, %.1f" % (reads["read_us"]["p50"], reads["server_us"]),
        "%.2f" % together["server_us"],
        "%.0f µs, %.1f" % (updates["update_us"]["p50"], updates["server_us"]),
        "%.0f" % updates.get("per_commit", 0),
        "%.1f" % (update_written / (updates["answers"] * RECORD_BYTES)))


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
    head("records", "memory of its own", "bytes on disk, each", "created",
         "bytes written for each byte", "read: p50, CPU µs", "pipelined: CPU µs",
         "update: p50, CPU µs", "in a commit", "bytes written for each byte")
    begin = 1
    for end in steps(min(RECORDS_MIN, arguments.records), arguments.records):
        measure_records(server, begin, end, SMOKE_MS if arguments.smoke else DURATION_MS)
        begin = end
    print()
    head("connections", "memory for them", "KiB each", "reads", "p50, p99", "CPU µs")
    memory = server.memory()
    for count in steps(1, arguments.connections):
        measure_connections(server, count, memory,
                            SMOKE_MS if arguments.smoke else CONNECTIONS_MS)


def main():
    arguments = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    folder = tempfile.mkdtemp(prefix="customerd-growth-", dir=arguments.data)
    server = Growing(folder, 1)
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

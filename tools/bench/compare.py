"""Measure customerd beside its peers; tools/bench/compare starts this.

A round of a case runs it with every server, one right after the other, and a ratio is
taken within a round: so whatever else the machine does meets both.  What is printed is
the median of the rounds, and in brackets the lowest and the highest.

A case has all its rounds before the next one begins, and what only reads goes first: an
update leaves work for later, and that would be counted as the next case's, or as that of
whoever is measured then.  Every second round goes the other way, so that nobody always
follows the same one, and who is first or last follows itself.  Before the rounds of
updates, but not with --quick, each server is updated for a while (servers.SEASON_MS).
"""

import argparse
import datetime
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile

import servers
from servers import Failure

ROUNDS, KEYS, DURATION_MS, WARMUP_MS = 7, 100000, 900, 200
SMOKE_KEYS, SMOKE_MS = 300, 100

# (label, server, protocol) of who is measured; the first is who the others are compared to.
READERS = (("customerd", "customerd", "customerd"),
           ("Redis GET", "redis", "redis"),
           ("Redis HGETALL", "redis", "redis-hash"),
           ("Tarantool", "tarantool", "tarantool"),
           ("PostgreSQL", "postgresql", "postgresql"),
           ("memcached", "memcached", "memcached"),
           ("echo floor", "echo", "echo"),
           ("itself by unix socket", "customerd, unix socket", "customerd"))
UPDATERS = (("customerd", "customerd", "customerd"),
            ("Redis HSET", "redis", "redis-hash"),
            ("Tarantool", "tarantool", "tarantool"),
            ("PostgreSQL", "postgresql", "postgresql"))
GETTERS = (("customerd-rest", "customerd-rest", "rest"),
           ("nginx, a file", "nginx, a file", "http"),
           ("node, a Map", "node with a Map", "http"))
PATCHERS = (("customerd-rest", "customerd-rest", "rest"),
            ("node, a Map", "node with a Map", "http"))

UPDATES = ("--updates", "100")

# What the server may use, when it is not one CPU: updates are also the work of the disk's
# threads, and the shim is two processes.
ONE, ALL = "one", "all"


class Section:
    def __init__(self, name, title, contestants, loads, options, cpus):
        self.name, self.title, self.contestants = name, title, contestants
        self.loads, self.options, self.cpus = loads, options, cpus


# In the order in which they are run: what only reads before what updates.
SECTIONS = (
    Section("reads", "Reads; server and generator on one CPU each", READERS,
            ((1, 1), (50, 1), (50, 16)), (), ONE),
    Section("http", "HTTP GET; customerd-rest with a durable customerd behind it", GETTERS,
            ((64, 1),), (), ALL),
    Section("updates", "Updates of two fields, answered after the flush", UPDATERS,
            ((1, 1), (16, 1), (64, 1), (256, 1), (50, 16)), UPDATES, ALL),
    Section("http", "HTTP PATCH; node keeps nothing on disk", PATCHERS, ((64, 1),), UPDATES,
            ALL),
)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/bench/compare", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", default="reads,updates,http")
    parser.add_argument("--keys", type=int)
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    short = arguments.quick or arguments.smoke
    arguments.rounds = arguments.rounds or (1 if short else ROUNDS)
    arguments.keys = arguments.keys or (SMOKE_KEYS if arguments.smoke else KEYS)
    return arguments


def say(text):
    print(text, file=sys.stderr, flush=True)


class Field:
    """All servers that the sections need, as far as they are installed."""

    def __init__(self, folder, keys, sections):
        self.wanted = {server for section in sections for _, server, _ in section.contestants}
        self.folder, self.keys, self.running, self.absent = folder, keys, {}, []

    def start(self):
        customerd = self.start_one(servers.Customerd)
        self.start_one(servers.CustomerdUnix, customerd)
        for kind in (servers.Redis, servers.Tarantool, servers.Postgres, servers.Memcached,
                     servers.Echo, servers.Node):
            self.start_one(kind)
        rest = self.start_one(servers.Rest, customerd)
        if rest:
            self.start_one(servers.Nginx, rest)

    def start_one(self, kind, *others):
        # The shim needs customerd, whether or not that is itself compared.
        if kind.name not in self.wanted and kind is not servers.Customerd:
            return None
        if not kind.is_installed():
            self.absent.append(kind.name)
            return None
        say("starting %s" % kind.name)
        server = kind(self.folder, self.keys, *others)
        self.running[kind.name] = server
        server.start()
        return server

    def stop(self):
        for server in reversed(list(self.running.values())):
            server.stop()


def season(field, section, duration_ms):
    """Update each server that SECTION measures."""
    for _, name, protocol in section.contestants:
        if name in field.running:
            say("updating %s for a while" % name)
            field.running[name].season(protocol, duration_ms)


def measure(field, section, contestant, load, arguments):
    """The figures of one run, or None where the server is not installed."""
    _, name, protocol = contestant
    server = field.running.get(name)
    if server is None:
        return None
    cpus = sorted(os.sched_getaffinity(0))
    options = [*section.options, "--connections", str(load[0]), "--depth", str(load[1])]
    if len(cpus) > 1:
        server.pin({cpus[0]} if section.cpus == ONE else set(cpus))
        options += ["--cpu", str(cpus[1])]
    duration, warmup = (SMOKE_MS, 0) if arguments.smoke else (DURATION_MS, WARMUP_MS)
    return server.measure(protocol, duration, warmup, *options)


def load_name(load):
    return "1 connection" if load == (1, 1) else (
        "%d connections" % load[0] if load[1] == 1 else "%d × %d pipelined" % load)


def run_rounds(field, sections, arguments):
    """Figures by (section, load, label), a list of the rounds."""
    results = {}
    for section in sections:
        if section.name == "updates" and not arguments.quick:
            season(field, section, SMOKE_MS if arguments.smoke else servers.SEASON_MS)
        for load in section.loads:
            for number in range(arguments.rounds):
                say("%s: %s, round %d of %d"
                    % (section.title, load_name(load), number + 1, arguments.rounds))
                # Who ran before may still be at work: not always the same one.
                for contestant in section.contestants[::-1 if number % 2 else 1]:
                    figures = measure(field, section, contestant, load, arguments)
                    key = (section.title, load, contestant[0])
                    if figures is not None:
                        results.setdefault(key, []).append(figures)
    return results


# ---- what came out ----


def spread(values, form="%.2f"):
    """The median, and the range where there is one."""
    median = form % statistics.median(values)
    if len(values) == 1:
        return median
    return "%s (%s–%s)" % (median, form % min(values), form % max(values))


def ratios(results, section, load, label, figure):
    """Of FIGURE, of the first contestant to LABEL, round by round."""
    own = results[section.title, load, section.contestants[0][0]]
    others = results.get((section.title, load, label), [])
    return [figure(a) / figure(b) for a, b in zip(own, others)]


def per_second(figures):
    return figures["per_second"]


def per_cpu_second(figures):
    # A clock of nanoseconds, but a run may be short, and its server have rested.
    return 1 / max(figures["server_us"], 1e-3)


def print_section(section, results, out):
    own, *others = section.contestants
    others = [label for label, _, _ in others
              if any((section.title, load, label) in results for load in section.loads)]
    print("### %s\n" % section.title, file=out)
    print("| | %s: a second; p50, p99 µs; CPU µs each | %s |"
          % (own[0], " | ".join("× " + label for label in others)), file=out)
    print("| --- |%s" % (" --- |" * (1 + len(others))), file=out)
    for load in section.loads:
        runs = results[section.title, load, own[0]]
        times = [run["update_us" if "update_us" in run else "read_us"] for run in runs]
        cells = ["%s; %.0f, %.0f; %.1f" % (
            spread([run["per_second"] / 1000 for run in runs], "%.1fk"),
            statistics.median(time["p50"] for time in times),
            statistics.median(time["p99"] for time in times),
            statistics.median(run["server_us"] for run in runs))]
        together = [run["per_commit"] for run in runs if "per_commit" in run]
        if together and section.options == UPDATES:
            cells[0] += "; %.0f in a commit" % statistics.median(together)
        for label in others:
            cells.append("**%s**<br>%s" % tuple(
                spread(ratios(results, section, load, label, figure))
                for figure in (per_second, per_cpu_second)) if
                (section.title, load, label) in results else "")
        print("| %s | %s |" % (load_name(load), " | ".join(cells)), file=out)
    print(file=out)


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file
                      if line.startswith("model name")), "unknown CPU")
    return "%d × %s, Linux %s" % (len(os.sched_getaffinity(0)), model, os.uname().release)


def report(sections, results, arguments, absent, out):
    print("Measured on %s, on %s, with %d records of 650 bytes, in %d rounds.\n"
          "A ratio says how many times as many answers customerd gives as the other in the same\n"
          "round, a second (in bold) and for a second of the server's CPU, which is what counts\n"
          "on a machine that others use, too: median (lowest–highest).\n"
          % (datetime.date.today(), machine(), arguments.keys, arguments.rounds), file=out)
    for section in sections:
        print_section(section, results, out)
    for name in absent:
        print("Not installed, so not measured: %s." % name, file=out)


def save(results, path):
    with open(path, "w") as file:
        json.dump([{"section": title, "load": load, "who": label, "rounds": rounds}
                   for (title, load, label), rounds in results.items()], file, indent=1)


def on_signal(number, frame):
    raise Failure("ended by a signal")


def main():
    arguments = parse_arguments()
    sections = [section for section in SECTIONS
                if section.name in arguments.only.split(",")]
    for section in sections if arguments.smoke else ():
        section.loads = section.loads[-1:]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    folder = tempfile.mkdtemp(prefix="customerd-compare-", dir=arguments.data)
    os.chmod(folder, 0o755)   # PostgreSQL and nginx give up being root
    field = Field(folder, arguments.keys, sections)
    try:
        field.start()
        results = run_rounds(field, sections, arguments)
        report(sections, results, arguments, field.absent, sys.stdout)
        if arguments.json:
            save(results, arguments.json)
    except Failure as failure:
        say("tools/bench/compare: %s" % failure)
        return 1
    finally:
        field.stop()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run all tests and count them; tools/test starts this.

A suite is one kind of test on one build.  Its output goes into a file under
build/VARIANT/test-logs and is shown only if something failed.  A program that crashes,
hangs or leaves a sanitizer's report counts as a failure, whatever it has counted itself.

What the tests find in their environment:

    CUSTOMERD, CUSTOMERCTL   the programs of the build under test
    CUSTOMERD_REST           the HTTP shim
    CUSTOMERD_BENCH          the generator
    HTTP_ECHO                an application of its HTTP server, for rest/http/
    CUSTOMERD_FAULT, CUSTOMERD_NOSYNC
                             servers that lie, for durability/: one answers before it
                             commits, the other does not sync
    VARIANT                  the build: release, asan or tsan
    LENGTH                   quick, normal or long: how much a durability test does
"""

import argparse
import concurrent.futures
import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"   # the one that Debian's python3-* packages are for
CORES = len(os.sched_getaffinity(0))
LANES = CORES + 1

VARIANTS = ("release", "asan", "tsan")
LIARS = ("fault", "nosync")   # builds of the server only, for durability/ to find out
# They mostly wait, so a few run side by side, the longest first; alone is what makes a crowd.
TOGETHER = ("durability", "server", "rest", "ctl", "bench", "client", "protocol")
ALONE = ("hostile",)
LONG_FOLDERS = ("durability", "hostile", "fuzz")

# What is hostile, what is durable, who is who: regular expressions of files.
COVERED = ("proto/scan", "server/kv/", "server/net/auth", "server/domain/token",
           "server/domain/identity")
COVERED_PERCENT_MIN = 95

# No run takes longer, whatever hangs.
ALL_S_MAX = 25 * 60
LONG_S_MAX = 24 * 3600
PROGRAM_S_MAX = 5 * 60
CLEANUP_S_MAX = 10
SHOWN_LINES_MAX = 80

deadline = 0.0
running = set()     # processes, of all threads


class Tally:
    """What came out: names of what passed, and with a reason of what did not."""

    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def line(self):
        return "%d passed, %d failed, %d skipped" % (
            len(self.passed), len(self.failed), len(self.skipped))


def say(text):
    print(text, flush=True)


def environment(variant, length):
    build = os.path.join(ROOT, "build", variant)
    reports = os.path.join(logs_of(variant), "sanitizer")
    return dict(
        os.environ, VARIANT=variant, LENGTH=length,
        CUSTOMERD=os.path.join(build, "server", "customerd"),
        CUSTOMERCTL=os.path.join(build, "tools", "ctl", "customerctl"),
        CUSTOMERD_REST=os.path.join(build, "tools", "rest", "customerd-rest"),
        CUSTOMERD_BENCH=os.path.join(build, "tools", "bench", "customerd-bench"),
        HTTP_ECHO=os.path.join(build, "tests", "rest", "http", "echo"),
        CUSTOMERD_FAULT=os.path.join(ROOT, "build", "fault", "server", "customerd"),
        CUSTOMERD_NOSYNC=os.path.join(ROOT, "build", "nosync", "server", "customerd"),
        PYTHONDONTWRITEBYTECODE="1",
        ASAN_OPTIONS="log_path=%s:detect_leaks=1" % reports,
        UBSAN_OPTIONS="log_path=%s:print_stacktrace=1" % reports,
        TSAN_OPTIONS="log_path=%s:second_deadlock_stack=1" % reports)


def logs_of(variant):
    return os.path.join(ROOT, "build", variant, "test-logs")


def end_group(process):
    """End PROCESS and whatever it has left behind; it may clean up first."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(CLEANUP_S_MAX)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(command, log_path, env=None, cwd=ROOT, seconds_max=ALL_S_MAX):
    """Run COMMAND to its end; None, or what went wrong with it as a whole."""
    seconds = max(1.0, min(seconds_max, deadline - time.monotonic()))
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, env=env, cwd=cwd,
                                   start_new_session=True)
        running.add(process)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return "did not end within %d s" % seconds
        finally:
            end_group(process)
            running.discard(process)
    if status < 0:
        return "was ended by " + signal.Signals(-status).name
    return None if status == 0 else "ended with status %d" % status


def side_by_side(lanes, calls):
    """What CALLS, lists of a function and its arguments, return, as they end.

    Whoever stops this stops the programs that they run, too.
    """
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        futures = [pool.submit(*call) for call in calls]
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                end_group(process)
            raise


def show_log(path):
    with open(path, errors="replace") as log:
        lines = log.readlines()
    say("---- the end of %s\n%s\n----" % (      # at once, as others talk, too
        os.path.relpath(path, ROOT), "".join(lines[-SHOWN_LINES_MAX:]).rstrip("\n")))


def read_junit(path, prefix):
    """The cases of a JUnit file, as cmocka and pytest write it; None without one."""
    tally = Tally()
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return None
    # A test that fails once more while it is torn down is there twice.
    cases = {}
    for case in root.iter("testcase"):
        name = "%s: %s" % (prefix, case.get("name"))
        if case.get("classname"):
            name = "%s: %s.%s" % (prefix, case.get("classname"), case.get("name"))
        cases.setdefault(name, []).extend(case)
    for name, children in cases.items():
        marks = {child.tag: child.get("message") or (child.text or "").strip()
                 for child in children}
        if "failure" in marks or "error" in marks:
            tally.failed.append((name, marks.get("failure") or marks.get("error", "")))
        elif "skipped" in marks:
            # cmocka passes no reason on.
            tally.skipped.append((name, marks["skipped"] or "its source says why"))
        else:
            tally.passed.append(name)
    return tally


def with_junit(command, path, log_path, prefix, env, seconds_max=ALL_S_MAX):
    """Run COMMAND, which writes a JUnit file to PATH."""
    problem = run(command, log_path, env=env, seconds_max=seconds_max)
    tally = read_junit(path, prefix)
    if tally is None:
        tally = Tally()
        tally.failed.append((prefix, problem or "counted no tests"))
    elif problem and not tally.failed:
        tally.failed.append((prefix, problem))
    return tally


# ---- the suites ----


def build(variant, targets, logs):
    log_path = os.path.join(logs, "build.log")
    tally = Tally()
    problem = run(["scons", "-Q", "-s", "-j%d" % CORES, "variant=" + variant, *targets],
                  log_path)
    if problem:
        tally.failed.append(("%s build" % variant, problem))
        show_log(log_path)
    return tally


def unit_program(variant, program, logs, env):
    name = os.path.basename(program)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cmocka.xml")
        log_path = os.path.join(logs, name + ".log")
        tally = with_junit(
            [program], path, log_path, "%s %s" % (variant, name),
            dict(env, CMOCKA_MESSAGE_OUTPUT="xml", CMOCKA_XML_FILE=path), PROGRAM_S_MAX)
    for test, why in tally.failed:
        say("---- %s\n%s" % (test, why))
    if tally.failed and os.path.getsize(log_path) > 1:
        show_log(log_path)
    return tally


def unit(variant, logs, env):
    tally = Tally()
    programs = [path for path in sorted(glob.glob(
        os.path.join(ROOT, "build", variant, "tests", "unit", "test_*")))
        if os.access(path, os.X_OK)]
    # Left over from a source that is gone?
    programs = [path for path in programs if os.path.exists(
        os.path.join(ROOT, "tests", "unit", os.path.basename(path) + ".c"))]
    for part in side_by_side(
            CORES, [(unit_program, variant, program, logs, env) for program in programs]):
        tally.add(part)
    return tally


def fuzz(variant, logs, env):
    """Replay the stored inputs of every fuzz target; each file is a test."""
    tally = Tally()
    for source in sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "fuzz_*.c"))):
        name = os.path.basename(source)[:-2]
        program = os.path.join(ROOT, "build", variant, "tests", "fuzz", name)
        corpus = os.path.join(ROOT, "tests", "fuzz", "corpus", name[len("fuzz_"):])
        log_path = os.path.join(logs, name + ".log")
        problem = run([program, corpus], log_path, env=env, seconds_max=PROGRAM_S_MAX)
        if problem:
            tally.failed.append(("%s %s" % (variant, name), problem))
            show_log(log_path)
        else:
            tally.passed += ["%s %s: %s" % (variant, name, file)
                             for file in os.listdir(corpus) if not file.startswith(".")]
    return tally


def pytest(variant, where, logs, env, shows=False):
    """Run the Python tests in WHERE, a path below tests/; with SHOWS, show what they say."""
    name = where.replace("/", "-")
    log_path = os.path.join(logs, name + ".log")
    path = os.path.join(logs, name + ".xml")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    tally = with_junit(
        [PYTHON, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "--junitxml=" + path,
         *(["-s"] if shows else []), os.path.join("tests", where)],
        path, log_path, variant, env, LONG_S_MAX)
    if tally.failed or shows:
        show_log(log_path)
    return tally


def sanitizer_reports(variant, logs):
    """A report of a sanitizer is a failure, wherever it was written."""
    tally = Tally()
    for path in sorted(glob.glob(os.path.join(logs, "sanitizer.*"))):
        with open(path, errors="replace") as file:
            text = file.read()
        # A mere warning, of an allocation that a test lets fail, has no summary.
        if "SUMMARY: " in text or "runtime error: " in text:
            tally.failed.append(("%s sanitizer" % variant, os.path.relpath(path, ROOT)))
            show_log(path)
    return tally


# ---- the whole ----


def install_node_modules(logs):
    """Fetch the npm packages that tests name, once for each lock file."""
    tally = Tally()
    for lock in glob.glob(os.path.join(ROOT, "tests", "**", "package-lock.json"),
                          recursive=True):
        folder = os.path.dirname(lock)
        stamp = os.path.join(folder, "node_modules", ".package-lock.json")
        if "node_modules" in os.path.relpath(folder, ROOT) or (
                os.path.exists(stamp) and
                os.path.getmtime(stamp) >= os.path.getmtime(lock)):
            continue
        log_path = os.path.join(logs, "npm.log")
        problem = run(["npm", "ci", "--no-audit", "--no-fund"], log_path, cwd=folder,
                      seconds_max=PROGRAM_S_MAX)
        if problem:
            tally.failed.append(("npm ci in %s" % os.path.relpath(folder, ROOT), problem))
            show_log(log_path)
    return tally


def counted(variant, suite, function, *arguments):
    """Run a suite and say how it went."""
    began = time.monotonic()
    tally = function(*arguments)
    if tally.passed or tally.failed or tally.skipped:
        say("%-8s %-12s %s  (%.0f s)" % (
            variant, suite, tally.line(), time.monotonic() - began))
    return tally


def count(total, variant, suite, function, *arguments):
    """Run a suite, say how it went, and add it to TOTAL; true when nothing failed."""
    tally = counted(variant, suite, function, *arguments)
    total.add(tally)
    return not tally.failed


def clear_logs(variant):
    logs = logs_of(variant)
    os.makedirs(logs, exist_ok=True)
    for path in glob.glob(os.path.join(logs, "*")):
        os.unlink(path)
    return logs


def build_liars(total):
    for variant in LIARS:
        count(total, variant, "build", build, variant, ["build/%s/server" % variant],
              clear_logs(variant))


def run_variant(total, variant, length):
    # Killing a slow server shows nothing that killing a fast one does not; and who is
    # killed does not tell which branches it took.
    def is_wanted(folder):
        return variant == "release" or folder not in LONG_FOLDERS

    logs = clear_logs(variant)
    env = environment(variant, length)
    targets = ["build/%s/%s" % (variant, part)
               for part in ("proto", "client", "server", "tools")] + ["tests"]
    if not count(total, variant, "build", build, variant, targets, logs):
        return
    count(total, variant, "npm", install_node_modules, logs)
    count(total, variant, "unit", unit, variant, logs, env)
    count(total, variant, "fuzz corpus", fuzz, variant, logs, env)
    for tally in side_by_side(LANES, [
            (counted, variant, folder, pytest, variant, folder, logs, env)
            for folder in TOGETHER if is_wanted(folder)]):
        total.add(tally)
    for folder in filter(is_wanted, ALONE):
        count(total, variant, folder, pytest, variant, folder, logs, env)
    count(total, variant, "sanitizer", sanitizer_reports, variant, logs)


def run_long(total, name):
    logs = clear_logs("release")
    tests = os.path.join(ROOT, "tests")
    found = [os.path.relpath(path, tests) for folder in LONG_FOLDERS
             for path in glob.glob(os.path.join(tests, folder, "test_%s.py" % name))]
    if not found:
        total.failed.append((name, "there is no test_%s.py in %s of tests" % (
            name, " or ".join(LONG_FOLDERS))))
    elif count(total, "release", "build", build, "release",
               ["build/release/server", "build/release/tools", "build/release/tests"], logs):
        build_liars(total)
        count(total, "release", name, pytest, "release", found[0], logs,
              environment("release", "long"), True)


def clear_counts():
    """Forget which branches earlier runs took."""
    for path in glob.glob(os.path.join(ROOT, "build", "coverage", "**", "*.gcda"),
                          recursive=True):
        os.unlink(path)


def coverage(logs):
    """Of each file that must be covered: has the run taken enough of its branches?"""
    path = os.path.join(logs, "coverage.json")
    command = ["gcovr", "--object-directory", os.path.join("build", "coverage"),
               "--exclude-branches-by-pattern", r".*\bassert\(", "--json-summary", path]
    for file in COVERED:
        command += ["--filter", file]
    problem = run(command, os.path.join(logs, "gcovr.log"), seconds_max=PROGRAM_S_MAX)
    tally = Tally()
    if problem:
        tally.failed.append(("gcovr", problem))
        show_log(os.path.join(logs, "gcovr.log"))
        return tally
    with open(path) as file:
        files = json.load(file)["files"]
    for file in files:
        line = "%5.1f %% of %d branches, %5.1f %% of %d lines: %s" % (
            file["branch_percent"] or 100, file["branch_total"],
            file["line_percent"], file["line_total"], file["filename"])
        say(line)
        if file["branch_total"] and file["branch_percent"] < COVERED_PERCENT_MIN:
            tally.failed.append(("coverage", line))
        else:
            tally.passed.append(line)
    return tally


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/test", add_help=False)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    parser.add_argument("--long", metavar="NAME")
    return parser.parse_args()


def main():
    global deadline
    arguments = parse_arguments()
    deadline = time.monotonic() + (LONG_S_MAX if arguments.long else ALL_S_MAX)
    length = "quick" if arguments.quick else "normal"
    variants = arguments.variant or (["release"] if arguments.quick else list(VARIANTS))

    total = Tally()
    if arguments.long:
        run_long(total, arguments.long)
        variants = []
    if arguments.coverage:
        variants = ["coverage"]
        clear_counts()
    for variant in variants:
        if variant == "release":
            build_liars(total)
        run_variant(total, variant, length)
    if arguments.coverage:
        count(total, "coverage", "branches", coverage, logs_of("coverage"))

    for name, why in total.skipped:
        say("skipped %s: %s" % (name, why))
    for name, why in total.failed:
        say("failed %s: %s" % (name, why.strip().split("\n")[0]))
    say(total.line())
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped")

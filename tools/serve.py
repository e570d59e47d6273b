"""Build customerd and run it until a signal comes; tools/run starts this.

The server says by itself when it is ready (sd_notify), so nothing here sleeps or
guesses.  A child that ends by itself ends the whole with its last words.
"""

import argparse
import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
CUSTOMERD = os.path.join(BUILD, "server", "customerd")
CUSTOMERD_REST = os.path.join(BUILD, "tools", "rest", "customerd-rest")

READY_S_MAX = 60      # for a server to come up; a large database is checked first
STOP_S_MAX = 30       # for a server to end after SIGTERM
UNIX_PATH_MAX = 107   # what fits into the address of a unix socket
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# A file in the data directory that says how far its sample data is.
SAMPLE = "sample-data"
PENDING, LOADED = "pending\n", "loaded\n"


class Failure(Exception):
    """Something that a sentence explains."""


class Stop(Exception):
    """A signal asked for the end."""


stopping = False


def on_signal(number, frame):
    global stopping
    if not stopping:   # once is enough: the way out must not be interrupted
        stopping = True
        raise Stop()


def address(text):
    """HOST:PORT as (HOST, PORT)."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError("%r is not HOST:PORT" % text)
    return host.strip("[]"), int(port)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/run", add_help=False)
    parser.add_argument("--data", metavar="DIR",
                        default=os.path.join(ROOT, "build", "run"))
    for name, default in (("--listen", "127.0.0.1:7410"), ("--rest", "127.0.0.1:7480"),
                          ("--admin", "127.0.0.1:7481")):
        parser.add_argument(name, metavar="HOST:PORT", default=default)
    arguments = parser.parse_args()
    for name in ("listen", "rest", "admin"):
        try:
            address(getattr(arguments, name))
        except argparse.ArgumentTypeError as error:
            parser.error("--%s: %s" % (name, error))
    arguments.data = os.path.abspath(arguments.data)
    return arguments


def build():
    cores = len(os.sched_getaffinity(0))
    print("Building ...", flush=True)
    done = subprocess.run(["scons", "-C", ROOT, "-Q", "-s", "-j%d" % cores])
    if done.returncode != 0:
        raise Failure("the build failed; see above")


def must_be_free(where, option):
    """Refuse an address in use before anything starts."""
    host, port = address(where)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise Failure("cannot listen on %s: %s; choose another address with %s HOST:PORT"
                      % (where, error.strerror or error, option))


def sample_state(path, new_state=None):
    """How far the sample data in PATH is; None where it was never wanted."""
    try:
        with open(os.path.join(path, SAMPLE), "w" if new_state else "r") as file:
            if new_state:
                file.write(new_state)
            return new_state or file.read()
    except FileNotFoundError:
        return None


def prepare_data(path):
    """Make the data directory if need be; a new one is to get sample data."""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        if not os.listdir(path):
            sample_state(path, PENDING)
    except OSError as error:
        raise Failure("cannot use %s: %s" % (path, error.strerror))


def last_lines(path, count=5):
    with open(path, errors="replace") as log:
        return "".join("  " + line for line in log.readlines()[-count:])


class Program:
    """A child process with a log file, that says when it is ready."""

    def __init__(self, arguments, log_path):
        self.name = os.path.basename(arguments[0])
        self.log_path = log_path
        # An abstract address: nothing is left behind.
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = "customerd-run-" + secrets.token_hex(8)
        self.notify.bind("\0" + name)
        with open(log_path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as log:
            # In a session of its own: Ctrl-C reaches us alone, and we stop it in order.
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, NOTIFY_SOCKET="@" + name), start_new_session=True,
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS))
        self.pidfd = os.pidfd_open(self.process.pid)

    def has_ended(self):
        return Failure("%s ended by itself; its last words in %s:\n%s" % (
            self.name, self.log_path, last_lines(self.log_path)))

    def wait_until_ready(self):
        while True:
            readable, _, _ = select.select([self.notify, self.pidfd], [], [], READY_S_MAX)
            if self.notify in readable and b"READY=1" in self.notify.recv(4096).split(b"\n"):
                return
            if self.pidfd in readable:
                raise self.has_ended()
            if not readable:
                raise Failure("%s was not ready within %d s; see %s" % (
                    self.name, READY_S_MAX, self.log_path))

    def ready_line(self):
        """What the program logged when it was ready."""
        with open(self.log_path) as log:
            for line in log:
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if entry.get("event") == "ready":
                        return entry
        return {}

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            print("%s did not stop within %d s and is killed" % (self.name, STOP_S_MAX))
            self.process.kill()
            self.process.wait()


class Programs:
    """What runs now; stopped in reverse order."""

    def __init__(self):
        self.running = []

    def start(self, arguments, log_path):
        # No signal may come between the start of a child and knowing of it.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            program = Program(arguments, log_path)
            self.running.append(program)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        program.wait_until_ready()
        return program

    def wait(self):
        """Until one of them ends by itself, or a signal comes."""
        by_pidfd = {program.pidfd: program for program in self.running}
        readable, _, _ = select.select(list(by_pidfd), [], [])
        raise by_pidfd[readable[0]].has_ended()

    def stop(self):
        global stopping
        stopping = True
        while self.running:
            self.running.pop().stop()


REQUESTS = """
In a browser, every request of every format: http://{rest}/docs

Over HTTP, the documented request of each format:

  curl -g -X PATCH 'http://{rest}/api/customers/XAyRWNUzyN' \\
    -H 'Accept: application/vnd.api+json' \\
    -H 'Authorization: Bearer your-access-token' \\
    -H 'Content-Type: application/vnd.api+json' \\
    -d '{{"data": {{"type": "customers", "id": "xYZkjABcde",
         "attributes": {{"password": "secret"}}, "relationships": {{"customer_group":
         {{"data": {{"type": "customer_groups", "id": "ABCRtyUpBa"}}}}}}}}}}'
  curl -g -X PATCH 'http://{rest}/api/customer_groups/xYZkjABcde' \\
    -H 'Accept: application/vnd.api+json' \\
    -H 'Authorization: Bearer your-access-token' \\
    -H 'Content-Type: application/vnd.api+json' \\
    -d '{{"data": {{"type": "customer_groups", "id": "xYZkjABcde",
         "attributes": {{"reference": "ANY-EXTERNAL-REFEFERNCE"}}}}}}'
  curl -X PUT http://{rest}/api/v1/customers/123/ \\
    -H "Authorization: Bearer YOUR_TOKEN" -H "Content-Type: application/json" \\
    -d '{{"email": "[email protected]", "first_name": "John", "last_name": "Doe",
         "date_of_birth": "1990-01-15", "address": {{
         "street_address": "456 Oak Avenue", "postal_code": 54321,
         "city": "Los Angeles", "state": "California", "country": "United States"}}}}'
  curl -X PUT http://{rest}/stores/store_hash/v3/customers \\
    -H 'X-Auth-Token: access_token' -H 'Content-Type: application/json' \\
    -d '[{{"id": 12345, "first_name": "Ada"}}]'
  curl -X PUT http://{rest}/api/v3/1003/customers/177737165 \\
    -H 'Authorization: Bearer secret_token' -H 'Content-Type: application/json' \\
    -d '{{"name": "Support team (VIP)", "customerGroupId": 9367001,
         "customerGroupName": "VIP"}}'
"""


def say_what_to_try(listen, unix_path, rest, data):
    ctl = os.path.relpath(os.path.join(BUILD, "tools", "ctl", "customerctl"))
    print("customerd serves %s and %s; its records and its log are in %s"
          % (listen, unix_path, data))
    if sample_state(data) == LOADED:
        print("""
Try, in another terminal:

  {ctl} --connect {listen} --token your-access-token \\
      customer show XAyRWNUzyN
  {ctl} --connect {listen} --token access_token \\
      customer update 12345 first_name=Ada
  {ctl} --unix {unix} top
""".format(ctl=ctl, listen=listen, unix=unix_path))
        if rest:
            print(REQUESTS.format(rest=rest).lstrip("\n"))
    print("Ctrl-C stops it.", flush=True)


def start_server(arguments, programs, socket_folder):
    """Start customerd, with sample data; return where it listens, and its unix socket."""
    prepare_data(arguments.data)
    unix_path = os.path.join(arguments.data, "customerd.sock")
    if len(os.fsencode(unix_path)) > UNIX_PATH_MAX:
        unix_path = os.path.join(socket_folder, "customerd.sock")
    server = programs.start(
        [CUSTOMERD, "--data", arguments.data, "--listen", arguments.listen,
         "--unix", unix_path], os.path.join(arguments.data, "customerd.log"))
    if sample_state(arguments.data) == PENDING:
        done = subprocess.run([os.path.join(ROOT, "tools", "sample-data"), unix_path])
        if server.process.poll() is not None:
            raise server.has_ended()
        if done.returncode != 0:
            raise Failure("the sample data could not be loaded; remove %s to begin anew"
                          % arguments.data)
        sample_state(arguments.data, LOADED)
    return server.ready_line().get("listen", arguments.listen), unix_path


def start_shim(arguments, programs, unix_path):
    if not os.path.exists(CUSTOMERD_REST):
        print("This build has no customerd-rest: --rest and --admin have no effect.")
        return None
    must_be_free(arguments.rest, "--rest")
    must_be_free(arguments.admin, "--admin")
    # Accounts are opened and logins answered in the store of the sample data.
    public = ["--public-store", "1"] if sample_state(arguments.data) == LOADED else []
    shim = programs.start(
        [CUSTOMERD_REST, "--server", "unix:" + unix_path, "--listen", arguments.rest,
         "--admin", arguments.admin] + public,
        os.path.join(arguments.data, "customerd-rest.log"))
    return shim.ready_line().get("listen", arguments.rest)


def main():
    arguments = parse_arguments()
    programs = Programs()
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:   # nohup
            signal.signal(number, on_signal)
    try:
        build()
        os.umask(0o077)
        must_be_free(arguments.listen, "--listen")
        with tempfile.TemporaryDirectory(prefix="customerd-run-") as socket_folder:
            try:
                listen, unix_path = start_server(arguments, programs, socket_folder)
                rest = start_shim(arguments, programs, unix_path)
                say_what_to_try(listen, unix_path, rest, arguments.data)
                programs.wait()
            finally:
                programs.stop()
    except Failure as failure:
        print("tools/run: %s" % failure, file=sys.stderr)
        return 1
    except Stop:
        print("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

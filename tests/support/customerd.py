"""The vocabulary of the behaviour tests: a server, its clients, a shop.

A test starts the real program and talks to it over real sockets.  Nothing here
sleeps: a server is up when it says so, an answer is there when it arrives.

    server   = Server()                       a process and a data directory of its own
    operator = server.operator()              a Client on the unix socket
    shop     = Shop(server)                   a store, and a token with every scope
    ada      = must_create(shop.c, email="ada@example.com")
    refused(shop.c, "customer.create", {"set": {"email": "ada@example.com"}},
            "INVALID", {"set.email": "TAKEN"})

The program is the one that the environment names in CUSTOMERD.
"""

import atexit
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import msgpack

from support.ending import unhurried

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CUSTOMERD = os.path.abspath(os.environ.get(
    "CUSTOMERD", os.path.join(ROOT, "build", "release", "server", "customerd")))

# How long anything may take before a test gives up.  Sanitizers are slow.
PATIENCE_S = 60
LOG_LINES_MAX = 100_000     # that are kept of a run; of a longer one the newest half

# Every scope that a token can have.
SCOPES = ["customers.read", "customers.write", "customers.delete", "customers.private",
          "customers.password", "customers.anonymize", "groups.read", "groups.write",
          "tags.read", "tags.write", "store.read", "changes.read", "import"]

_numbers = itertools.count(1)


def fresh(prefix):
    """A word that no other test has used."""
    return "%s%d" % (prefix, next(_numbers))


def wait_until(condition, what):
    """Wait for something that no event announces."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain: " + what
        time.sleep(0.01)


class Refused(Exception):
    """The server answered with an error map."""

    def __init__(self, error):
        super().__init__(json.dumps(error, default=repr))
        self.map = error
        self.code = error["code"]
        self.message = error["message"]
        self.retryable = error["retryable"]
        self.revision = error.get("revision")
        self.errors = {e["path"]: e["code"] for e in error.get("errors", [])}


class StartFailed(Exception):
    """The server ended before it was ready."""

    def __init__(self, status, log):
        super().__init__("exit status %s\n%s" % (status, "\n".join(log)))
        self.status = status
        self.text = "\n".join(log)


class Client:
    """One connection.  Blocking calls, pipelined requests, or raw bytes."""

    def __init__(self, sock, token=None):
        self.sock = sock
        self.sock.settimeout(PATIENCE_S)
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=True)
        self.msgids = itertools.count(1)
        self.answers = {}        # by msgid: [error, result], not yet asked for
        self.notifications = []  # [method, params]
        if token is not None:
            self.call("hello", {"token": token})

    def call(self, method, args=None, **meta):
        """The result of METHOD; raises Refused."""
        return self.wait(self.send(method, args, **meta))

    def send(self, method, args=None, **meta):
        """Send a request and return its msgid."""
        msgid = next(self.msgids)
        self.send_raw(msgpack.packb(self.request(msgid, method, args, **meta)))
        return msgid

    @staticmethod
    def request(msgid, method, args=None, **meta):
        params = [args if args is not None else {}]
        return [0, msgid, method, params + [meta] if meta else params]

    def notify(self, method, *params):
        self.send_raw(msgpack.packb([2, method, list(params)]))

    def send_raw(self, data):
        self.sock.sendall(data)

    def wait(self, msgid):
        """The result for MSGID; answers for others are kept for them."""
        while msgid not in self.answers:
            self.receive()
        error, result = self.answers.pop(msgid)
        if error is not None:
            assert isinstance(error, dict) and error, "an error is a map with content"
            assert result is None
            raise Refused(error)
        return result

    def receive(self):
        """Take the next message, whatever it is, and return it."""
        for message in self.unpacker:
            break
        else:
            data = self.sock.recv(1 << 16)
            if not data:
                raise ConnectionError("the server closed the connection")
            self.unpacker.feed(data)
            return self.receive()
        if message[0] == 1:
            assert message[1] not in self.answers, "two answers for one msgid"
            self.answers[message[1]] = message[2:]
        else:
            assert message[0] == 2, message
            self.notifications.append(message[1:])
        return message

    def closed(self):
        """Read to the end.  True when the server closed the connection."""
        try:
            while True:
                self.receive()
        except (ConnectionError, msgpack.OutOfData):
            return True
        except socket.timeout:
            return False

    def refusal(self):
        """The code of the error notification that precedes a close."""
        assert self.closed()
        assert [n[0] for n in self.notifications] == ["error"], self.notifications
        error = self.notifications[0][1][0]
        assert error["message"] and error["retryable"] is False
        return error["code"]

    def close(self):
        self.sock.close()


class Server:
    """The real program on a data directory of its own."""

    def __init__(self, *options, start=True):
        self.process = self.listener = self.reader = None
        with unhurried():
            self.root = tempfile.mkdtemp(prefix="customerd-")
            atexit.register(self.remove)    # in case no with-statement does it
        self.data = os.path.join(self.root, "data")
        self.unix = os.path.join(self.root, "socket")
        os.mkdir(self.data, 0o700)
        self.options = options
        self.log = []
        # Listen first, then start: a client may dial at once and waits in the backlog.
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = self.listener.getsockname()
        if start:
            self.start()

    def command(self):
        fd = self.listener.fileno()
        return [CUSTOMERD, "--data", self.data, "--unix", self.unix, "--listen=",
                "--listen-fd", str(fd), *self.options]

    def start(self):
        """Start and wait for the line that says ready; raises StartFailed."""
        self.log = []
        self.ready = None
        self.log_ended = False      # here, not by the reader: it may come late
        with unhurried():
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                pass_fds=[self.listener.fileno()])
        changed = threading.Condition()
        self.reader = threading.Thread(target=self._read_log, args=(changed,), daemon=True)
        self.reader.start()
        with changed:
            done = changed.wait_for(lambda: self.ready or self.log_ended, PATIENCE_S)
        if not self.ready:
            if not done:
                self.process.kill()
            raise StartFailed(self.process.wait(), self.log)
        return self

    def _read_log(self, changed):
        for line in self.process.stderr:
            line = line.decode("utf-8", "replace").rstrip("\n")
            with changed:
                self.log.append(line)
                if len(self.log) > LOG_LINES_MAX:
                    del self.log[:LOG_LINES_MAX // 2]
                if '"event":"ready"' in line:
                    self.ready = json.loads(line)
                    changed.notify_all()
        with changed:
            self.log_ended = True
            changed.notify_all()

    def dial(self, token=None):
        """A client over TCP."""
        sock = socket.create_connection(self.address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Client(sock, token)

    def operator(self):
        """A client over the unix socket; who runs the tests runs the server."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.unix)
        return Client(sock)

    def kill(self):
        self.process.kill()
        self.wait()

    def terminate(self):
        """Stop cleanly; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        """Wait for the end; the exit status."""
        status = self.process.wait(PATIENCE_S)
        if self.reader:     # or it was ended before there was one
            self.reader.join(PATIENCE_S)
        self.process.stderr.close()
        self.process = None
        return status

    def restart(self):
        if self.process:
            assert self.terminate() == 0
        return self.start()

    def verify(self):
        """Run `customerd verify`; (exit status, what it said)."""
        return run("verify", self.data)

    def remove(self):
        """End whatever still runs and delete everything."""
        with unhurried():
            self._remove()

    def _remove(self):
        atexit.unregister(self.remove)
        if self.process:
            self.process.kill()
            self.wait()
        if self.listener:
            self.listener.close()
        shutil.rmtree(self.root)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


def run(*arguments):
    """Run the program to its end; (exit status, all that it printed)."""
    done = subprocess.run([CUSTOMERD, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE_S)
    return done.returncode, done.stdout.decode("utf-8", "replace")


_tables = None


def describe():
    """What `customerd describe` says, read once."""
    global _tables
    if _tables is None:
        status, text = run("describe")
        assert status == 0, text
        _tables = json.loads(text)
    return _tables


class Shop:
    """A store of its own on a server that others may share."""

    def __init__(self, server, **fields):
        self.server = server
        self.operator = server.operator()
        self.clients = [self.operator]
        fields = {"name": fresh("Shop "), "mode": "test", **fields}
        self.store = self.operator.call("store.create", {"set": fields})["id"]
        self.c = self.dial()

    def token(self, scopes=None, **fields):
        """A new token of this store, in clear."""
        fields = {"name": fresh("token "), "store": self.store,
                  "scopes": SCOPES if scopes is None else scopes, **fields}
        self.last_token = self.operator.call("token.create", {"set": fields})
        return self.last_token["token"]

    def dial(self, scopes=None, **fields):
        """A connection with a new token of this store."""
        return self.dial_token(self.token(scopes, **fields))

    def dial_token(self, token=None):
        client = self.server.dial(token)
        self.clients.append(client)
        return client

    def close(self):
        for client in self.clients:
            client.close()


def new_token(server):
    """A token with every scope for a new store, and no connection.  Nobody says hello with it here: a
    server that answers before the commit, as some tests want one, knows it only after a restart."""
    operator = server.operator()
    store = operator.call("store.create", {"set": {"name": fresh("Shop "), "mode": "test"}})["id"]
    token = operator.call("token.create", {"set": {
        "name": fresh("token "), "store": store, "scopes": SCOPES}})["token"]
    operator.close()
    return token


def must_create(c, noun="customer", want="record", **fields):
    """Create a record and return it.  A customer gets an email if none is given."""
    if noun == "customer":
        fields.setdefault("email", fresh("someone") + "@example.com")
    return c.call(noun + ".create", {"set": fields, "want": want})


def must_update(c, record, noun="customer", **fields):
    """Set FIELDS of RECORD and return the whole record."""
    return c.call(noun + ".update", {"id": record["id"], "set": fields, "want": "record"})


def get(c, record, noun="customer"):
    return c.call(noun + ".get", {"id": record["id"]})


def refused(c, method, args, code, errors=None, **meta):
    """METHOD with ARGS must be refused with CODE and exactly these field errors."""
    try:
        result = c.call(method, args, **meta)
    except Refused as refusal:
        assert refusal.code == code, refusal
        if errors is not None:
            assert refusal.errors == errors, refusal
        return refusal
    raise AssertionError("not refused: %s answered %r" % (method, result))


def set_refused(c, record, fields, errors):
    """Setting FIELDS must break exactly these rules and change nothing."""
    before = get(c, record)
    refused(c, "customer.update", {"id": record["id"], "set": fields}, "INVALID",
            {"set." + path: code for path, code in errors.items()})
    assert get(c, record) == before

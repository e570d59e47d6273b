"""HTTP in bytes, for tests of the server that reads them.

    with Echo(head_timeout_ms=300) as echo:
        answer = echo.ask(b"GET /a HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        assert answer.status == 200 and answer.json["segments"] == ["a"]

No HTTP library stands in between: tests send what no library would.
"""

import json
import os
import signal
import socket
import subprocess
import threading

from support.customerd import PATIENCE_S, ROOT

BUILD = os.path.join(ROOT, "build", os.environ.get("VARIANT", "release"))
HTTP_ECHO = os.environ.get("HTTP_ECHO", os.path.join(BUILD, "tests", "rest", "http", "echo"))
CUSTOMERD_REST = os.environ.get(
    "CUSTOMERD_REST", os.path.join(BUILD, "tools", "rest", "customerd-rest"))


class Answer:
    """One response: status, headers by name in small letters, body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def closes(self):
        return self.headers.get("connection") == "close"

    def __repr__(self):
        return "%d %r %r" % (self.status, self.headers, self.body[:200])


class Dialogue:
    """One connection."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = b""

    def send(self, data):
        self.sock.sendall(data)
        return self

    def end(self):
        """Half-close: nothing more is sent."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def _more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError("closed with %r" % self.waiting)
        self.waiting += data

    def answer(self, is_head=False):
        """Read the next response."""
        while b"\r\n\r\n" not in self.waiting:
            self._more()
        head, self.waiting = self.waiting.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in headers, "twice: " + name
            headers[name.lower()] = value
        length = int(headers.get("content-length", 0))
        if int(status) < 200 or int(status) in (204, 304) or is_head:
            length = 0
        while len(self.waiting) < length:
            self._more()
        body, self.waiting = self.waiting[:length], self.waiting[length:]
        return Answer(int(status), headers, body)

    def is_over(self):
        """Whether the server ends the connection without another byte."""
        try:
            data = self.sock.recv(1)
        except ConnectionResetError:
            return False
        return data == b"" and self.waiting == b""

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class Program:
    """A program that serves HTTP on a socket that it inherits."""

    def __init__(self, command, *listeners):
        self.listeners = listeners
        self.address = listeners[0].getsockname()
        self.log = []
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=[listener.fileno() for listener in listeners])
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.decode("ascii").rstrip("\n"))

    def events(self, name):
        """The lines of the log for the event NAME."""
        return [line for line in map(json.loads, self.log) if line["event"] == name]

    def dial(self):
        return Dialogue(self.address)

    def ask(self, data, is_head=False):
        """Send DATA on a connection of its own; the first answer."""
        with self.dial() as dialogue:
            return dialogue.send(data).answer(is_head)

    def get(self, target):
        return self.ask(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode())

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(PATIENCE_S)
        self.process.stderr.close()
        for listener in self.listeners:
            listener.close()


def listen():
    return socket.create_server(("127.0.0.1", 0), backlog=128)


class Echo(Program):
    """tests/rest/http/echo.c, with settings as in struct http_settings."""

    def __init__(self, **settings):
        listener = listen()
        super().__init__([HTTP_ECHO, str(listener.fileno())] +
                         ["%s=%d" % setting for setting in settings.items()], listener)

    def counters(self):
        return self.get("/events").json


class Shim(Program):
    """customerd-rest.  SERVER is the address of a customerd, there or not."""

    def __init__(self, *options, server="customerd://127.0.0.1:1", program=CUSTOMERD_REST):
        front, admin = listen(), listen()
        self.admin_address = admin.getsockname()
        super().__init__(
            [program, "--server", server, "--listen-fd", str(front.fileno()),
             "--admin-fd", str(admin.fileno()), *options], front, admin)

    def admin(self, target, method="GET"):
        with Dialogue(self.admin_address) as dialogue:
            dialogue.send(("%s %s HTTP/1.1\r\nHost: x\r\n\r\n" % (method, target)).encode())
            return dialogue.answer(is_head=method == "HEAD")

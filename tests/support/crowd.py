#!/usr/bin/python3
"""Many peers that a server would rather not have, in a process of its own.

    with Crowd(address, {"native_idle": 10_000, "native_slow": 1_000}) as crowd:
        crowd.gather()              # they are there
        ...
        crowd.leave()               # they are gone
        crowd.counts["opened"]

Whoever is turned away comes back at once, so that there are always as many.  As a program
this file is that process: the kinds as name=number, then words on stdin.

    idle     says what lets it stay, then nothing
    slow     sends a request that never ends, a byte a second
    guess    shows 16 wrong tokens ten times a second
    verify   asks whether 64 passwords are right, ten times a second
    shake    begins a TLS handshake, has the server answer, and leaves
"""

import json
import os
import resource
import selectors
import socket
import ssl
import subprocess
import sys
import time

import msgpack

QUESTIONS = 64
GUESSES = 16            # after which the server hangs up
BYTE_EVERY_S = 1.0
ASK_EVERY_S = 0.1
TICK_S = 0.01
SOURCES = 8             # addresses to come from: each has only so many ports
BURST = 200             # peers that come in one tick


def frame(method, args, msgid=1, **meta):
    return msgpack.packb([0, msgid, method, [args, meta] if meta else [args]])


def http(target, **headers):
    lines = ["GET %s HTTP/1.1" % target, "Host: localhost"]
    lines += ["%s: %s" % (name.replace("_", "-"), value) for name, value in headers.items()]
    return "\r\n".join(lines + ["", ""]).encode()


def guesses(peer, is_native):
    for n in range(1, GUESSES + 1):
        word = "wrong-%s" % os.urandom(16).hex()
        yield (frame("customer.get", {"id": 1}, n, token=word) if is_native else
               http("/api/customers/XAyRWNUzyN", Authorization="Bearer " + word))


def questions(peer):
    for _ in range(QUESTIONS - peer.unanswered):
        peer.unanswered += 1
        peer.said += 1
        yield frame("customer.verify_password", {
            "id": peer.members.customer, "password": "wrong"}, peer.said,
            token=peer.members.token)


def endless(peer, request):
    peer.said += 1
    yield request[peer.said - 1:peer.said]


def client_hello():
    """What costs its sender nothing, and its receiver a signature."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


SLOW = {"native": frame("customer.get", {"id": 1, "x": "x" * 60000}),
        "http": b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 5000}

# By kind: what a peer says when it comes; what then, again and again; and how often.
KINDS = {
    "native_idle": (frame("hello", {}), None, 0),
    "http_idle": (http("/nowhere"), None, 0),
    "native_slow": (b"", lambda peer: endless(peer, SLOW["native"]), BYTE_EVERY_S),
    "http_slow": (b"", lambda peer: endless(peer, SLOW["http"]), BYTE_EVERY_S),
    "native_guess": (b"", lambda peer: guesses(peer, True), ASK_EVERY_S),
    "http_guess": (b"", lambda peer: guesses(peer, False), ASK_EVERY_S),
    "native_verify": (b"", questions, ASK_EVERY_S),
    "native-tls_shake": (client_hello(), None, 0),
    "http-tls_shake": (client_hello(), None, 0),
}


class Peer:
    unpacker = None

    def __init__(self, members, kind):
        self.members, self.kind = members, kind
        self.greeting, self.words, self.every_s = KINDS[kind]
        self.said = self.unanswered = 0
        # Not all in one moment.
        members.opened += 1
        self.due = time.monotonic() + self.every_s * (members.opened % 100) / 100
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.bind(("127.0.0.%d" % (2 + members.opened % SOURCES), 0))
        self.sock.connect_ex(members.addresses[kind.split("_")[0]])
        members.selector.register(self.sock, selectors.EVENT_WRITE, self)

    def is_gone(self):
        return self.sock.fileno() < 0

    def on_connected(self):
        if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self.leave()
            return
        self.members.selector.modify(self.sock, selectors.EVENT_READ, self)
        self.send(self.greeting)
        if self.words:
            self.members.talkers.append(self)

    def talk(self, now):
        if self.due <= now:
            self.due = now + self.every_s
            self.send(b"".join(self.words(self)))

    def send(self, data):
        try:
            self.sock.send(data)
        except OSError:
            self.leave()

    def on_readable(self):
        try:
            data = self.sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.leave()
        elif self.kind.endswith("shake"):
            self.members.count("shaken")
            self.leave()
        elif self.kind == "native_verify":
            self.count_answers(data)

    def count_answers(self, data):
        self.unpacker = self.unpacker or msgpack.Unpacker(raw=False)
        self.unpacker.feed(data)
        for _, _, error, _ in self.unpacker:
            self.unanswered -= 1
            self.members.count("answered" if error is None else error["code"])

    def leave(self):
        if not self.is_gone():
            self.members.selector.unregister(self.sock)
            self.sock.close()
            self.members.outside.append(self.kind)


class Members:
    """The process's side."""

    def __init__(self, addresses, token, customer):
        self.addresses, self.token, self.customer = addresses, token, customer
        self.selector = selectors.DefaultSelector()
        self.opened = 0
        self.counts = {}
        self.disperse()

    def disperse(self):
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
            key.fileobj.close()
        self.outside = []       # the kinds of those who are to come
        self.talkers = []       # peers that have something to say, time and again

    def count(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1

    def tick(self):
        now = time.monotonic()
        come, self.outside = self.outside[:BURST], self.outside[BURST:]
        for kind in come:
            Peer(self, kind)
        self.talkers = [peer for peer in self.talkers if not peer.is_gone()]
        for peer in self.talkers:
            peer.talk(now)

    def poll(self):
        """Until the next tick; false when there is a word to follow."""
        until = time.monotonic() + TICK_S
        while (rest := until - time.monotonic()) > 0:
            for key, events in self.selector.select(rest):
                if key.data is None:
                    return False
                if events & selectors.EVENT_WRITE:
                    key.data.on_connected()
                elif not key.data.is_gone():
                    key.data.on_readable()
        return True


class Crowd:
    """The other side: starts the process, and tells it what to do."""

    def __init__(self, addresses, kinds, token="", customer=0):
        self.total = sum(kinds.values())
        self.kinds = kinds
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1)
        self.tell({"addresses": addresses, "token": token, "customer": customer})
        self.counts = {}

    def tell(self, word):
        self.process.stdin.write(json.dumps(word) + "\n")
        return json.loads(self.process.stdout.readline())

    def gather(self):
        """Returns when all have come."""
        self.tell(self.kinds)

    def leave(self):
        self.counts = self.tell("leave")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def main():
    """Follow the words on stdin, one JSON value a line; answer each when it is done."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = json.loads(sys.stdin.readline())
    members = Members({name: tuple(address) for name, address in settings["addresses"].items()},
                      settings["token"], settings["customer"])
    print("null", flush=True)
    for word in sys.stdin:
        kinds = json.loads(word)
        if kinds == "leave":
            members.disperse()
            print(json.dumps(dict(members.counts, opened=members.opened)), flush=True)
            continue
        gather(members, kinds)


def gather(members, kinds):
    """Have as many there until another word comes; say when they are."""
    members.outside = [kind for kind, count in kinds.items() for _ in range(count)]
    wanted, is_waited_for = len(members.outside), True
    members.selector.register(sys.stdin, selectors.EVENT_READ, None)
    while True:
        members.tick()
        if not members.poll():
            break
        # Those who shake hands are never all there at once.
        is_there = len(members.selector.get_map()) == wanted + 1 or members.counts.get("shaken")
        if is_waited_for and is_there:
            is_waited_for = False
            print("null", flush=True)
    members.selector.unregister(sys.stdin)


if __name__ == "__main__":
    main()

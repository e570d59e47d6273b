"""A client for customerd in one file, over msgpack (Debian: python3-msgpack).

    import customerd

    with customerd.connect("customerd://127.0.0.1:7410", token="access_token") as c:
        c.customer.update(id=12345, set={"first_name": "Ada"})
        print(c.customer.get(id=12345)["first_name"])

Every method of proto/PROTOCOL.md is called by its name, noun.verb, with its arguments as
keywords or as one dict, and returns what the server answers.  Options go in between:

    c.options(timeout=0.2, idempotency_key=True).customer.create(set={"email": "a@b.example"})

    timeout          seconds for the whole call, repeats included; None: no limit
    idempotency_key  text, or True for a new one with each call
    dry_run          check everything, change nothing
    token            asks in place of the connection's
    traceparent      a W3C trace context

Without waiting for each answer, on one connection:

    with c.pipeline() as p:
        futures = [p.customer.get(id=n) for n in range(1, 1000)]
    names = [future.result().get("first_name") for future in futures]

The change feed, on a connection of its own; a place in it survives every crash:

    for change in c.changes(after=seq):
        ...   # keep change["seq"] in the same transaction as what you make of it

An address is customerd://HOST:PORT, customerds://HOST:PORT for TLS or unix:/PATH; several,
separated by commas, are tried in order.  A connection that breaks is made again, with growing pauses.  Calls that were
never sent, reads, dry runs and calls under an idempotency key are then repeated; any other
write raises Unknown.  A timeout costs no connection: an answer that comes late is ignored.

Threads.  A client, and what comes from it, belongs to one thread at a time; clients are
independent, and cheap.  What changes() returns is a client of its own.
"""

import collections
import itertools
import math
import random
import select
import socket
import ssl
import time
import urllib.parse
import uuid

import msgpack

ADDRESS_DEFAULT = "customerd://127.0.0.1:7410"
PORTS = {"customerd": 7410, "customerds": 7411}
TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0
RETRIES = 2            # repeats of one call
PAUSE_S_FIRST, PAUSE_S_MAX = 0.05, 5.0
GRACE_S = 0.05         # the server's own DEADLINE is the better answer: wait for it
ANSWER_BYTES_MAX = 16 << 20
ELEMENTS_MAX = 1 << 14  # of one list or map in an answer; each costs memory at its header
INFLIGHT_MAX = 128     # until the server announces its own
FRAME_BYTES_MAX = 64 << 10  # the same, and for who has no token in hello
TIMEOUT_MS_MAX = 3600000
KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
CREDIT = 512           # changes that may be under way

OPTIONS = frozenset(["timeout", "idempotency_key", "dry_run", "token", "traceparent"])

# Verbs that change nothing, so that they may be repeated.  Any other counts as a write.
READS = frozenset(["hello", "ping", "status", "get", "find", "list", "read", "history",
                   "verify_password", "subscribe"])

CODES = frozenset("""
    MALFORMED UNKNOWN_METHOD INVALID UNAUTHENTICATED FORBIDDEN NOT_FOUND REVISION_MISMATCH
    REVISION_REQUIRED LOCKED CHANGES_GONE IDEMPOTENCY_MISMATCH TOO_LARGE BUSY DEADLINE
    CANCELLED SHUTTING_DOWN STORAGE_FULL STORAGE_FAILED DAMAGED NO_MEMORY""".split())


class Error(Exception):
    """What became of a call: code, message, retryable, errors (of single fields, each with
    path, code and message), revision; map is all that was said."""

    def __init__(self, error):
        self.map = error
        self.code, self.message = error["code"], error.get("message")
        self.retryable = error.get("retryable") is True
        self.errors, self.revision = error.get("errors") or [], error.get("revision")
        self.idempotency_key = None  # of the call, which may be repeated under it
        super().__init__("%s: %s%s" % (self.code, self.message, "".join(
            "; %s %s" % (one["path"], one["message"]) for one in self.errors)))


class Refused(Error):
    """The server said no; nothing was changed."""


class Disconnected(Error, ConnectionError):
    """There is no connection: CONNECT_FAILED, CONNECTION_LOST.  Nothing was changed."""


class Timeout(Error, TimeoutError):
    """No answer came in time.  Nothing was changed."""


class Unknown(Error):
    """A write was sent and its answer did not come, or says UNKNOWN: it may have happened."""


class UnknownTimeout(Unknown, Timeout):
    """The answer to a write did not come in time: it may have happened."""


def connect(address=ADDRESS_DEFAULT, token=None, *, timeout=TIMEOUT_S,
            connect_timeout=CONNECT_TIMEOUT_S, retries=RETRIES, name="customerd.py", tls=None):
    """Connect and say hello; raises Disconnected, Refused (a bad token) or ValueError.

    TLS is an ssl.SSLContext for customerds://; without it, ssl.create_default_context()."""
    client = Client(address, token, timeout, connect_timeout, retries, name, tls)
    client.call("ping")
    return client


class Method:
    """A method by its name: call it with its arguments, as keywords or as one dict."""

    def __init__(self, begin, name):
        self._begin, self._name = begin, name

    def __getattr__(self, verb):
        if verb.startswith("_"):
            raise AttributeError(verb)
        return Method(self._begin, self._name + "." + verb)

    def __call__(self, args=None, /, **more):
        return self._begin(self._name, {**(args or {}), **more})


class Caller:
    """Calls methods of a client, all with the same options."""

    def __init__(self, client, options, futures=None):
        if not OPTIONS.issuperset(options):
            raise TypeError("no such option: " + ", ".join(options.keys() - OPTIONS))
        self._client, self._options, self._futures = client, options, futures

    def __getattr__(self, noun):
        if noun.startswith("_"):
            raise AttributeError(noun)
        return Method(self.call if self._futures is None else self.send, noun)

    def options(self, **options):
        """The same connection with other options."""
        return Caller(self._client, {**self._options, **options}, self._futures)

    def call(self, method, args=None):
        """What METHOD answers to the dict ARGS."""
        return self.send(method, args).result()

    def send(self, method, args=None):
        """Call METHOD without waiting for the answer: a Future."""
        future = self._client._begin(method, args or {}, self._options)
        if self._futures is None:
            self._client._flush()
        else:
            self._futures.append(future)
        return future

    def pipeline(self):
        """Calls that return Futures; the end of the with block waits for all of them."""
        return Caller(self._client, self._options, [])

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for future in self._futures or ():
            future.exception()


class Future:
    """The answer to a call, some day."""

    def __init__(self, client, method, args, options):
        key, timeout = options.get("idempotency_key"), options.get("timeout", client._timeout)
        self.done, self._result, self._error = False, None, None
        self.idempotency_key = uuid.uuid4().hex if key is True else key
        self._client, self._retries = client, client._retries
        self._due = math.inf if timeout is None else time.monotonic() + timeout
        self._changes = not (method.rpartition(".")[2] in READS or options.get("dry_run"))
        self._in_doubt = False  # it may have happened on a connection that was lost
        self._place = 0         # of its first byte in what the connection sends
        # The protocol has no bytes but text.
        self._method, self._args = msgpack.packb(method), msgpack.packb(args, use_bin_type=False)
        self._meta = {name: value for name, value in options.items()
                      if name != "timeout" and value is not None}
        if key is not None:
            self._meta["idempotency_key"] = self.idempotency_key

    def _packed(self, msgid):
        if self._due < math.inf:
            left_ms = int((self._due - time.monotonic()) * 1000)
            self._meta["timeout_ms"] = min(max(left_ms, 1), TIMEOUT_MS_MAX)
        return b"".join([b"\x94\x00", msgpack.packb(msgid), self._method, b"\x92",
                         self._args, msgpack.packb(self._meta)])

    def _answer(self, result, error):
        """The server's answer, or error map."""
        if error is not None:
            # Of an earlier attempt these say nothing.
            now_only = error.get("retryable") or error["code"] in ("UNAUTHENTICATED", "FORBIDDEN")
            unknown = error["code"] not in CODES or self._in_doubt and now_only
            error = (Unknown if unknown else Refused)(error)
            error.idempotency_key = self.idempotency_key
        self.done, self._result, self._error = True, result, error

    def _fail(self, kind, code, message):
        """No answer will come."""
        if self._in_doubt:
            kind = UnknownTimeout if kind is Timeout else Unknown
        safe = not self._in_doubt or self.idempotency_key is not None
        self._error = kind({"code": code, "message": message, "retryable": safe})
        self._error.idempotency_key = self.idempotency_key
        self.done = True

    def exception(self):
        """Wait for the answer; its Error, or None."""
        while not self.done:
            self._client._turn(math.inf)
        return self._error

    def result(self):
        """Wait for the answer, and return it or raise its Error."""
        if self.exception() is not None:
            raise self._error
        return self._result


def _parse(address):
    """(host, port, whether with TLS) or a path."""
    scheme, _, path = address.partition(":")
    if scheme == "unix" and path:
        return path
    url = urllib.parse.urlsplit(address)
    if scheme not in PORTS or not url.hostname or url.path or url.port == 0:
        raise ValueError("an address is customerd://HOST:PORT, customerds://HOST:PORT or "
                         "unix:PATH, not %r" % address)
    return url.hostname, url.port or PORTS[scheme], scheme == "customerds"


def _dial(where, timeout, tls):
    if isinstance(where, tuple):
        sock = socket.create_connection(where[:2], timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Who only follows the feed would not notice that the other machine is gone.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, name, value)
        if not where[2]:
            return sock
        try:
            return tls.wrap_socket(sock, server_hostname=where[0])
        except OSError:
            sock.close()
            raise
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(timeout)
        sock.connect(where)
    except OSError:
        sock.close()
        raise
    return sock


def _limit(limits, name, default):
    value = limits.get(name)
    return value if isinstance(value, int) and value > 0 else default


class Client(Caller):
    """A connection, made again when it breaks; see connect()."""

    def __init__(self, address, token, timeout, connect_timeout, retries, name, tls):
        super().__init__(self, {})
        self._addresses = [_parse(one) for one in address.split(",")]
        if tls is None and any(isinstance(one, tuple) and one[2] for one in self._addresses):
            tls = ssl.create_default_context()
        self._tls = tls
        self._settings = (address, token, timeout, connect_timeout, retries, name, tls)
        self._timeout, self._connect_timeout, self._retries = timeout, connect_timeout, retries
        self._hello = {"proto": 1, "client": {"name": name}}
        if token is not None:
            self._hello["token"] = token
        self.greeting = {}                 # what the server has answered to hello
        self._inflight_max, self._frame_bytes_max = INFLIGHT_MAX, FRAME_BYTES_MAX
        self._msgids = itertools.count()
        self._queue = collections.deque()  # Futures that wait to be sent
        self._failures, self._not_before = 0, 0.0
        self._generation, self._sock, self._closed = 0, None, False
        self._reset()

    def _reset(self):
        """What belongs to one connection."""
        self._sent = {}                    # by msgid: Futures that wait for their answers
        self._out, self._out_begins = bytearray(), 0
        self._inbox, self._inbox_count = collections.deque(), 0
        self._last_words = ""
        self._unpacker = msgpack.Unpacker(
            raw=False, max_buffer_size=ANSWER_BYTES_MAX, max_array_len=ELEMENTS_MAX,
            max_map_len=ELEMENTS_MAX, max_ext_len=0)

    def changes(self, after=None, *, kind=None, id=None, store=None, idle=None):
        """An iterator over the changes behind number AFTER, for ever: those that there are,
        then new ones as they are made.  KIND and ID filter; operators name the STORE.  With
        IDLE it ends when none came for so many seconds."""
        filters = {"kind": kind, "id": id, "store": store}
        return Changes(Client(*self._settings), after, filters, idle)

    def close(self):
        """Close the connection; what waits for an answer ends now."""
        self._closed = True
        self._lost("the client was closed")
        self._fail_queue(0, "CLOSED", "the client was closed")

    def __exit__(self, *exception):
        self.close()

    # ---- what becomes of a call ----

    def _begin(self, method, args, options):
        future = Future(self, method, args, options)
        if self._closed:
            future._fail(Disconnected, "CLOSED", "the client was closed")
        elif len(future._packed(0xffffffff)) > self._frame_bytes_max:
            future._answer(None, {"code": "TOO_LARGE", "message": "the server takes no request "
                                  "so large", "retryable": False})
        else:
            while len(self._queue) + len(self._sent) >= self._inflight_max:
                self._turn(math.inf)
            self._queue.append(future)
        return future

    def _flush(self):
        if self._sock is None:
            self._turn(math.inf)
        if self._sock is not None:
            self._turn(0)

    def _turn(self, until):
        """Take one step, waiting no longer than UNTIL and the first deadline."""
        due = GRACE_S + min((future._due for futures in (self._queue, self._sent.values())
                             for future in futures), default=math.inf)
        if due <= time.monotonic():
            if self._sent:
                self._exchange(0)   # who comes late may find the answers waiting
            self._expire(time.monotonic() - GRACE_S)
        elif self._sock is not None:
            while self._queue and len(self._sent) < self._inflight_max:
                self._post(self._queue.popleft())
            self._exchange(min(until, due))
        elif self._queue:
            self._connect(min(until, due))

    def _expire(self, now):
        late = [msgid for msgid, future in self._sent.items() if future._due <= now]
        for msgid in late:
            self._doubt(self._sent[msgid])
            self._sent.pop(msgid)._fail(Timeout, "TIMEOUT", "no answer came in time")
            self._out += msgpack.packb([2, "cancel", [msgid]])
        for future in [future for future in self._queue if future._due <= now]:
            self._queue.remove(future)
            future._fail(Timeout, "TIMEOUT", "no answer came in time")

    def _post(self, future):
        msgid = next(n & 0xffffffff for n in self._msgids if n & 0xffffffff not in self._sent)
        future._place = self._out_begins + len(self._out)
        self._out += future._packed(msgid)
        self._sent[msgid] = future

    def _doubt(self, future):
        """Its answer will not come.  Has the server had a byte of it?"""
        if future._changes and future._place < self._out_begins:
            future._in_doubt = True

    def _lost(self, why):
        """The connection is gone: each call is repeated, or fails."""
        if self._sock is None:
            return
        self._sock.close()
        self._sock, sent, why = None, self._sent, why + self._last_words
        self._generation += 1
        self._back_off()
        again = []
        for future in sent.values():
            self._doubt(future)
            safe = not future._in_doubt or future.idempotency_key is not None
            if safe and future._retries > 0 and not self._closed:
                future._retries -= 1
                again.append(future)
            else:
                future._fail(Disconnected, "CONNECTION_LOST", why)
        self._queue.extendleft(reversed(again))
        self._reset()

    def _fail_queue(self, retries, code, why):
        """All that wait and have no more than RETRIES left."""
        for future in [future for future in self._queue if future._retries <= retries]:
            self._queue.remove(future)
            future._fail(Disconnected, code, why)

    # ---- the connection ----

    def _back_off(self):
        """A new attempt is made at once, later ones after growing, random pauses."""
        pause = min(PAUSE_S_MAX, PAUSE_S_FIRST * 2 ** min(self._failures, 20) / 2)
        self._not_before = time.monotonic() + (
            pause * random.uniform(0.5, 1) if self._failures > 0 else 0)
        self._failures += 1

    def _connect(self, until):
        pause = min(self._not_before, until) - time.monotonic()
        if pause > 0:
            time.sleep(pause)
            return
        for where in self._addresses:
            name = "%s:%d" % where[:2] if isinstance(where, tuple) else where
            due = min(until, time.monotonic() + self._connect_timeout)
            try:
                self._sock = _dial(where, max(due - time.monotonic(), 0.001), self._tls)
            except OSError as error:
                why = "cannot connect to %s: %s" % (name, error)
                continue
            error = self._greet(due)
            if error is None:
                return
            if isinstance(error, Refused) and not error.retryable:
                while self._queue:
                    self._queue.popleft()._answer(None, error.map)
                return
            why = "no hello from %s: %s" % (name, error)
        self._back_off()
        self._fail_queue(0, "CONNECT_FAILED", why)
        for future in self._queue:
            future._retries -= 1

    def _greet(self, due):
        """Say hello; an Error when there is no connection any more."""
        self._sock.setblocking(False)
        hello = Future(self, "hello", self._hello, {})
        hello._due, hello._retries = due, 0
        self._post(hello)
        while not hello.done and time.monotonic() < due:
            self._exchange(due)
        limits = isinstance(hello._result, dict) and hello._result.get("limits")
        if not isinstance(limits, dict):
            self._lost("no answer to hello came")
            return hello._error or Disconnected({"code": "PROTOCOL", "message": "not a customerd"})
        self.greeting = hello._result
        self._inflight_max = _limit(limits, "inflight_max", INFLIGHT_MAX)
        self._frame_bytes_max = FRAME_BYTES_MAX if self.greeting.get("identity") is None else \
            _limit(limits, "frame_bytes_max", FRAME_BYTES_MAX)
        return None

    def _exchange(self, until):
        """Wait until something can be received or sent, and do it."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | (select.POLLOUT if self._out else 0))
        wait_s = min(until - time.monotonic(), 3600)
        try:
            for _, events in poll.poll(max(0, math.ceil(wait_s * 1000))):
                # Receive first: a call is not given to a connection that has ended.
                if events & ~select.POLLOUT:
                    self._receive()
                if events & select.POLLOUT and self._sock is not None:
                    count = self._sock.send(self._out)
                    del self._out[:count]
                    self._out_begins += count
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._lost(str(error))

    def _receive(self):
        data = self._sock.recv(1 << 16)
        if not data:
            self._lost("the server closed the connection")
            return
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                self._take(message)
        except Exception as error:  # whatever nonsense leads to
            self._lost("the server sent what makes no sense: %r" % error)

    def _take(self, message):
        """Sort in one message, or raise anything."""
        if message[0] == 1:
            _, msgid, error, result = message
            future = self._sent.get(msgid)
            if future is not None:  # else it is too late
                future._answer(result, error)
                del self._sent[msgid]
                self._failures = 0
            return
        kind, method, (body, *_) = message
        if kind != 2:
            raise ValueError("neither response nor notification")
        if method == "error" and "subscription" not in body:
            self._last_words = " (%s: %s)" % (body["code"], body["message"])
        elif method == "error":
            self._inbox.append(Refused(body))
        elif method == "change":
            self._inbox_count += 1 + sum(item["seq"] > 0 for item in body["items"])
            self._inbox.append((body["items"], int(body["next"])))
            if self._inbox_count > 3 * CREDIT:
                raise ValueError("more changes than asked for")


class Changes:
    """An iterator over the change feed; see Client.changes().

    position is where to go on from, when all changes that it gave were dealt with.  A lost
    connection is made again for as long as it takes, except with IDLE."""

    def __init__(self, client, after, filters, idle):
        self._client, self._idle = client, idle
        self._args = {"credit": CREDIT, **filters}
        self._generation = None  # of the connection that the subscription is on
        self._items, self._next, self._taken = collections.deque(), after, 0
        self.position = after

    def __iter__(self):
        return self

    def __next__(self):
        end = self._end()
        while not self._items:
            if self._client._closed:
                raise StopIteration
            if self._generation != self._client._generation:
                self._subscribe()
                end = self._end()
            elif self._client._inbox:
                self._take(self._client._inbox.popleft())
            elif time.monotonic() >= end:
                raise StopIteration
            else:
                self._client._turn(end)
        item = self._items.popleft()
        self.position = item["seq"] if self._items else self._next
        self._taken += 1
        if self._taken == CREDIT // 2:
            self._taken = 0
            self._client.send("change.credit", {"subscription": self._number,
                                                "credit": CREDIT // 2})
        return item

    def _end(self):
        return math.inf if self._idle is None else time.monotonic() + self._idle

    def _take(self, body):
        if isinstance(body, Error):
            self._generation = None
            raise body
        self._client._inbox_count = 0
        items, self._next = body
        self._items.extend(items)
        if not items:
            self.position = self._next

    def _subscribe(self):
        try:
            answer = self._client.call("change.subscribe", dict(self._args, after=self.position))
            self._number, self.position = answer["subscription"], answer["next"]
        except (LookupError, TypeError):
            self._client._lost("the server sent what makes no sense")
            return
        except Error as error:
            if self._idle is not None or not error.retryable or self._client._closed:
                raise
            self._client._lost("there is no subscription")
            return
        self._taken = 0
        if self._client._sock is not None:  # it may have been lost right behind the answer
            self._generation = self._client._generation

    def close(self):
        self._client.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

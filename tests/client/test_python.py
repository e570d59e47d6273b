"""client/python/customerd.py against the real server, and against servers that misbehave."""

import os
import select
import socket
import sys
import threading
import time
import types

import msgpack
import pytest

from support.customerd import PATIENCE_S, ROOT, fresh, must_create

sys.path.insert(0, os.path.join(ROOT, "client", "python"))
import customerd

GREETING = {"proto": 1, "limits": {"inflight_max": 128, "frame_bytes_max": 1 << 20},
            "identity": {"store": 1}}


def tcp(server):
    return "customerd://%s:%d" % server.address


@pytest.fixture
def connect(server, shop):
    """Connects to the shop; everything is closed afterwards."""
    clients = []

    def connect(address=None, token=None, **settings):
        client = customerd.connect(address or tcp(server), token or shop.token(), **settings)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


class Fake:
    """A server that greets, answers ping, and hands all else to ANSWER(peer, message)."""

    def __init__(self, answer, greeting=GREETING):
        self.answer, self.greeting = answer, greeting
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.connections, self.messages, self.socks = 0, [], []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.socks.append(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        unpacker = msgpack.Unpacker(raw=False)
        try:
            while data := sock.recv(1 << 16):
                unpacker.feed(data)
                for message in unpacker:
                    if message[0] == 0 and message[2] == "hello":
                        reply(sock, message, self.greeting)
                    elif message[0] == 0 and message[2] == "ping":
                        reply(sock, message, {"time": 0})
                    else:
                        self.messages.append(message)
                        self.answer(sock, message)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.socks:
            sock.close()


def reply(sock, message, result=None, error=None):
    sock.sendall(msgpack.packb([1, message[1], error, result]))


def hang_up(sock, message):
    sock.shutdown(socket.SHUT_RDWR)


# ---- calls ----


def test_methods_are_called_by_their_names(connect):
    c = connect()
    record = c.customer.create(set={"email": fresh("py") + "@example.com"}, want="record")
    answer = c.customer.update({"id": record["id"], "set": {"first_name": "Ada"}})
    assert answer["revision"] == 2
    assert c.customer.get({"id": record["id"]})["first_name"] == "Ada"
    assert c.call("customer.get", {"uid": record["uid"]})["slug"] == "ada"
    assert c.ping()["time"] > 0


def test_an_error_tells_all_that_the_server_said(connect):
    c = connect()
    with pytest.raises(customerd.Refused) as refused:
        c.customer.create(set={"email": "x.example", "colour": 1})
    error = refused.value
    assert (error.code, error.retryable) == ("INVALID", False)
    assert {e["path"]: e["code"] for e in error.errors} == {
        "set.email": "BAD_FORMAT", "set.colour": "UNKNOWN_FIELD"}
    assert "set.colour is not a field" in str(error)
    created = c.customer.create(set={"email": fresh("py") + "@example.com"})
    with pytest.raises(customerd.Refused) as refused:
        c.customer.update(id=created["id"], if_revision=9, set={"phone": "1"})
    assert (refused.value.code, refused.value.revision) == ("REVISION_MISMATCH", 1)
    with pytest.raises(customerd.Refused, match="UNKNOWN_METHOD"):
        c.customer.frobnicate()


def test_addresses_are_tried_in_order(server, connect):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    c = connect("customerd://127.0.0.1:%d,unix:%s" % (port, server.unix))
    assert c.greeting["identity"]["store"]
    operator = customerd.connect("unix:" + server.unix)
    assert operator.server.status()["version"]
    operator.close()


@pytest.mark.parametrize("address", [
    "", "localhost", "unix:", "http://a", "customerd://", "customerd://a:b", "customerd://a:0",
    "customerd://a:65536", "customerd://a,"])
def test_what_is_no_address_is_said_at_once(address):
    with pytest.raises(ValueError):
        customerd.connect(address)


def test_without_a_server_or_a_token_there_is_no_client(server, connect):
    with pytest.raises(customerd.Refused, match="UNAUTHENTICATED"):
        connect(token="no such token")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = "customerd://127.0.0.1:%d" % nobody.getsockname()[1]
    with pytest.raises(ConnectionError) as error:
        connect(address)
    assert error.value.code == "CONNECT_FAILED"


def test_options_hold_for_what_is_called_through_them(connect, shop):
    c = connect()
    email = fresh("py") + "@example.com"
    c.options(dry_run=True).customer.create(set={"email": email})
    with pytest.raises(customerd.Refused, match="NOT_FOUND"):
        c.customer.find(email=email)
    keyed = c.options(idempotency_key=fresh("key"))
    first = keyed.customer.create(set={"email": email})
    assert keyed.customer.create(set={"email": email}) == first
    always = c.options(idempotency_key=True, timeout=PATIENCE_S)
    ids = {always.customer.create(set={"email": fresh("py") + "@example.com"})["id"]
           for _ in range(3)}
    assert len(ids) == 3
    with pytest.raises(customerd.Refused, match="FORBIDDEN"):
        c.options(token=shop.token(["tags.read"])).customer.find(email=email)
    with pytest.raises(TypeError, match="colour"):
        c.options(colour=1)


def test_a_pipeline_may_be_longer_than_what_the_server_takes_at_once(connect):
    c = connect()
    emails = [fresh("py") + "@example.com" for _ in range(500)]
    with c.pipeline() as p:
        futures = [p.customer.create(set={"email": email}, want="record") for email in emails]
        wrong = p.options(dry_run=True).customer.create(set={"email": "x"})
    assert [future.result()["email"] for future in futures] == emails
    assert isinstance(wrong.exception(), customerd.Refused)


def test_answers_may_come_in_any_order():
    held = []

    def answer(sock, message):
        held.append(message)
        if len(held) == 3:
            for one in reversed(held):
                reply(sock, one, one[3][0]["n"])

    with Fake(answer) as fake, customerd.connect(tcp(fake)) as c:
        futures = [c.send("customer.get", {"n": n}) for n in range(3)]
        assert [future.result() for future in futures] == [0, 1, 2]


def test_a_request_too_large_costs_no_connection(connect):
    c = connect()
    connection = c.greeting["conn"]
    with pytest.raises(customerd.Refused, match="TOO_LARGE"):
        c.customer.create(set={"notes": "x" * (1 << 20)})
    assert c.ping() and c.greeting["conn"] == connection


# ---- time ----


def test_a_timeout_costs_no_connection_and_the_late_answer_is_ignored():
    late = []

    def answer(sock, message):
        if message[0] == 2:
            assert message == [2, "cancel", [late[0][1]]]
            reply(sock, late[0], "late")
        elif not late:
            late.append(message)
        else:
            reply(sock, message, "in time")

    with Fake(answer) as fake, customerd.connect(tcp(fake)) as c:
        with pytest.raises(TimeoutError) as error:
            c.options(timeout=0.05).customer.get(id=1)
        assert (error.value.code, error.value.retryable) == ("TIMEOUT", True)
        assert not isinstance(error.value, customerd.Unknown)
        assert 1 <= late[0][3][1]["timeout_ms"] <= 50
        assert c.customer.get(id=2) == "in time"
        assert fake.connections == 1


def test_a_write_that_times_out_may_have_happened():
    with Fake(lambda sock, message: None) as fake, customerd.connect(tcp(fake)) as c:
        with pytest.raises(customerd.Unknown) as error:
            c.options(timeout=0.01).customer.delete(id=1)
        assert isinstance(error.value, TimeoutError) and not error.value.retryable
        with pytest.raises(customerd.Unknown) as error:
            c.options(timeout=0.01, idempotency_key=True).customer.delete(id=1)
        assert error.value.retryable
        c.ping()
        keys = [message[3][1].get("idempotency_key") for message in fake.messages
                if message[0] == 0]
        assert keys == [None, error.value.idempotency_key]


def test_an_answer_that_came_in_time_is_taken_however_late_the_client_looks(monkeypatch):
    """As after a SIGSTOP, or between calls that are made and asked for later."""
    ahead_s = [0]
    monkeypatch.setattr(customerd, "time", types.SimpleNamespace(
        monotonic=lambda: time.monotonic() + ahead_s[0], sleep=time.sleep))
    with Fake(lambda sock, message: reply(sock, message, "in time")) as fake, \
            customerd.connect(tcp(fake)) as c:
        future = c.options(timeout=3600).send("customer.get", {"id": 1})
        assert select.select([c._sock], [], [], PATIENCE_S)[0], "the answer is there"
        ahead_s[0] = 7200
        assert future.result() == "in time"


# ---- connections that break ----


def test_only_what_does_no_harm_is_repeated():
    def answer(sock, message):
        if fake.connections == 1:
            hang_up(sock, message)
        else:
            reply(sock, message, fake.connections)

    def result(call):
        with customerd.connect(tcp(fake)) as c:
            return call(c)

    for call in (lambda c: c.customer.get(id=1), lambda c: c.store.list(),
                 lambda c: c.options(dry_run=True).customer.delete(id=1),
                 lambda c: c.options(idempotency_key=True).customer.delete(id=1)):
        with Fake(answer) as fake:
            assert result(call) == 2
            sent = [message[3] for message in fake.messages]
            assert len(sent) == 2
            if "idempotency_key" in sent[0][1]:
                assert sent[0][1]["idempotency_key"] == sent[1][1]["idempotency_key"]
    for call in (lambda c: c.customer.delete(id=1), lambda c: c.some.novelty()):
        with Fake(answer) as fake:
            with pytest.raises(customerd.Unknown) as error:
                result(call)
            assert error.value.code == "CONNECTION_LOST" and not error.value.retryable
            assert len(fake.messages) == 1


def test_a_connection_that_ended_between_calls_does_no_harm():
    def answer(sock, message):
        reply(sock, message, fake.connections)
        hang_up(sock, message)

    with Fake(answer) as fake, customerd.connect(tcp(fake)) as c:
        for n in range(1, 4):
            assert c.customer.delete(id=1) == n
            time.sleep(0.02)


def test_repeats_are_counted_and_end():
    with Fake(hang_up) as fake, customerd.connect(tcp(fake), retries=3) as c:
        with pytest.raises(ConnectionError) as error:
            c.customer.get(id=1)
        assert error.value.code == "CONNECTION_LOST"
        assert len(fake.messages) == 4


def test_what_is_said_of_a_repeat_does_not_settle_the_first_attempt():
    for code, retryable, kind in (("BUSY", True, customerd.Unknown),
                                  ("FORBIDDEN", False, customerd.Unknown),
                                  ("INVALID", False, customerd.Refused)):
        def answer(sock, message):
            if fake.connections == 1:
                hang_up(sock, message)
            else:
                reply(sock, message, None, {
                    "code": code, "message": "?", "retryable": retryable})

        with Fake(answer) as fake, customerd.connect(tcp(fake)) as c:
            error = c.options(idempotency_key=True).send("customer.delete", {}).exception()
            assert type(error) is kind and error.code == code


def test_a_code_from_the_future_is_unknown():
    error = {"code": "ODD", "message": "?", "retryable": False}
    with Fake(lambda sock, message: reply(sock, message, None, error)) as fake, \
            customerd.connect(tcp(fake)) as c, pytest.raises(customerd.Unknown, match="ODD"):
        c.customer.delete(id=1)


def test_after_close_nothing_is_called(connect):
    c = connect()
    future = c.send("customer.list")
    c.close()
    assert future.exception() is None or future.exception().code == "CONNECTION_LOST"
    with pytest.raises(ConnectionError, match="closed"):
        c.ping()


def test_each_write_is_done_once_while_the_server_is_killed(own_server):
    """Under keys every call ends well, whatever happens to the server, and none twice."""
    from support.customerd import Shop
    shop = Shop(own_server)
    token = shop.token()
    c = customerd.connect(tcp(own_server), token, retries=1000, timeout=PATIENCE_S)
    done = threading.Event()

    def torment():
        for _ in range(3):
            time.sleep(0.15)
            own_server.kill()
            own_server.start()
        done.set()

    tormentor = threading.Thread(target=torment)
    tormentor.start()
    created = 0
    while not done.is_set():
        with c.options(idempotency_key=True).pipeline() as p:
            futures = [p.customer.create(set={"email": fresh("once") + "@example.com"})
                       for _ in range(40)]
        assert all(future.result()["revision"] == 1 for future in futures)
        created += 40
    tormentor.join()
    assert c.customer.list(limit=1)["total"] == created
    assert c.greeting["conn"]
    c.close()


# ---- servers that make no sense ----


def packed(*values):
    return b"".join(msgpack.packb(value) for value in values)


NONSENSE = {
    "garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "the reserved byte": b"\xc1",
    "a list too long": b"\x94\x01\x00\xc0\xdd\xff\xff\xff\xff",
    "lists in lists": b"\x91" * 5000,
    "a text too long": b"\x94\x01\x00\xc0\xdb\x7f\xff\xff\xff" + b"x" * 1000,
    "keys that are numbers": packed([1, 0, None, {1: 2}]),
    "text that is not UTF-8": b"\x94\x01\x00\xc0\xa2\xff\xfe",
    "an ext": b"\x94\x01\x00\xc0\xd6\xff\x00\x00\x00\x00",
    "a request": packed([0, 1, "ping", []]),
    "an empty error": packed([1, 2, {}, None]),
    "an error that is text": packed([1, 2, "no", None]),
    "an error whose errors are none": packed([1, 2, {"code": "INVALID", "errors": [1]}, None]),
    "a response too long": packed([1, 2, None, None, None]),
    "a notification without content": packed([2, "change", []]),
    "a change without a number": packed([2, "change", [{"items": [{}], "next": 1}]]),
    "an empty list": packed([]),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_ends_the_connection_and_nothing_else(name):
    def answer(sock, message):
        if fake.connections == 1:
            sock.sendall(NONSENSE[name])
            if name == "a text too long":
                hang_up(sock, message)
        else:
            reply(sock, message, "fine")

    with Fake(answer) as fake, customerd.connect(tcp(fake)) as c:
        assert c.options(timeout=PATIENCE_S).customer.get(id=1) == "fine"
        assert fake.connections == 2


def test_an_answer_that_nobody_asked_for_is_ignored():
    def answer(sock, message):
        sock.sendall(packed([1, 4000000, None, "?"], [1, "x", None, "?"], [2, "novelty", [1]]))
        reply(sock, message, "fine")

    with Fake(answer) as fake, customerd.connect(tcp(fake)) as c:
        assert c.customer.get(id=1) == "fine"
        assert fake.connections == 1


@pytest.mark.parametrize("greeting", [None, [], {}, {"limits": 1}])
def test_who_greets_like_nobody_is_no_server(greeting):
    with Fake(hang_up, greeting) as fake, pytest.raises(customerd.Disconnected):
        customerd.connect(tcp(fake))


def test_limits_that_are_none_are_not_taken_over():
    greeting = {"limits": {"inflight_max": -1, "frame_bytes_max": "x"}, "identity": {}}
    with Fake(lambda sock, message: reply(sock, message, 1), greeting) as fake, \
            customerd.connect(tcp(fake)) as c:
        assert c.customer.get(id=1) == 1


# ---- the change feed ----


def test_changes_come_once_and_in_order(connect, shop):
    c = connect()
    record = must_create(shop.c)
    with c.pipeline() as p:
        for n in range(3 * customerd.CREDIT):
            p.customer.update(id=record["id"], set={"phone": str(n)})
    feed = c.changes(after=0)
    sequences = []
    for _ in range(3 * customerd.CREDIT + 1):
        sequences.append(next(feed)["seq"])
        assert feed.position == sequences[-1]
    assert sequences == list(range(1, 3 * customerd.CREDIT + 2))
    shop.c.call("tag.create", {"set": {"name": "new"}})
    assert next(feed)["kind"] == "tag"
    feed.close()
    assert list(feed) == []
    assert [x["seq"] for x in c.changes(after=sequences[-1], idle=1)] == [sequences[-1] + 1]
    assert len(list(c.changes(after=0, kind="tag", idle=1))) == 1


def test_an_operator_names_the_store_of_a_feed(server, shop):
    must_create(shop.c, email="ada@example.com")
    with customerd.connect("unix:" + server.unix) as operator:
        change = next(operator.changes(after=0, store=shop.store))
    assert change["set"]["email"] == "ada@example.com"


def test_the_feed_goes_on_where_it_was_when_the_server_is_killed(own_server):
    from support.customerd import Shop
    shop = Shop(own_server)
    token = shop.token()
    total = 1500
    seen = []

    def follow():
        with customerd.connect(tcp(own_server), token) as c:
            for change in c.changes(after=0):
                seen.append(change["seq"])
                if change["seq"] == total:
                    return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    with customerd.connect(tcp(own_server), token, retries=1000) as c:
        keyed = c.options(idempotency_key=True)
        for part in range(3):
            with keyed.pipeline() as p:
                for _ in range(total // 3):
                    p.customer.create(set={"email": fresh("feed") + "@example.com"})
            own_server.kill()
            own_server.start()
    follower.join(PATIENCE_S)
    assert seen == list(range(1, total + 1))


def test_a_feed_that_cannot_go_on_says_so(connect, shop):
    c = connect()
    with pytest.raises(customerd.Refused) as error:
        next(c.changes(after=10**9))
    assert error.value.code == "CHANGES_GONE" and error.value.map["last"] == 0
    token = shop.token()
    feed = connect(token=token).changes(after=0)
    must_create(shop.c)
    next(feed)
    shop.operator.call("token.delete", {"id": shop.last_token["id"]})
    with pytest.raises(customerd.Refused, match="UNAUTHENTICATED"):
        next(feed)


def test_more_changes_than_asked_for_end_the_connection():
    def answer(sock, message):
        if message[2] == "change.subscribe":
            reply(sock, message, {"subscription": 1, "next": 0, "last": 9})
            count = 1 if fake.connections > 2 else 10 * customerd.CREDIT
            items = [{"seq": n} for n in range(1, count + 1)]
            sock.sendall(packed([2, "change", [{"subscription": 1, "items": items,
                                                "next": count, "last": count}]]))

    with Fake(answer) as fake, customerd.connect(tcp(fake)) as c:
        feed = c.changes(after=0)
        assert next(feed)["seq"] == 1
        assert fake.connections == 3
        feed.close()

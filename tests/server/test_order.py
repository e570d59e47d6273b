"""Pipelining, order, deadlines, cancelling, and reads that are never stale."""

import json
import signal
import threading

import msgpack
import pytest

from support.customerd import Refused, Server, Shop, describe, fresh, get, must_create, refused


@pytest.fixture
def ada(c):
    return must_create(c)


def test_pipelined_requests_are_all_answered_once(c, ada):
    pending = [c.send("customer.get", {"id": ada["id"]}) for _ in range(1000)]
    assert [c.wait(msgid)["id"] for msgid in pending] == [ada["id"]] * 1000
    assert not c.answers


def test_a_thousand_requests_in_one_write_are_answered(c, ada):
    c.send_raw(b"".join(msgpack.packb([0, n, "customer.get", [{"id": ada["id"]}]])
                        for n in range(1000)))
    for n in range(1000):
        assert c.wait(n)["id"] == ada["id"]


def burst(c, requests):
    """Send all of REQUESTS, (method, args), at once; their msgids."""
    msgids = [next(c.msgids) for _ in requests]
    c.send_raw(b"".join(msgpack.packb([0, msgid, method, [args]])
                        for msgid, (method, args) in zip(msgids, requests)))
    return msgids


def test_reads_of_a_burst_get_their_own_answers_in_the_order_they_came(c):
    records = [must_create(c, company=fresh("c")) for _ in range(20)]
    requests = [(method, args) for record in records for method, args in (
        ("customer.get", {"id": record["id"]}),
        ("customer.get", {"uid": record["uid"]}),
        ("customer.get", {"id": 2 ** 53 - 1}),
        ("customer.list", {"ids": [record["id"]]}),
        ("customer.get", {"id": "?"}),
        ("customer.get", {"id": record["id"], "uid": record["uid"]}),
        ("customer.get", {"id": record["id"]}))]
    msgids = burst(c, requests)
    answers = [c.receive() for _ in msgids]
    assert [answer[1] for answer in answers] == msgids
    for n, record in enumerate(records):
        of_one = answers[7 * n:7 * n + 7]
        assert [answer[3] for answer in of_one] == [
            record, record, None, {"items": [record], "next": None, "total": None},
            None, None, record]
        assert [answer[2] and answer[2]["code"] for answer in of_one] == [
            None, None, "NOT_FOUND", None, "INVALID", "INVALID", None]
    c.answers.clear()


def test_a_burst_over_many_connections_gives_each_its_own_answers():
    """All of them are ready when the server goes on; what was read from some is still needed
    when the next is read, more than there is room for in all."""
    with Server("--log-level", "debug") as server:
        shop = Shop(server)
        token = shop.token()
        records = [must_create(shop.c, company=fresh("c")) for _ in range(40)]
        clients = [shop.dial_token(token) for _ in records]
        traces = {n: "00-%032x-%016x-01" % (n + 1, n + 1) for n in range(len(records))}
        server.process.send_signal(signal.SIGSTOP)
        for n, (c, record) in enumerate(zip(clients, records)):
            c.send_raw(msgpack.packb([0, 1000, "customer.update", [{"id": "x" * (n % 4 * 10000)}]]) +
                       msgpack.packb([0, n, "customer.get", [{"id": record["id"]},
                                                             {"traceparent": traces[n]}]]))
        server.process.send_signal(signal.SIGCONT)
        for n, (c, record) in enumerate(zip(clients, records)):
            answers = {msgid: (error and error["code"], result)
                       for _, msgid, error, result in (c.receive(), c.receive())}
            assert answers == {1000: ("INVALID", None), n: (None, record)}
        shop.close()
        server.terminate()
        logged = [json.loads(line) for line in server.log if '"method":"customer.get"' in line]
    assert {line["msgid"]: line["traceparent"] for line in logged} == traces


def test_within_a_burst_each_request_is_from_who_the_connection_is_by_then(shop):
    record = must_create(shop.c, notes="private")
    c = shop.dial()
    token = shop.token(["customers.read"])
    burst(c, [("customer.get", {"id": record["id"]})] * 3 + [("hello", {"token": token})] +
          [("customer.get", {"id": record["id"]})] * 3)
    seen = [c.receive()[3].get("notes") for _ in range(7)]
    assert seen == ["private"] * 3 + [None] * 4


def test_a_burst_is_answered_before_its_connection_is_told_off(shop, ada):
    c = shop.dial()
    c.send_raw(b"".join(msgpack.packb([0, n, "customer.get", [{"id": ada["id"]}]])
                        for n in range(3)) + b"\xc1")
    assert [c.receive()[:2] for _ in range(4)] == [[1, 0], [1, 1], [1, 2], [2, "error"]]
    assert c.refusal() == "MALFORMED"


def test_writes_of_one_connection_are_done_in_order(c, ada):
    pending = [c.send("customer.update", {"id": ada["id"], "set": {"company": str(n)}})
               for n in range(200)]
    assert [c.wait(msgid)["revision"] for msgid in pending] == list(range(2, 202))
    assert get(c, ada)["company"] == "199"


def test_a_read_overtakes_a_write(c, ada):
    write = c.send("customer.update", {"id": ada["id"], "set": {"company": "x"}})
    reads = [c.send("ping") for _ in range(3)]
    answered = [c.receive()[1] for _ in range(4)]
    assert sorted(answered) == sorted([write, *reads])
    assert [msgid for msgid in answered if msgid != write] == reads


def test_ordered_answers_come_in_the_order_of_the_requests(shop, ada):
    token = shop.token()
    c = shop.dial_token()
    c.call("hello", {"token": token, "ordered": True})
    pending = []
    for n in range(50):
        pending.append(c.send("customer.update", {
            "id": ada["id"], "set": {"password": "x"} if n == 10 else {"company": str(n)}}))
        pending.append(c.send("ping"))
    assert [c.receive()[1] for _ in pending] == pending


def test_a_refusal_stays_in_order_behind_a_read(shop, ada):
    """A read waits for its record while what follows is judged: that may be done first."""
    c = shop.dial_token()
    c.call("hello", {"token": shop.token(), "ordered": True})
    msgids = burst(c, [("customer.get", {"id": ada["id"]}), ("customer.update", {"id": "x"})] * 4)
    assert [c.receive()[1] for _ in msgids] == msgids


def test_more_requests_than_the_limit_in_flight_wait_in_the_socket(shop, c):
    """No error, only back-pressure; a slow request holds the answers up until then."""
    ada = must_create(c, password="x")
    count = 4 * describe()["limits"]["inflight_max"]
    pending = [c.send("customer.update", {"id": ada["id"], "set": {"company": str(n)}})
               for n in range(count)]
    assert [c.wait(msgid)["revision"] for msgid in pending] == list(range(2, count + 2))


def test_a_request_whose_time_is_over_changes_nothing(server, shop, ada):
    """A write waits for its hash longer than the time it has."""
    c = shop.dial()
    for n in range(3):
        c.send("customer.update", {"id": ada["id"], "set": {"password": "x%d" % n}})
    refused(c, "customer.update", {"id": ada["id"], "set": {"company": "late",
                                                          "password": "late"}},
            "DEADLINE", timeout_ms=1)
    assert "company" not in get(c, ada)


@pytest.mark.parametrize("value", [0, -1, 3_600_001, "5", 1.5])
def test_a_timeout_has_its_bounds(c, ada, value):
    refusal = refused(c, "customer.get", {"id": ada["id"]}, "INVALID", timeout_ms=value)
    assert list(refusal.errors) == ["meta.timeout_ms"]


def test_a_generous_timeout_changes_nothing(c, ada):
    assert c.call("customer.get", {"id": ada["id"]}, timeout_ms=3_600_000) == ada


def test_a_cancelled_request_that_had_not_begun_changes_nothing(shop, ada):
    c = shop.dial()
    for n in range(3):
        c.send("customer.update", {"id": ada["id"], "set": {"password": "x%d" % n}})
    late = c.send("customer.update", {"id": ada["id"], "set": {"company": "x",
                                                             "password": "y"}})
    c.notify("cancel", late)
    with pytest.raises(Refused) as refusal:
        c.wait(late)
    assert refusal.value.code == "CANCELLED" and refusal.value.retryable
    assert "company" not in get(c, ada)


def test_a_cancelled_write_is_done_or_not_and_answered_accordingly(shop, ada):
    """In one segment: much work for the writer, then a write, then its cancelling."""
    c = shop.dial()
    others = [must_create(c)["id"] for _ in range(100)]
    done = 0
    for n in range(50):
        work = c.request(1000 + n, "customer.update_many", {"updates": [
            {"id": other, "set": {"company": str(n)}} for other in others]})
        write = c.request(n, "customer.update", {"id": ada["id"], "set": {"company": str(n)}})
        c.send_raw(b"".join(map(msgpack.packb, [work, write, [2, "cancel", [n]]])))
        try:
            c.wait(n)
            done += 1
        except Refused as refusal:
            assert refusal.code == "CANCELLED"
        assert c.wait(1000 + n)["updated"] == 100
    assert get(c, ada)["revision"] == 1 + done
    assert done < 50


@pytest.mark.parametrize("params", [[], [77], ["x"], [None], [{}], [1, 2], [-1], [2**64 - 1]])
def test_a_cancel_of_nothing_is_ignored(c, params):
    c.notify("cancel", *params)
    assert c.call("ping")["time"] > 0
    assert not c.notifications


# -- no stale reads ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def four_loops():
    with Server("--loops", "4") as server:
        yield server
        assert server.terminate() == 0


def test_after_an_ok_every_connection_reads_it_or_something_newer(four_loops):
    """One writes and says so; many others, on all loops, read at once."""
    shop = Shop(four_loops)
    record = must_create(shop.c)
    readers = [shop.dial() for _ in range(16)]
    for n in range(150):
        revision = shop.c.call("customer.update", {"id": record["id"],
                                                   "set": {"company": str(n)}})["revision"]
        pending = [(c, c.send("customer.get", {"id": record["id"]})) for c in readers]
        for c, msgid in pending:
            assert c.wait(msgid)["revision"] >= revision
    shop.close()


def test_a_read_is_not_stale_for_what_its_loop_was_busy_with(four_loops):
    """It arrives while its loop still answers requests that came before the change.

    Loops get connections in turn, so every fourth has the same one.
    """
    shop = Shop(four_loops)
    record = must_create(shop.c)
    for msgid in [shop.c.send("customer.create", {"set": {
            "email": fresh("big") + "@example.com", "metadata": {"a": "x" * 8000}}})
            for _ in range(120)]:
        shop.c.wait(msgid)
    readers = [shop.dial() for _ in range(64)]
    read = msgpack.packb([0, 0, "customer.get", [{"id": record["id"]}]])
    for n in range(100):
        of_one_loop = readers[n % 4::4]
        busy, quick = of_one_loop[:12], of_one_loop[12:]
        slow = []
        for at, c in enumerate(busy):
            slow.append((c, c.send("customer.list", {"limit": 1000})))
            if at >= 8:
                quick[at - 8].send_raw(read[:5])  # So that it, too, is being served.
        revision = shop.c.call("customer.update", {"id": record["id"],
                                                   "set": {"company": str(n)}})["revision"]
        for c in quick:
            c.send_raw(read[5:])
        for c in quick:
            assert c.wait(0)["revision"] >= revision
        for c, msgid in slow:
            c.wait(msgid)
    shop.close()


def test_no_connection_ever_goes_back_in_time(four_loops):
    """Revisions that one reader sees never fall, whatever the writers do meanwhile."""
    shop = Shop(four_loops)
    record = must_create(shop.c)
    acknowledged = [1]
    wrong = []
    stop = threading.Event()

    def read(c):
        last = 0
        while not stop.is_set():
            floor = acknowledged[0]
            revision = c.call("customer.get", {"id": record["id"]})["revision"]
            if revision < max(last, floor):
                wrong.append((revision, last, floor))
            last = revision

    threads = [threading.Thread(target=read, args=(shop.dial(),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for n in range(300):
        acknowledged[0] = shop.c.call("customer.update", {
            "id": record["id"], "set": {"company": str(n)}})["revision"]
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    shop.close()


def test_concurrent_updates_of_one_revision_have_one_winner(four_loops):
    shop = Shop(four_loops)
    record = must_create(shop.c)
    clients = [shop.dial() for _ in range(12)]
    for round in range(10):
        pending = [(c, c.send("customer.update", {
            "id": record["id"], "if_revision": round + 1, "set": {"company": fresh("c")}}))
            for c in clients]
        codes = []
        for c, msgid in pending:
            try:
                c.wait(msgid)
                codes.append("OK")
            except Refused as refusal:
                codes.append(refusal.code)
        assert sorted(codes) == ["OK"] + ["REVISION_MISMATCH"] * 11
    shop.close()


def test_one_email_is_given_once_to_many_who_ask_at_once(four_loops):
    shop = Shop(four_loops)
    clients = [shop.dial() for _ in range(12)]
    for _ in range(10):
        email = fresh("race") + "@example.com"
        pending = [(c, c.send("customer.create", {"set": {"email": email}})) for c in clients]
        made = 0
        for c, msgid in pending:
            try:
                c.wait(msgid)
                made += 1
            except Refused as refusal:
                assert refusal.errors == {"set.email": "TAKEN"}
        assert made == 1
    assert shop.c.call("customer.list")["total"] == 10
    shop.close()

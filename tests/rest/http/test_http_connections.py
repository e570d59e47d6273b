"""Connections as clients use and misuse them: order, continuation, deadlines, the end."""

import os
import resource
import signal
import socket
import time

import pytest

from support.customerd import wait_until
from support.shift import go_on, stop

HOST = b"Host: x\r\n"
WAIT_MS = 150   # a deadline that tests wait for
SLACK_S = 5     # how much later it may be noticed on a busy machine


def get(target="/", headers=b""):
    return b"GET %s HTTP/1.1\r\n" % target.encode() + HOST + headers + b"\r\n"


def put(target, body, headers=b""):
    return (b"PUT %s HTTP/1.1\r\n" % target.encode() + HOST + headers +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


# ---- requests as the application sees them ----

def test_a_request_is_taken_apart(echo):
    seen = echo.ask(
        b"PATCH /api/customers/a%20b/?page%5Bsize%5D=5&email=a%2Bb%40x+y&flag&=&e= HTTP/1.1\r\n"
        b"hOsT: localhost:7480\r\nX-Empty:\r\nX-Padded: \t a  b \t\r\nContent-Length: 2\r\n"
        b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n{}").json
    assert seen["method"] == "PATCH"
    assert seen["path"] == "/api/customers/a%20b/"
    assert seen["segments"] == ["api", "customers", "a b"] and seen["has_trailing_slash"]
    assert seen["parameters"] == [
        ["page[size]", "5"], ["email", "a+b@x y"], ["flag", ""], ["e", ""]]
    assert ["X-Empty", ""] in seen["headers"] and ["X-Padded", "a  b"] in seen["headers"]
    assert seen["host"] == "localhost:7480" and seen["body"] == "{}"
    assert seen["traceparent"].endswith("-01")


@pytest.mark.parametrize("header", [
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
    b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
    b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    b"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"garbage"])
def test_a_bad_traceparent_is_ignored(echo, header):
    assert echo.ask(get(headers=b"traceparent: " + header + b"\r\n")).json["traceparent"] == ""


def test_every_answer_has_an_id_of_its_own(echo):
    with echo.dial() as dialogue:
        ids = [dialogue.send(get()).answer().headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3 and all(len(id) == 32 for id in ids)


def test_the_application_and_the_log_know_the_id(own_echo):
    echo = own_echo()
    answer = echo.ask(get())
    assert answer.json["id"] == answer.headers["x-request-id"]
    wait_until(lambda: echo.events("request"), "a line of the log")
    assert echo.events("request")[0]["id"] == answer.json["id"]


def test_head_has_the_headers_of_get_and_no_body(echo):
    with echo.dial() as dialogue:
        head = dialogue.send(b"HEAD /large?bytes=1000 HTTP/1.1\r\n" + HOST + b"\r\n").answer(
            is_head=True)
        assert head.status == 200 and head.headers["content-length"] == "1000"
        assert dialogue.send(get("/next")).answer().json["path"] == "/next"


def test_the_body_comes_whole_whatever_the_pieces(echo):
    chunked = (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
               b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n")
    for request in (put("/", b"abc0123456789"), chunked):
        with echo.dial() as dialogue:
            for byte in request:
                dialogue.send(bytes([byte]))
            assert dialogue.answer().json["body"] == "abc0123456789"
            assert dialogue.send(get()).answer().status == 200


def test_chunks_of_one_byte_are_taken(echo):
    body = b"".join(b"1\r\n%c\r\n" % (97 + i % 26) for i in range(20000)) + b"0\r\n\r\n"
    answer = echo.ask(b"POST / HTTP/1.1\r\n" + HOST +
                      b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert len(answer.json["body"]) == 20000


# ---- one after another ----

def test_pipelined_requests_are_answered_in_their_order(echo):
    requests = []
    for i in range(100):
        if i % 3 == 0:
            requests.append(put("/slow?ms=%d" % (i % 7), b"%d" % i))
        else:
            requests.append(get("/%d" % i))
    with echo.dial() as dialogue:
        dialogue.send(b"".join(requests))
        for i in range(100):
            seen = dialogue.answer().json
            assert seen["body"] == str(i) if i % 3 == 0 else seen["path"] == "/%d" % i


def test_a_pipelined_request_waits_for_the_answer_before_it(echo):
    with echo.dial() as dialogue:
        begin = echo.counters()["shown"]
        dialogue.send(put("/slow?ms=200", b"") + get("/second"))
        wait_until(lambda: echo.counters()["requests_open"] == 2, "the first to begin")
        asked = echo.counters()["shown"]   # those of /events are shown, too
        assert dialogue.answer().json["path"] == "/slow"
        assert dialogue.answer().json["path"] == "/second"
        assert asked - begin >= 2


def test_a_pipelined_request_is_served_behind_a_long_answer(echo):
    """Long enough for the next request to wait, and short enough to be sent at once."""
    with echo.dial() as dialogue:
        dialogue.send(get("/large?bytes=70000") * 3 + get("/last"))
        for _ in range(3):
            assert len(dialogue.answer().body) == 70000
        assert dialogue.answer().json["path"] == "/last"


def test_10000_pipelined_requests_do_not_keep_others_waiting(echo):
    with echo.dial() as hasty:
        hasty.sock.setblocking(False)
        flood = get() * 10000
        sent = 0
        for _ in range(50):   # as much as the server takes, without reading an answer
            try:
                sent += hasty.sock.send(flood[sent:])
            except BlockingIOError:
                break
        begin = time.monotonic()
        assert echo.get("/other").json["path"] == "/other"
        assert time.monotonic() - begin < SLACK_S


def test_a_turn_is_shared_with_the_others(own_echo):
    echo = own_echo()
    with echo.dial() as hasty, echo.dial() as modest:
        for dialogue in (hasty, modest):
            assert dialogue.send(get()).answer().status == 200
        os.kill(echo.process.pid, signal.SIGSTOP)
        hasty.send(get("/hasty") * 400)
        modest.send(get("/modest"))
        os.kill(echo.process.pid, signal.SIGCONT)
        for _ in range(400):
            hasty.answer()
        modest.answer()
    echo.terminate()
    served = [line["path"] for line in echo.events("request")][2:]
    assert served.index("/modest") <= 64


def test_the_answers_of_a_turn_leave_together(own_echo):
    echo = own_echo()
    with echo.dial() as a, echo.dial() as b, echo.dial() as c:
        assert [d.send(get()).answer().status for d in (a, b, c)] == [200] * 3
        stop(echo.process.pid)
        for dialogue in (a, b, c):
            dialogue.send(get("/events"))
        go_on(echo.process.pid)
        sent = {dialogue.answer().json["bytes_out"] for dialogue in (a, b, c)}
    assert len(sent) == 1


def test_http_1_0_ends_unless_it_asks_otherwise(echo):
    with echo.dial() as dialogue:
        assert dialogue.send(b"GET / HTTP/1.0\r\n\r\n").answer().closes
        assert dialogue.is_over()
    with echo.dial() as dialogue:
        request = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        for _ in range(2):
            answer = dialogue.send(request).answer()
            assert answer.headers["connection"] == "keep-alive"


@pytest.mark.parametrize("request_bytes", [get(headers=b"Connection: close\r\n"), get("/close")])
def test_the_connection_ends_when_a_side_wants_it(echo, request_bytes):
    with echo.dial() as dialogue:
        assert dialogue.send(request_bytes + get("/unread")).answer().closes
        assert dialogue.is_over()


def test_a_long_answer_comes_whole_before_the_end(echo):
    with echo.dial() as dialogue:
        dialogue.send(get("/large?bytes=15000000", b"Connection: close\r\n"))
        assert len(dialogue.answer().body) == 15000000
        assert dialogue.is_over()


# ---- before the body ----

def test_continue_is_sent_before_the_body(echo):
    with echo.dial() as dialogue:
        dialogue.send(b"PUT / HTTP/1.1\r\n" + HOST +
                      b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
        assert dialogue.answer().status == 100
        assert dialogue.send(b"abc").answer().json["body"] == "abc"
        assert dialogue.send(get()).answer().status == 200


def test_no_continue_when_the_body_is_there(echo):
    with echo.dial() as dialogue:
        dialogue.send(put("/", b"abc", b"Expect: 100-continue\r\n"))
        assert dialogue.answer().status == 200


def test_no_continue_without_a_body(echo):
    assert echo.ask(get(headers=b"Expect: 100-continue\r\n")).status == 200


@pytest.mark.parametrize("headers", [
    b"Content-Length: 300000\r\nExpect: 100-continue\r\n", b"Expect: 200-ok\r\n"
    b"Content-Length: 3\r\n"])
def test_a_refusal_takes_the_place_of_continue(echo, headers):
    with echo.dial() as dialogue:
        answer = dialogue.send(b"PUT / HTTP/1.1\r\n" + HOST + headers + b"\r\n").answer()
        assert answer.status in (413, 417) and dialogue.is_over()


def test_the_application_refuses_before_the_body(echo):
    with echo.dial() as dialogue:
        answer = dialogue.send(b"PUT /refuse?status=415 HTTP/1.1\r\n" + HOST +
                               b"Content-Length: 200000\r\n\r\n").answer()
        assert answer.status == 415 and answer.closes


def test_without_a_body_such_a_refusal_ends_nothing(echo):
    with echo.dial() as dialogue:
        assert dialogue.send(get("/refuse?status=401")).answer().status == 401
        assert dialogue.send(get()).answer().status == 200


def test_who_is_refused_while_sending_still_reads_the_answer(echo):
    """Closing at once would reset the connection, and destroy the answer."""
    with echo.dial() as dialogue:
        dialogue.send(b"PUT /refuse?status=401 HTTP/1.1\r\n" + HOST +
                      b"Content-Length: 200000\r\n\r\n")
        time.sleep(0.05)
        dialogue.send(b"x" * 200000)
        assert dialogue.answer().status == 401
        assert dialogue.is_over()


# ---- the client leaves ----

def test_who_has_ended_his_side_still_gets_his_answers(echo):
    with echo.dial() as dialogue:
        dialogue.send(put("/slow?ms=50", b"a") + get("/last")).end()
        assert dialogue.answer().json["body"] == "a"
        assert dialogue.answer().json["path"] == "/last"
        assert dialogue.is_over()


def test_a_body_that_ends_too_early_is_refused(echo):
    with echo.dial() as dialogue:
        dialogue.send(put("/", b"abc")[:-1]).end()
        assert dialogue.answer().status == 400
        assert dialogue.is_over()


def test_nothing_is_said_to_who_sends_nothing(echo):
    with echo.dial() as dialogue:
        assert dialogue.end().is_over()


def test_an_exchange_is_cancelled_when_its_client_resets(own_echo):
    echo = own_echo()
    with echo.dial() as dialogue:
        dialogue.send(put("/slow?ms=60000", b""))
        wait_until(lambda: echo.counters()["requests_open"] == 2, "the request to begin")
        dialogue.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: echo.counters()["cancelled"] == 1, "the cancellation")
    counters = echo.counters()
    assert counters["requests_open"] == 1 and counters["requests_cancelled"] == 1
    wait_until(lambda: any(line["status"] == 499 for line in echo.events("request")),
               "its line in the log")


# ---- deadlines ----

def trickle(dialogue, data, pause_s=0.02):
    """Send DATA byte by byte until the server ends the connection; how long it took."""
    begin = time.monotonic()
    dialogue.sock.settimeout(pause_s)
    for byte in data:
        try:
            dialogue.send(bytes([byte]))
            if dialogue.sock.recv(1, socket.MSG_PEEK):
                break
        except socket.timeout:
            continue
        except OSError:
            break
    dialogue.sock.settimeout(SLACK_S)
    return time.monotonic() - begin


def test_a_slow_head_ends_at_its_deadline(own_echo):
    echo = own_echo(head_timeout_ms=WAIT_MS)
    with echo.dial() as dialogue:
        took = trickle(dialogue, get(headers=b"A: b\r\n" * 90))
        assert WAIT_MS / 1000 - 0.05 < took < WAIT_MS / 1000 + SLACK_S
        assert dialogue.answer().status == 408
        assert dialogue.is_over()
    assert echo.counters()["connections_expired"] == 1


def test_a_slow_body_ends_at_its_deadline(own_echo):
    echo = own_echo(body_timeout_ms=WAIT_MS)
    with echo.dial() as dialogue:
        trickle(dialogue, put("/", b"a" * 1000)[:-1])
        assert dialogue.answer().status == 408
        assert dialogue.is_over()


def test_a_body_that_stops_ends_at_its_deadline(own_echo):
    echo = own_echo(body_timeout_ms=WAIT_MS)
    with echo.dial() as dialogue:
        assert dialogue.send(put("/", b"abc")[:-1]).answer().status == 408
    assert echo.counters()["cancelled"] == 1


def test_who_connects_and_says_nothing_is_let_go(own_echo):
    echo = own_echo(head_timeout_ms=WAIT_MS)
    with echo.dial() as dialogue:
        assert dialogue.is_over()


def test_a_connection_at_rest_ends_at_its_deadline(own_echo):
    echo = own_echo(idle_timeout_ms=WAIT_MS)
    with echo.dial() as dialogue:
        begin = time.monotonic()
        assert dialogue.send(get()).answer().status == 200
        assert dialogue.is_over()
        assert time.monotonic() - begin > WAIT_MS / 1000 - 0.05


def test_the_time_of_the_application_is_its_own(own_echo):
    echo = own_echo(head_timeout_ms=1000, body_timeout_ms=1000, idle_timeout_ms=1000,
                    write_timeout_ms=1000)
    with echo.dial() as dialogue:
        assert dialogue.send(put("/slow?ms=1300", b"a")).answer().status == 200


def test_reading_slowly_is_no_late_request(own_echo):
    echo = own_echo(head_timeout_ms=1000, body_timeout_ms=1000)
    with echo.dial() as dialogue:
        # At once: on a busy machine a second send may come too late.
        dialogue.send(b"PUT /large?bytes=12000000 HTTP/1.1\r\n" + HOST +
                      b"Content-Length: 3\r\n\r\nabc")
        time.sleep(1.3)
        assert len(dialogue.answer().body) == 12000000
        assert dialogue.send(get()).answer().status == 200


def test_who_does_not_read_is_cut_off(own_echo):
    echo = own_echo(write_timeout_ms=WAIT_MS)
    with echo.dial() as dialogue:
        dialogue.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        dialogue.send(get("/large?bytes=12000000"))
        wait_until(lambda: echo.counters()["connections_expired"] == 1, "the deadline")
        assert echo.counters()["connections_open"] == 1


def test_who_is_refused_and_stays_is_cut_off(own_echo):
    echo = own_echo(linger_timeout_ms=WAIT_MS)
    with echo.dial() as dialogue:
        assert dialogue.send(b"\0").answer().status == 400
        assert dialogue.is_over()
        wait_until(lambda: echo.counters()["connections_open"] == 1, "the end of patience")


# ---- too many ----

def test_connections_above_the_bound_are_told_so(own_echo):
    echo = own_echo(connections_max=3)
    dialogues = [echo.dial() for _ in range(3)]
    assert [d.send(get()).answer().status for d in dialogues] == [200] * 3
    with echo.dial() as one_too_many:
        answer = one_too_many.answer()
        assert answer.status == 503 and answer.headers["retry-after"] == "1"
    dialogues.pop().close()
    wait_until(lambda: echo_answers(echo), "room for another")
    assert [d.send(get()).answer().status for d in dialogues] == [200] * 2
    for dialogue in dialogues:
        dialogue.close()


def echo_answers(echo):
    return echo.get("/").status == 200


def test_without_descriptors_it_rests_and_comes_back(own_echo):
    echo = own_echo()
    with echo.dial() as first:
        assert first.send(get()).answer().status == 200
        limits = resource.prlimit(echo.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(echo.process.pid, resource.RLIMIT_NOFILE, (12, limits[1]))
        others = [echo.dial() for _ in range(30)]
        wait_until(lambda: echo.events("accept_failed"), "a line of the log")
        refused = first.send(get("/events")).answer().json["connections_refused"]
        assert refused < 10, "it turns one away, then rests"
        resource.prlimit(echo.process.pid, resource.RLIMIT_NOFILE, limits)
        for other in others:
            other.close()
        wait_until(lambda: echo_answers_or_resets(echo), "it to accept again")


def echo_answers_or_resets(echo):
    try:
        return echo_answers(echo)
    except ConnectionError:
        return False


@pytest.mark.skipif(os.environ.get("VARIANT", "release") != "release",
                    reason="a sanitizer keeps what was freed")
def test_memory_is_back_after_a_storm(own_echo):
    echo = own_echo()

    def resident_kb():
        with open("/proc/%d/status" % echo.process.pid) as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def storm():
        dialogues = [echo.dial() for _ in range(50)]
        for dialogue in dialogues:
            dialogue.send(put("/large?bytes=100000", b"a" * 100000))
        for dialogue in dialogues:
            assert len(dialogue.answer().body) == 100000
            dialogue.close()
        wait_until(lambda: echo.counters()["connections_open"] == 1, "all to be gone")

    storm()
    before = resident_kb()
    for _ in range(5):
        storm()
    assert resident_kb() < before + 4096


# ---- draining ----

def test_draining_lets_what_is_under_way_end(own_echo):
    echo = own_echo()
    with echo.dial() as idle, echo.dial() as busy:
        assert idle.send(get()).answer().status == 200
        busy.send(put("/slow?ms=300", b"a") + get("/unread"))
        wait_until(lambda: echo.counters()["requests_open"] == 2, "the request to begin")
        echo.process.terminate()
        assert idle.is_over()
        answer = busy.answer()
        assert answer.status == 200 and answer.closes
        assert busy.is_over()
    assert echo.process.wait(SLACK_S) == 0


def test_draining_does_not_wait_for_who_is_at_rest(own_echo):
    echo = own_echo(linger_timeout_ms=3_600_000, drain_timeout_ms=3_600_000)
    with echo.dial() as idle:
        assert idle.send(get()).answer().status == 200
        assert echo.terminate() == 0
        assert idle.is_over()


def test_draining_refuses_new_connections(own_echo):
    echo = own_echo()
    with echo.dial() as busy:
        busy.send(put("/slow?ms=300", b"a"))
        wait_until(lambda: echo.counters()["requests_open"] == 2, "the request to begin")
        echo.listeners[0].close()   # ours, which shares the queue
        echo.process.terminate()
        wait_until(lambda: not can_connect(echo.address), "no more connections")
        assert busy.answer().status == 200
    assert echo.process.wait(SLACK_S) == 0


def can_connect(address):
    try:
        socket.create_connection(address, 1).close()
        return True
    except OSError:
        return False


def test_draining_does_not_wait_for_ever(own_echo):
    echo = own_echo(drain_timeout_ms=WAIT_MS)
    with echo.dial() as stuck:
        stuck.send(put("/slow?ms=60000", b"a"))
        wait_until(lambda: echo.counters()["requests_open"] == 2, "the request to begin")
        begin = time.monotonic()
        assert echo.terminate() == 0
        assert WAIT_MS / 1000 - 0.05 < time.monotonic() - begin < WAIT_MS / 1000 + SLACK_S

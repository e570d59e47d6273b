"""Bad input on the wire (RELIABILITY 12.1): each with its answer, and nothing lost.

Every case ends with a good request, on the same connection where that lives on and on
a neighbour's always; and the record that they all share must be as it was.
"""

import os
import socket
import struct

import msgpack
import pytest

from support.customerd import (Server, Shop, describe, get, must_create, wait_until)


@pytest.fixture(scope="module")
def wire():
    with Server("--first-frame-timeout-ms", "700", "--frame-timeout-ms", "700") as server:
        shop = Shop(server)
        shop.ada = must_create(shop.c, company="Engines", metadata={"a": [1, 2, 3]})
        shop.secret = shop.token()
        yield shop
        shop.close()
        assert server.terminate() == 0
        assert server.verify()[0] == 0


@pytest.fixture
def c(wire):
    """A connection with a token; afterwards nothing may have changed."""
    client = wire.dial_token(wire.secret)
    yield client
    client.close()
    neighbour = wire.dial_token(wire.secret)
    assert get(neighbour, wire.ada) == wire.ada
    neighbour.close()


@pytest.fixture
def nobody(wire, c):
    return wire.dial_token()


def limits():
    return describe()["limits"]


def packed_get(record, msgid=1):
    return msgpack.packb([0, msgid, "customer.get", [{"id": record["id"]}]])


def text_of_length(size):
    """A ping whose whole message has SIZE bytes."""
    message = [0, 1, "ping", [{"x": ""}]]
    filler = size - len(msgpack.packb(message)) - 4  # str32 costs four more than fixstr
    message[3][0]["x"] = "x" * filler
    data = msgpack.packb(message)
    assert abs(len(data) - size) <= 3
    message[3][0]["x"] += "x" * (size - len(data))
    data = msgpack.packb(message)
    assert len(data) == size
    return data


# -- nothing, or too little ----------------------------------------------------------------------


def test_a_connection_that_says_nothing_ends_quietly(nobody):
    nobody.sock.shutdown(socket.SHUT_WR)
    assert nobody.closed() and not nobody.notifications


@pytest.mark.parametrize("start", [b"\x94", b"\x94\x00", b"\x94\x00\x01\xa4pi"])
def test_half_a_message_and_a_close_ends_quietly(nobody, start):
    nobody.send_raw(start)
    nobody.sock.shutdown(socket.SHUT_WR)
    assert nobody.closed()


@pytest.mark.parametrize("start", [b"", b"\x94", b"\x94\x00\x01\xa4pi"])
def test_a_connection_has_a_deadline_for_its_first_message(nobody, start):
    nobody.send_raw(start)
    assert nobody.closed()


def test_a_message_has_a_deadline_however_slowly_it_comes(c):
    """One byte now and then does not keep a message alive."""
    data = text_of_length(500)
    closed = False
    c.sock.settimeout(0.1)
    for byte in data[:40]:
        try:
            c.send_raw(bytes([byte]))
            if c.sock.recv(1000) == b"":
                closed = True
                break
        except socket.timeout:
            continue
        except ConnectionError:
            closed = True
            break
    assert closed


def test_an_idle_connection_lives_on(c, wire):
    """The deadline is for messages, not for connections."""
    c.sock.settimeout(1.2)
    with pytest.raises(socket.timeout):
        c.sock.recv(1)
    c.sock.settimeout(60)
    assert get(c, wire.ada) == wire.ada


# -- pieces -------------------------------------------------------------------------------------------


def test_a_message_in_single_bytes_is_answered(c, wire):
    for byte in packed_get(wire.ada):
        c.send_raw(bytes([byte]))
    assert c.wait(1) == wire.ada


def test_a_message_cut_anywhere_is_answered(c, wire):
    data = packed_get(wire.ada)
    for at in range(1, len(data)):
        c.send_raw(data[:at])
        c.send_raw(data[at:])
        assert c.wait(1) == wire.ada


def test_two_messages_and_a_half_in_one_segment_are_two_and_a_half(c, wire):
    data = packed_get(wire.ada, 1), packed_get(wire.ada, 2), packed_get(wire.ada, 3)
    c.send_raw(data[0] + data[1] + data[2][:5])
    assert c.wait(1) == c.wait(2) == wire.ada
    c.send_raw(data[2][5:])
    assert c.wait(3) == wire.ada


def test_every_prefix_of_good_requests_followed_by_a_close_harms_nobody(wire, c):
    requests = [packed_get(wire.ada),
                msgpack.packb([0, 1, "customer.update", [
                    {"id": wire.ada["id"], "set": {"company": "x"}}, {"dry_run": True}]]),
                msgpack.packb([0, 1, "hello", [{"token": wire.secret, "client": {"a": 1}}]])]
    for data in requests:
        for at in range(0, len(data), 3):
            client = wire.dial_token()
            client.send_raw(data[:at])
            client.close()
    assert get(c, wire.ada) == wire.ada


def test_bytes_behind_a_message_begin_the_next_one(c, wire):
    c.send_raw(packed_get(wire.ada) + b"\xc1")
    assert c.refusal() == "MALFORMED"
    assert c.answers[1] == [None, wire.ada]


# -- what is no request ----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /customers HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x00\x00\x00\x10", b"PING\r\n", b"\n", b"\xff", b"\x80", b"\xa4ping", b"\xc0"])
def test_another_protocol_is_told_off_and_closed(nobody, data):
    nobody.send_raw(data)
    assert nobody.refusal() == "MALFORMED"


def test_noise_is_told_off_and_closed(wire, nobody):
    for seed in range(30):
        client = wire.dial_token()
        try:
            client.send_raw(os.urandom(100 + 50 * seed))
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It has hung up already.
        assert client.closed()
        assert [n[0] for n in client.notifications] in (["error"], [])
        client.close()


# -- too much ----------------------------------------------------------------------------------------------


def test_a_message_of_the_largest_size_is_answered_and_one_byte_more_is_not(c):
    size = limits()["frame_bytes_max"]
    c.send_raw(text_of_length(size))
    assert c.wait(1)["time"] > 0
    try:
        c.send_raw(text_of_length(size + 1))
    except OSError:
        pass
    assert c.refusal() == "TOO_LARGE"


def test_before_a_token_was_shown_messages_are_smaller(nobody):
    nobody.send_raw(text_of_length(65536))
    assert nobody.wait(1)["time"] > 0
    nobody.send_raw(text_of_length(65537))
    assert nobody.refusal() == "TOO_LARGE"


def test_a_length_that_is_too_large_is_refused_at_its_header(c):
    """Nobody waits for bytes that would not be taken anyway."""
    c.send_raw(b"\x94\x00\x01\xa4ping\x91\x81\xa1x\xdb" + struct.pack(">I", 2**20))
    assert c.refusal() == "TOO_LARGE"


def test_a_thousand_pipelined_requests_and_their_answers_arrive(c, wire):
    c.send_raw(b"".join(packed_get(wire.ada, n) for n in range(1000)))
    for n in range(1000):
        assert c.wait(n) == wire.ada


def test_a_half_closed_connection_still_gets_its_answers(c, wire):
    c.send_raw(b"".join(packed_get(wire.ada, n) for n in range(20)))
    write = msgpack.packb([0, 99, "customer.update", [
        {"id": wire.ada["id"], "set": {"company": "Engines"}}]])
    c.send_raw(write)
    c.sock.shutdown(socket.SHUT_WR)
    assert c.closed()
    assert sorted(c.answers) == [*range(20), 99]


def test_a_reset_in_the_middle_of_an_answer_harms_nobody(wire, c):
    for _ in range(20):
        client = wire.dial_token(wire.secret)
        client.send_raw(b"".join(packed_get(wire.ada, n) for n in range(100)))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert get(c, wire.ada) == wire.ada


def test_who_never_reads_its_answers_is_not_served_without_end(wire, c):
    """The server stops reading or hangs up; either way it keeps a bounded amount."""
    client = wire.dial_token(wire.secret)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sock.settimeout(1)
    request = msgpack.packb([0, 1, "customer.list", [{"limit": 1000}]])
    sent = 0
    try:
        while sent < 64 << 20:
            client.send_raw(request * 1000)
            sent += len(request) * 1000
    except OSError:
        pass
    assert sent < 64 << 20
    assert get(c, wire.ada) == wire.ada
    client.close()


def test_urgent_data_harms_nobody(c, wire):
    other = wire.dial_token()
    other.sock.send(b"\x00", socket.MSG_OOB)
    other.close()
    assert get(c, wire.ada) == wire.ada


def test_many_short_connections_leave_nothing_behind(wire, c):
    def descriptors():
        return len(os.listdir("/proc/%d/fd" % wire.server.process.pid))

    before = descriptors()
    for _ in range(300):
        wire.server.dial().close()
    assert get(c, wire.ada) == wire.ada
    wait_until(lambda: descriptors() <= before, "for the connections to be gone")


def test_more_connections_than_permitted_are_refused_and_the_others_go_on(own_server):
    own_server.terminate()
    own_server.options = ("--connections-max", "5")
    own_server.start()
    first = [own_server.dial() for _ in range(5)]
    for c in first:
        c.call("ping")
    for _ in range(5):
        extra = own_server.dial()
        assert extra.closed()
    for c in first:
        c.call("ping")
    first.pop().close()

    def served():
        try:
            own_server.dial().call("ping")
            return True
        except OSError:
            return False
    wait_until(served, "for a place to be free again")

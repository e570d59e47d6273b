"""Bad MessagePack and bad messages (RELIABILITY 12.2): each with its answer, nothing lost."""

import itertools
import struct

import msgpack
import pytest

from support.customerd import Refused, describe, get, must_create, refused

PING = b"\x94\x00\x01\xa4ping\x91"


@pytest.fixture
def ada(c):
    return must_create(c, company="Engines")


@pytest.fixture
def lone(shop, ada):
    """A connection that a test may lose; the record stays as it was."""
    yield shop.dial()
    assert get(shop.c, ada) == ada


def closes(c, data, code="MALFORMED"):
    c.send_raw(data)
    assert c.refusal() == code


# -- headers that promise too much: refused at once, before anything is allocated ---------------------


@pytest.mark.parametrize("header", [
    b"\xdd\xff\xff\xff\xff", b"\xdd\x00\xff\xff\xff", b"\xdf\x00\xff\xff\xff",
    b"\xdf\x80\x00\x00\x00", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff", b"\xdd\x00\x01\x00\x01"])
@pytest.mark.parametrize("where", [b"", PING])
def test_a_promise_beyond_the_limits_is_refused_at_its_header(lone, header, where):
    closes(lone, where + header, "TOO_LARGE")


def test_promises_that_only_together_are_too_large_are_refused(lone):
    closes(lone, PING + b"\xdd\x00\x00\x40\x00" * 8, "TOO_LARGE")


@pytest.mark.parametrize("ext", [
    b"\xc7\x00\x01", b"\xd4\x01\x00", b"\xd6\xff\x00\x00\x00\x00",
    b"\xd7\xff" + bytes(8), b"\xd8\x7f" + bytes(16), b"\xc9\xff\xff\xff\xff\x01", b"\xc8\x00\x01\x05\x00"])
@pytest.mark.parametrize("where", [b"", PING])
def test_an_ext_is_refused_everywhere(lone, ext, where):
    closes(lone, where + ext)


@pytest.mark.parametrize("where", [b"", PING, PING + b"\x81", PING + b"\x81\xa1x",
                                   PING + b"\x91", b"\x94", b"\x94\x00"])
def test_the_reserved_byte_is_refused_everywhere(lone, where):
    closes(lone, where + b"\xc1")


def nested(depth):
    """A ping that is DEPTH containers deep."""
    return PING + b"\x81\xa1x" + b"\x91" * (depth - 4) + b"\x90"


def test_the_permitted_depth_is_answered_and_one_more_is_not(lone):
    depth = describe()["limits"]["depth_max"]
    lone.send_raw(nested(depth))
    assert lone.wait(1)["time"] > 0
    closes(lone, nested(depth + 1), "TOO_LARGE")


@pytest.mark.parametrize("depth", [33, 1000, 60000])
def test_any_greater_depth_is_refused(lone, depth):
    try:
        lone.send_raw(nested(depth))
    except OSError:
        pass
    assert lone.refusal() == "TOO_LARGE"


def test_the_permitted_number_of_elements_is_answered_and_one_more_is_not(lone):
    most = describe()["limits"]["elements_max"]
    # The message, its type, msgid, method, params, args, the key, and the array.
    for count, code in ((most - 8, None), (most - 7, "TOO_LARGE")):
        data = PING + b"\x81\xa1x" + b"\xdd" + struct.pack(">I", count) + b"\xc0" * count
        if code:
            closes(lone, data, code)
        else:
            lone.send_raw(data)
            assert lone.wait(1)["time"] > 0


# -- the envelope -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [
    [], [0], [0, 1], [0, 1, "ping"], [0, 1, "ping", [], 5], [3, 1, "ping", []],
    ["0", 1, "ping", []], [None, 1, "ping", []], [0, -1, "ping", []], [0, 2**32, "ping", []],
    [0, 1.0, "ping", []], [0, "1", "ping", []], [0, None, "ping", []], [0, True, "ping", []],
    [0, 1, 7, []], [0, 1, None, []], [0, 1, ["ping"], []], [2], [2, "x"], [2, 5, []],
    {}, {"method": "ping"}, "ping", 0, None, [-1, 1, "ping", []], [[0], 1, "ping", []],
    [1, 1], [1, "x", None, None], [2**63, 1, "ping", []]])
def test_what_is_no_message_closes_the_connection(lone, message):
    closes(lone, msgpack.packb(message))


@pytest.mark.parametrize("params", [{}, None, 5, "x", {"a": 1}, [5], ["x"], [[]], [{}, 5],
                                    [{}, []], [{}, "x"], [{}, {}, {}], [True]])
def test_params_are_an_array_of_one_or_two_maps(lone, params):
    lone.send_raw(msgpack.packb([0, 1, "ping", params]))
    with pytest.raises(Refused) as refusal:
        lone.wait(1)
    assert refusal.value.code == "INVALID"
    assert lone.call("ping")["time"] > 0


@pytest.mark.parametrize("params", [[], [{}], [None], [{}, {}], [None, None], [{}, None],
                                    [{"unknown": 1}, {"unknown": {"a": []}}]])
def test_args_and_meta_may_be_absent_nil_or_empty(lone, params):
    lone.send_raw(msgpack.packb([0, 1, "ping", params]))
    assert lone.wait(1)["time"] > 0


@pytest.mark.parametrize("meta, path", [
    ({"token": 5}, "meta.token"), ({"token": "x" * 513}, "meta.token"),
    ({"token": b"bytes"}, "meta.token"), ({"timeout_ms": "1"}, "meta.timeout_ms"),
    ({"timeout_ms": 0}, "meta.timeout_ms"), ({"dry_run": 1}, "meta.dry_run"),
    ({"dry_run": "yes"}, "meta.dry_run"), ({"idempotency_key": 5}, "meta.idempotency_key"),
    ({"idempotency_key": "x" * 256}, "meta.idempotency_key")])
def test_a_bad_meta_is_named(lone, meta, path):
    refusal = refused(lone, "ping", {}, "INVALID", **meta)
    assert list(refusal.errors) == [path]
    assert lone.call("ping")["time"] > 0


@pytest.mark.parametrize("traceparent", [5, "x" * 56, "", "00-" + "0" * 32 + "-" + "1" * 16 + "-00"])
def test_a_traceparent_that_is_none_is_ignored(lone, traceparent):
    """As W3C Trace Context wants it."""
    assert lone.call("ping", traceparent=traceparent)["time"] > 0


@pytest.mark.parametrize("method", [
    "", "x" * 64, "x" * 65, "x" * 10000, "ping\0", "PING", "Customer.get", "customer",
    "customer.", ".get", "ping ", "customer.gét", "nvim_get_api_info"])
def test_an_unknown_method_is_answered(lone, method):
    refused(lone, method, {}, "UNKNOWN_METHOD")
    assert lone.call("ping")["time"] > 0


def test_a_method_may_come_as_bin(lone):
    lone.send_raw(msgpack.packb([0, 1, b"ping", []], use_bin_type=True))
    assert lone.wait(1)["time"] > 0


def test_a_msgid_may_be_any_32_bits(lone):
    for msgid in (0, 1, 127, 128, 2**16, 2**31, 2**32 - 1):
        lone.send_raw(msgpack.packb([0, msgid, "ping", []]))
        assert lone.wait(msgid)["time"] > 0


def test_a_msgid_in_flight_cannot_be_used_again(shop, ada):
    c = shop.dial()
    slow = msgpack.packb([0, 5, "customer.verify_password", [
        {"id": ada["id"], "password": "x"}]])
    c.send_raw(slow + slow)
    assert c.refusal() == "MALFORMED"


def test_a_msgid_may_be_used_again_once_it_is_answered(lone):
    for _ in range(3):
        lone.send_raw(msgpack.packb([0, 5, "ping", []]))
        assert lone.wait(5)["time"] > 0


# -- notifications and responses -----------------------------------------------------------------------------


def test_a_write_as_a_notification_is_not_done_and_said_so(lone, ada):
    lone.notify("customer.delete", {"id": ada["id"]})
    lone.notify("customer.update", {"id": ada["id"], "set": {"company": "x"}})
    lone.call("ping")
    assert [n[0] for n in lone.notifications] == ["error", "error"]
    for _, (error,) in lone.notifications:
        assert error["code"] == "MALFORMED"
    assert get(lone, ada) == ada


@pytest.mark.parametrize("notification", [
    [2, "nvim_set_client_info", ["x", {}, "remote", {}, {}]], [2, b"nvim_set_client_info", []],
    [2, "unknown", [1, 2, 3]], [2, "unknown", {}], [2, "unknown", None], [2, "", []],
    [2, "error", [{"code": "MALFORMED"}]]])
def test_an_unknown_notification_is_ignored(lone, notification):
    lone.send_raw(msgpack.packb(notification, use_bin_type=True))
    assert lone.call("ping")["time"] > 0
    assert not lone.notifications


@pytest.mark.parametrize("response", [[1, 0, "traceback", None], [1, 7, None, {}],
                                      [1, 2**32 - 1, {"code": "x"}, None]])
def test_a_response_to_the_server_is_ignored(lone, response):
    lone.send_raw(msgpack.packb(response))
    assert lone.call("ping")["time"] > 0
    assert not lone.notifications


# -- maps, keys and values ----------------------------------------------------------------------------------------


def packed_map(*pairs):
    """A map as these pairs, without regard to what is sensible."""
    packer = msgpack.Packer(use_bin_type=True)
    return packer.pack_map_header(len(pairs)) + b"".join(
        packer.pack(item) for pair in pairs for item in pair)


def request(method, args, msgid=1):
    return b"\x94\x00" + msgpack.packb(msgid) + msgpack.packb(method) + b"\x91" + args


@pytest.mark.parametrize("key", [5, None, b"id", 1.5, True, -1])
@pytest.mark.parametrize("method", ["customer.get", "customer.delete"])
def test_a_key_is_a_text(lone, ada, method, key):
    lone.send_raw(request(method, packed_map((key, ada["id"]))))
    with pytest.raises(Refused) as refusal:
        lone.wait(1)
    assert refusal.value.code == "INVALID"
    assert lone.call("ping")["time"] > 0


@pytest.mark.parametrize("key", [b"\x90", b"\x80", b"\x91\x01"])
def test_a_container_as_a_key_is_refused(lone, ada, key):
    lone.send_raw(request("customer.delete", b"\x81" + key + b"\x01"))
    with pytest.raises((Refused, ConnectionError)):
        lone.wait(1)


def test_a_key_is_given_once(lone, ada):
    for method in ("customer.get", "customer.delete"):
        lone.send_raw(request(method, packed_map(("id", ada["id"]), ("id", ada["id"]))))
        with pytest.raises(Refused) as refusal:
            lone.wait(1)
        assert refusal.value.errors == {"id": "DUPLICATE"}
    patch = packed_map(("company", "x"), ("company", "y"))
    args = b"\x82\xa2id" + msgpack.packb(ada["id"]) + b"\xa3set" + patch
    lone.send_raw(request("customer.update", args))
    with pytest.raises(Refused) as refusal:
        lone.wait(1)
    assert refusal.value.errors == {"set.company": "DUPLICATE"}


@pytest.mark.parametrize("number", [b"\x07", b"\xcc\x07", b"\xcd\x00\x07", b"\xce\x00\x00\x00\x07",
                                    b"\xcf\0\0\0\0\0\0\0\x07", b"\xd0\x07", b"\xd1\0\x07",
                                    b"\xd2\0\0\0\x07", b"\xd3\0\0\0\0\0\0\0\x07"])
def test_an_integer_may_have_any_width(lone, number):
    lone.send_raw(request("customer.list", b"\x81\xa5limit" + number))
    assert len(lone.wait(1)["items"]) == 1


@pytest.mark.parametrize("text", [b"\xa2id", b"\xd9\x02id", b"\xda\x00\x02id",
                                  b"\xdb\x00\x00\x00\x02id"])
def test_a_text_may_have_any_width(lone, ada, text):
    lone.send_raw(request("customer.get", b"\x81" + text + msgpack.packb(ada["id"])))
    assert lone.wait(1) == ada


@pytest.mark.parametrize("args", [b"\x81", b"\xde\x00\x01", b"\xdf\x00\x00\x00\x01"])
def test_a_map_may_have_any_width(lone, ada, args):
    lone.send_raw(request("customer.get", args + b"\xa2id" + msgpack.packb(ada["id"])))
    assert lone.wait(1) == ada


FLOATS = [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.0, 1e308]


@pytest.mark.parametrize("value", FLOATS)
@pytest.mark.parametrize("method, args", [
    ("customer.get", ("id",)), ("customer.list", ("limit",)), ("customer.list", ("after",)),
    ("customer.delete", ("if_revision",))])
def test_a_float_is_no_integer(lone, ada, method, args, value):
    arguments = {name: value for name in args}
    if method == "customer.delete":
        arguments["id"] = ada["id"]
    refusal = refused(lone, method, arguments, "INVALID")
    assert refusal.errors == {args[0]: "WRONG_TYPE"}


@pytest.mark.parametrize("value", [2**53, 2**63 - 1, 2**63, 2**64 - 1, -2**53, -2**63, 0])
def test_a_revision_out_of_range_is_refused(lone, ada, value):
    refusal = refused(lone, "customer.update", {
        "id": ada["id"], "if_revision": value, "set": {"company": "x"}}, "INVALID")
    assert list(refusal.errors) == ["if_revision"]


@pytest.mark.parametrize("value", [True, False, "1", b"1", [], {}, None])
def test_an_integer_is_no_other_type(lone, value):
    code = {"id": "REQUIRED"} if value is None else {"id": "WRONG_TYPE"}
    refused(lone, "customer.get", {"id": value}, "INVALID", code)


def test_thousands_of_unknown_fields_are_refused_in_one_answer(lone, ada):
    refusal = refused(lone, "customer.update", {
        "id": ada["id"], "set": {"f%d" % n: n for n in range(4097)}}, "INVALID")
    assert 0 < len(refusal.errors) <= 64


def test_the_path_of_an_error_is_printable_whatever_was_sent(lone, ada):
    key = "\x1b[2J\r\n\u202e" + "x" * 500
    refusal = refused(lone, "customer.update", {"id": ada["id"], "set": {key: 1}}, "INVALID")
    path, = refusal.errors
    assert path.isascii() and path.isprintable() and len(path) <= 120


# -- a flood of small mistakes ---------------------------------------------------------------------------------------


def test_every_single_byte_of_a_request_may_be_wrong(shop, ada):
    """Each byte replaced by a few others: an answer, or an error and a close; no more."""
    good = msgpack.packb([0, 1, "customer.get", [{"id": ada["id"]}, {"timeout_ms": 50}]])
    token = shop.token(["customers.read"])
    for at, wrong in itertools.product(range(len(good)), (0x00, 0x81, 0xc1, 0xdd, 0xff)):
        c = shop.dial_token(token)
        c.send_raw(good[:at] + bytes([wrong]) + good[at + 1:])
        c.sock.shutdown(1)
        assert c.closed()
        c.close()
    assert get(shop.c, ada) == ada

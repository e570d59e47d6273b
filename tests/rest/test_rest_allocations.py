"""In the steady state the shim asks for no memory, whatever format is read or written.

As tests/server/test_allocations.py, whose libcount.so it uses.
"""

import json
import os
import struct

import pytest

from support.customerd import ROOT, wait_until
from support.http import Shim
from support.rest import BC, CL, DJANGO, ECWID, Platforms, request

COUNT = os.path.join(ROOT, "build", "release", "tests", "libcount.so")
COUNTED, TOGETHER, WINDOWS_MAX = 1000, 20, 10
FEW = COUNTED / 20

pytestmark = pytest.mark.skipif(
    os.environ.get("VARIANT", "release") != "release" or not os.path.exists(COUNT),
    reason="sanitizers have an allocator of their own")


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A connection, and how often the shim behind it has asked for memory so far."""
    path = tmp_path_factory.mktemp("count") / "count"
    with Platforms() as platforms, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", COUNT)
        patch.setenv("COUNT_FILE", str(path))
        with Shim("--public-store", "1", "--concurrent-max", "0",
                  server="unix:" + platforms.server.unix) as shim:
            wait_until(lambda: shim.events("upstream_ready"), "the shim finds the server")
            with shim.dial() as dialogue:
                yield dialogue, lambda: struct.unpack("<Q", path.read_bytes())[0]
            assert shim.terminate() == 0


def ask_many(dialogue, requests):
    """Pipelined, TOGETHER at once."""
    for begin in range(0, len(requests), TOGETHER):
        dialogue.send(b"".join(requests[begin:begin + TOGETHER]))
        for _ in requests[begin:begin + TOGETHER]:
            answer = dialogue.answer()
            assert answer.status == 200, answer


def allocations(counted, requests):
    """For COUNTED requests, once nothing is new to the shim any more."""
    dialogue, asked = counted
    for _ in range(WINDOWS_MAX):
        before = asked()
        ask_many(dialogue, requests)
        seen = asked() - before
        if seen < FEW:
            break
    return seen


READS = {
    "commercelayer": ("/api/customers/XAyRWNUzyN", CL),
    "django": ("/api/v1/customers/123/", DJANGO),
    "bigcommerce": ("/stores/store_hash/v3/customers?id:in=12345", BC),
    "ecwid": ("/api/v3/1003/customers/12345", ECWID),
}


@pytest.mark.parametrize("format", READS)
def test_a_read_allocates_nothing(counted, format):
    target, headers = READS[format]
    assert allocations(counted, [request("GET", target, dict(headers), None)] * COUNTED) < FEW


def changes(format, i):
    """The request that sets a text to what it never was."""
    text = "changed %d" % i
    return {
        "commercelayer": lambda: request("PATCH", "/api/customers/XAyRWNUzyN", dict(CL), json_of(
            {"data": {"type": "customers", "id": "XAyRWNUzyN",
                      "attributes": {"reference": text}}})),
        "django": lambda: request("PUT", "/api/v1/customers/123/", dict(DJANGO), json_of(
            {"email": "john.doe@example.com", "last_name": text})),
        "bigcommerce": lambda: request("PUT", "/stores/store_hash/v3/customers", dict(BC),
                                       json_of([{"id": 12345, "notes": text}])),
        "ecwid": lambda: request("PUT", "/api/v3/1003/customers/12345", dict(ECWID),
                                 json_of({"privateAdminNotes": text})),
    }[format]()


def json_of(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize("format", READS)
def test_a_change_allocates_nothing(counted, format):
    assert allocations(counted, [changes(format, i) for i in range(COUNTED)]) < FEW


def test_what_does_allocate_is_noticed(counted):
    # More than a connection keeps room for between two bodies.
    target, headers = READS["ecwid"]
    body = json_of({"privateAdminNotes": "n" * 4000})
    assert allocations(
        counted, [request("PUT", target, dict(headers), body)] * COUNTED) >= COUNTED

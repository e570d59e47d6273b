"""In the steady state the shim asks for no memory, whatever format is read or written."""

import json

import pytest

from support.count import counting, in_steady_state, where_it_counts
from support.customerd import wait_until
from support.http import Shim
from support.rest import BC, CL, DJANGO, ECWID, Platforms, request

COUNTED, TOGETHER = 1000, 20
FEW = COUNTED / 20

pytestmark = where_it_counts


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A connection, and how often the shim behind it has asked for memory so far."""
    with Platforms() as platforms:
        with counting(tmp_path_factory.mktemp("count")) as asked:
            shim = Shim("--public-store", "1", "--concurrent-max", "0",
                        server="unix:" + platforms.server.unix)
        with shim:
            wait_until(lambda: shim.events("upstream_ready"), "the shim finds the server")
            with shim.dial() as dialogue:
                yield dialogue, asked
            assert shim.terminate() == 0


def ask_many(dialogue, requests):
    """Pipelined, TOGETHER at once."""
    for begin in range(0, len(requests), TOGETHER):
        dialogue.send(b"".join(requests[begin:begin + TOGETHER]))
        for _ in requests[begin:begin + TOGETHER]:
            answer = dialogue.answer()
            assert answer.status == 200, answer


def allocations(counted, requests):
    """For COUNTED requests."""
    dialogue, asked = counted
    return in_steady_state(asked, lambda: ask_many(dialogue, requests), FEW)


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

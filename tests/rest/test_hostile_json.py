"""JSON as nobody should send it: refused by every format in its own words, never with a 5xx,
and the request behind it on the connection is answered."""

import base64
import json
import os

import pytest

from support.http import Dialogue
from support.rest import BC, CL, DJANGO, ECWID, request

TARGETS = {
    "commercelayer": ("PATCH", "/api/customers/XAyRWNUzyN", CL, 400),
    "django": ("PUT", "/api/v1/customers/123/", DJANGO, 400),
    "bigcommerce": ("PUT", "/stores/store_hash/v3/customers", BC, 400),
    "ecwid": ("PUT", "/api/v3/1003/customers/177737165", ECWID, 400),
}

MALFORMED = [
    b"{", b"}", b"[", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":1,}', b"[1,]", b"[,1]",
    b'{"a":1 "b":2}', b"{a:1}", b"{'a':1}", b'{"a":1}}', b"{}{}", b"{} x", b'"x', b'"\\x"',
    b"tru", b"NaN", b"Infinity", b"-", b"+1", b"01", b"1.", b".5", b"0x1", b"1e", b"1e400",
    b"/* c */{}", b"{} // c", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'"\xff"',
    b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\u0000"', b'"a\x00b"', b'"a\nb"',
    b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b"9223372036854775808", b"[" * 17 + b"]" * 17,
    b"[" * 100000, b'{"a":' * 2049, b"\x00", b" ", b"[1 2]", b"{1:2}", b"[\"a\\",
]


@pytest.mark.parametrize("format", sorted(TARGETS))
def test_what_is_no_json_is_refused(platforms, format):
    method, target, headers, status = TARGETS[format]
    with Dialogue(platforms.shim.address) as dialogue:
        for body in MALFORMED:
            answer = dialogue.send(request(method, target, dict(headers), body)).answer()
            assert answer.status == status, (body[:40], answer)
            assert isinstance(answer.json, dict)
            # What was sent is not repeated.
            assert b"\xff" not in answer.body


# Of JSONTestSuite (Nicolas Seriot, MIT licence), what is no JSON (n_) and what a reader may
# take or not (i_): a name and base64 on each line.  Its two longest are made here.
SUITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "json_test_suite.txt")


def suite():
    with open(SUITE, encoding="ascii") as file:
        cases = {name: base64.b64decode(text) for name, text in (
            (line.rstrip("\n") + " ").split(" ")[:2] for line in file)}
    cases["n_structure_100000_opening_arrays"] = b"[" * 100000
    cases["n_structure_open_array_object"] = b'[{"":' * 50000 + b"\n"
    return cases


@pytest.mark.parametrize("format", sorted(TARGETS))
def test_the_json_test_suite(platforms, format):
    method, target, headers, status = TARGETS[format]
    cases = suite()
    assert sum(name.startswith("n_") for name in cases) >= 187
    with Dialogue(platforms.shim.address) as dialogue:
        for name, body in cases.items():
            answer = dialogue.send(request(method, target, dict(headers), body)).answer()
            if name.startswith("n_") and body.strip():
                assert answer.status == status, (name, answer)
            else:
                assert answer.status in (200, 400, 422), (name, answer)
            assert isinstance(answer.json, dict)


ODD = [
    None, True, 1, 1.5, -1e300, "x", [], {}, [[]], [{}], [None], {"": ""},
    {"__proto__": {"a": 1}}, {"k" * 10000: 1}, {str(i): i for i in range(5000)},
    {"data": None}, {"data": {"type": 1, "id": 2}},
    {"data": {"type": "customers", "id": "x", "attributes": [], "relationships": 1}},
    {"data": {"type": "customers", "id": "x", "attributes": {
        "metadata": json.loads("[" * 11 + "]" * 11)}}},
    {"data": {"type": "customers", "id": "x", "attributes": {
        "metadata": {"a": [0] * 70000}}}},
    {"data": {"type": "customers", "id": "x", "relationships": {
        "customer_group": 1, "tags": {"data": [1]}}}},
    {"email": {"a": 1}, "first_name": ["x"], "address": [1], "name": 5,
     "billingPerson": {"city": {}}, "contacts": [1], "shippingAddresses": {"a": 1},
     "taxIdValid": "true", "customerGroupId": 1e300, "lang": 1},
    [{"id": 1, "authentication": [], "form_fields": [1], "channel_ids": [[]],
      "store_credit_amounts": [{"amount": "1"}], "customer_group_id": "x"}],
    [{"id": 9007199254740993}], [{"id": 1.0}], [{"id": True}],
    [{"id": 1, "form_fields": [{"name": "x", "value": json.loads("[" * 9 + "]" * 9)}]}],
    [{"id": 1, "notes": "x" * 200000}],
]


@pytest.mark.parametrize("format", sorted(TARGETS))
def test_what_is_odd_is_refused_or_done(platforms, format):
    method, target, headers, _ = TARGETS[format]
    with Dialogue(platforms.shim.address) as dialogue:
        for value in ODD:
            body = json.dumps(value).encode()
            answer = dialogue.send(request(method, target, dict(headers), body)).answer()
            assert answer.status in (200, 400, 413, 422), (body[:60], answer)
            assert isinstance(answer.json, dict)

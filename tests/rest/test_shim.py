"""What holds for all formats: headers, the backend's absence, links, bounds."""

import concurrent.futures
import json
import re

import pytest

from support.customerd import fresh, wait_until
from support.http import Dialogue
from support.relay import LOST_AFTER, LOST_BEFORE
from support.rest import BC, CL, DJANGO, ECWID, Platforms, request

# A read and an update of each format: method, target, headers, body.
READS = {
    "commercelayer": ("/api/customers/XAyRWNUzyN", CL),
    "django": ("/api/v1/customers/123/", DJANGO),
    "bigcommerce": ("/stores/store_hash/v3/customers?id:in=1", BC),
    "ecwid": ("/api/v3/1003/customers/177737165", ECWID),
}
UPDATES = {
    "commercelayer": ("PATCH", "/api/customers/XAyRWNUzyN", CL, lambda text: {"data": {
        "type": "customers", "id": "XAyRWNUzyN", "attributes": {"reference": text}}}),
    "django": ("PUT", "/api/v1/customers/123/", DJANGO, lambda text: {"last_name": text}),
    "bigcommerce": ("PUT", "/stores/store_hash/v3/customers", BC,
                    lambda text: [{"id": 1, "last_name": text}]),
    "ecwid": ("PUT", "/api/v3/1003/customers/177737165", ECWID,
              lambda text: {"name": text}),
}
FORMATS = sorted(READS)

# What a format's errors look like: keys of the envelope.
ENVELOPES = {"commercelayer": ["errors"], "django": ["detail"],
             "bigcommerce": ["status", "title", "type", "errors"],
             "ecwid": ["errorMessage", "errorCode"]}


# What the updates above are for the server, and whom they are for.
WRITES = {"bigcommerce": "customer.update_many", "commercelayer": "customer.update",
          "django": "customer.update", "ecwid": "customer.update"}
IDS = {"bigcommerce": {"id": 1}, "commercelayer": {"uid": "XAyRWNUzyN"},
       "django": {"id": 123}, "ecwid": {"id": 177737165}}


@pytest.fixture(scope="module")
def relayed():
    with Platforms(relayed=True) as platforms:
        yield platforms


def native_record(platforms, format):
    """The record that the updates above are for, as the server has it."""
    operator = platforms.native()
    token = operator.call("token.create", {"set": {
        "name": "looks", "store": 1, "scopes": ["customers.read"]}})["token"]
    operator.close()
    client = platforms.native(token)
    record = client.call("customer.get", IDS[format])
    client.close()
    return record


def update(platforms, format, text, **headers):
    method, target, own, body = UPDATES[format]
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return platforms.ask(method, target, dict(own, **headers), body(text))


@pytest.mark.parametrize("format", FORMATS)
def test_a_key_makes_a_repeat_harmless(platforms, format):
    first = update(platforms, format, "once", Idempotency_Key="k-" + format)
    assert first.status == 200
    again = update(platforms, format, "once", Idempotency_Key="k-" + format)
    assert (again.status, again.body) == (200, first.body.replace(
        first.headers["x-request-id"].encode(), again.headers["x-request-id"].encode()))
    assert again.headers["etag"] == first.headers["etag"]
    other = update(platforms, format, "twice", Idempotency_Key="k-" + format)
    assert other.status == 422 and list(other.json) == ENVELOPES[format]


@pytest.mark.parametrize("format", FORMATS)
def test_the_revision_is_an_entity_tag(platforms, format):
    tag = update(platforms, format, "a").headers["etag"]
    assert re.fullmatch(r'"\d+"', tag)
    assert update(platforms, format, "b", If_Match=tag).status == 200
    stale = update(platforms, format, "c", If_Match=tag)
    assert stale.status == 412 and list(stale.json) == ENVELOPES[format]
    assert update(platforms, format, "d", If_Match="*").status == 200
    for bad in ('W/"1"', "1", '"x"', '"1", "2"', '""'):
        assert update(platforms, format, "e", If_Match=bad).status == 412


@pytest.mark.parametrize("format", FORMATS)
def test_a_dry_run_changes_nothing(platforms, format):
    before = update(platforms, format, "before").headers["etag"]
    tried = update(platforms, format, "tried", Prefer="tx=rollback")
    assert tried.status == 200
    assert tried.headers["preference-applied"] == "tx=rollback"
    assert update(platforms, format, "after", If_Match=before).status == 200


@pytest.mark.parametrize("links", [
    {"customer_group": {"data": {"id": "ABCRtyUpBa"}}},
    {"customer_group": {"data": {"type": "tags", "id": "ABCRtyUpBa"}}},
    {"tags": {"data": {"type": "tags"}}}, {"tags": {"data": [{"id": 1}]}}],
    ids=["no type", "other type", "no list", "no name"])
@pytest.mark.parametrize("method, target", [
    ("PATCH", "/api/customers/XAyRWNUzyN"), ("POST", "/api/customers")])
def test_what_a_bad_link_refuses_has_changed_nothing(platforms, method, target, links):
    def state():
        customers = platforms.ask("GET", "/api/customers", CL).json["meta"]["record_count"]
        return customers, platforms.ask("GET", "/api/customers/XAyRWNUzyN", CL).headers["etag"]

    before = state()
    answer = platforms.ask(method, target, CL, {"data": {
        "type": "customers", "id": "XAyRWNUzyN" if method == "PATCH" else None,
        "attributes": {"reference": "changed", "email": "never@example.com"},
        "relationships": links}})
    assert answer.status == 400, answer
    assert state() == before


@pytest.mark.parametrize("format", FORMATS)
def test_a_request_has_an_id_in_its_answer_and_in_the_log(platforms, format):
    target, headers = READS[format]
    answer = platforms.ask("GET", target, headers)
    assert answer.status == 200
    wait_until(lambda: any(line["id"] == answer.headers["x-request-id"]
                           for line in platforms.shim.events("request")), "the line")


@pytest.mark.parametrize("format", FORMATS)
def test_head_is_get_without_its_body(platforms, format):
    target, headers = READS[format]
    answer = platforms.ask("HEAD", target, headers)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] != "0"


@pytest.mark.parametrize("format", FORMATS)
def test_credentials_that_come_twice_are_none(platforms, format):
    target, headers = READS[format]
    name = "X-Auth-Token" if format == "bigcommerce" else "Authorization"
    twice = request("GET", target, dict(headers), None).replace(
        b"\r\n\r\n", ("\r\n%s: %s\r\n\r\n" % (name, headers[name])).encode())
    assert platforms.shim.ask(twice).status == (403 if format == "ecwid" else 401)


@pytest.mark.parametrize("format", FORMATS)
def test_no_token_is_in_the_log(platforms, format):
    target, headers = READS[format]
    platforms.ask("GET", target, headers)
    platforms.ask("GET", READS["ecwid"][0] + "?token=secret_token", {})
    for token in ("your-access-token", "YOUR_TOKEN", "access_token", "secret_token"):
        assert not any(token in line for line in platforms.shim.log)


def test_the_backend_goes_and_comes_back():
    with Platforms() as platforms:
        platforms.server.terminate()
        wait_until(lambda: platforms.shim.events("upstream_gone"), "the shim notices")
        for format in FORMATS:
            target, headers = READS[format]
            for answer in (platforms.ask("GET", target, headers),
                           update(platforms, format, "x")):
                assert answer.status == 503
                assert list(answer.json) == ENVELOPES[format], format
        platforms.server.start()
        wait_until(lambda: len(platforms.shim.events("upstream_ready")) == 2, "it is back")
        for format in FORMATS:
            assert update(platforms, format, "back").status == 200


@pytest.mark.parametrize("fate, status", [
    (LOST_BEFORE, 500), (LOST_AFTER, 500), ("UNKNOWN", 500),
    ("STORAGE_FAILED", 503), ("BUSY", 503), ("STORAGE_FULL", 507)])
@pytest.mark.parametrize("format", FORMATS)
def test_an_unknown_outcome_is_500_and_what_was_not_done_is_not(relayed, format, fate, status):
    """Nobody here can know whether a call was done whose answer does not come."""
    is_back = lambda: relayed.shim.admin("/ready").status == 200
    wait_until(is_back, "the shim is back from the test before")
    before = native_record(relayed, format)
    relayed.relay.befall(WRITES[format], fate)
    answer = update(relayed, format, fresh("word"))
    assert answer.status == status, answer
    assert list(answer.json) == ENVELOPES[format]
    # Only what was not done may be sent again; all but one format have a header for that.
    retries = bool({"retry-after", "x-retry-after"} & answer.headers.keys())
    assert retries == (status == 503 and format != "commercelayer")
    assert (native_record(relayed, format) == before) == (fate != LOST_AFTER)
    wait_until(is_back, "the shim is back")
    assert update(relayed, format, fresh("word")).status == 200


def links(value):
    """All links in VALUE."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("self", "related", "first", "next", "prev", "last") and inner:
                yield inner
            else:
                yield from links(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from links(inner)


def test_every_link_resolves(platforms):
    seen, queue = set(), ["http://localhost:7480" + path for path in (
        "/api/customers/XAyRWNUzyN", "/api/customer_groups/xYZkjABcde",
        "/api/customers?page[size]=3", "/api/tags")]
    while queue and len(seen) < 200:
        link = queue.pop(0)
        if link in seen:
            continue
        seen.add(link)
        answer = platforms.ask("GET", link.removeprefix("http://localhost:7480"), CL)
        assert answer.status == 200, link
        queue += links(answer.json)
    assert len(seen) > 50


def test_three_requests_of_a_store_at_once():
    """Passwords take their time, so these overlap."""
    slow = [{"id": i, "authentication": {"new_password": "a long enough password"}}
            for i in range(1, 9)]
    data = request("PUT", "/stores/store_hash/v3/customers", dict(BC),
                   json.dumps(slow).encode())
    with Platforms("--concurrent-max", "3") as platforms:
        def ask(_):
            with Dialogue(platforms.shim.address) as dialogue:
                return dialogue.send(data).answer()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(8)))
        statuses = sorted(answer.status for answer in answers)
        assert statuses[:3] == [200] * 3 and 429 in statuses
        refused = [answer for answer in answers if answer.status == 429]
        assert all(answer.headers["x-retry-after"] == "1" for answer in refused)
        assert platforms.ask("GET", *READS["bigcommerce"]).status == 200


def test_a_store_may_demand_revisions(own_platforms):
    operator = own_platforms.native()
    operator.call("store.update", {"id": 1, "set": {"revision_required": True}})
    operator.close()
    for format in FORMATS:
        answer = update(own_platforms, format, "x")
        # A Django address alone reads first; nothing else names a revision by itself.
        assert answer.status == 428 and list(answer.json) == ENVELOPES[format], format


def test_strict_takes_the_vendors_own_rules():
    with Platforms("--strict") as platforms:
        body = {"data": {"type": "customers", "id": "xYZkjABcde", "attributes": {}}}
        answer = platforms.ask("PATCH", "/api/customers/XAyRWNUzyN", CL, body)
        assert answer.status == 400
        assert answer.json["errors"][0]["code"] == "KEY_NOT_INCLUDED_IN_URL"
        answer = platforms.ask("PUT", "/api/v1/customers/123/", DJANGO, {"first_name": "x"})
        assert (answer.status, answer.json) == (400, {"email": ["This field is required."]})

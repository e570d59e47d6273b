"""Headers that mean the same in every format: revisions, idempotency keys, rehearsals,
traces; and bounds that hold in every format.

Each test runs for every format, through the requests that its row has.
"""

import collections
import json
import re

import pytest

from support.customerd import fresh, wait_until
from support.rest import JSON_API, Platforms

SCOPES = ["customers.read", "customers.write", "customers.delete", "customers.private",
          "customers.password", "groups.read", "groups.write", "store.read"]

Format = collections.namedtuple("Format", "token media read write delete create body new")


def bearer(token):
    return {"Authorization": "Bearer " + token}


# How a format reads, updates and deletes customer {id}, and makes one: method and target;
# what it sends to set the first name or what is nearest to it, and to make a customer.
FORMATS = {
    "commercelayer": Format(
        bearer, JSON_API, "/api/customers/{uid}", ("PATCH", "/api/customers/{uid}"),
        ("DELETE", "/api/customers/{uid}"), ("POST", "/api/customers"),
        lambda record, text: {"data": {"type": "customers", "id": record["uid"],
                                       "attributes": {"reference": text}}},
        lambda email: {"data": {"type": "customers", "attributes": {"email": email}}}),
    "django": Format(
        bearer, "application/json", "/api/v1/customers/{id}/",
        ("PUT", "/api/v1/customers/{id}/"), ("DELETE", "/api/v1/customers/{id}/"), None,
        lambda record, text: {"email": record["email"], "first_name": text}, None),
    "bigcommerce": Format(
        lambda token: {"X-Auth-Token": token}, "application/json",
        "/stores/store_hash/v3/customers?id:in={id}", ("PUT", "/stores/store_hash/v3/customers"),
        ("DELETE", "/stores/store_hash/v3/customers?id:in={id}"),
        ("POST", "/stores/store_hash/v3/customers"),
        lambda record, text: [{"id": record["id"], "first_name": text}],
        lambda email: [{"email": email, "first_name": "A", "last_name": "B"},
                       {"email": "x" + email, "first_name": "A", "last_name": "B"}]),
    "ecwid": Format(
        bearer, "application/json", "/api/v3/1003/customers/{id}",
        ("PUT", "/api/v3/1003/customers/{id}"), ("DELETE", "/api/v3/1003/customers/{id}"),
        ("POST", "/api/v3/1003/customers"),
        lambda record, text: {"name": text}, lambda email: {"email": email}),
}


class Side:
    """A format on the sample store, and a customer of the test's own."""

    def __init__(self, platforms, name):
        self.platforms, self.row = platforms, FORMATS[name]
        self.native = platforms.native()
        self.secret = self.native.call("token.create", {"set": {
            "name": fresh("t "), "store": 1, "scopes": SCOPES}})["token"]
        self.own = platforms.native(self.secret)
        self.record = self.own.call("customer.create", {"want": "record", "set": {
            "email": fresh("side") + "@example.com", "first_name": "First"}})
        self.headers = {**self.row.token(self.secret), "Content-Type": self.row.media}

    def ask(self, request, headers=(), body=None):
        method, target = request
        return self.platforms.ask(method, target.format(**self.record),
                                  {**self.headers, **dict(headers)}, body)

    def read(self, **headers):
        return self.ask(("GET", self.row.read), named(headers))

    def write(self, text, **headers):
        return self.ask(self.row.write, named(headers), self.row.body(self.record, text))

    def delete(self, **headers):
        return self.ask(self.row.delete, named(headers))

    def create(self, email, **headers):
        return self.ask(self.row.create, named(headers), self.row.new(email))

    def now(self):
        return self.own.call("customer.get", {"id": self.record["id"]})

    def count(self):
        return self.own.call("customer.list", {"limit": 1, "offset": 0})["total"]


def untraced(answer):
    """The body without the number that one format gives each request there."""
    return re.sub(b'"trace_id":"[0-9a-f]+"', b"", answer.body)


def named(headers):
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture(params=FORMATS)
def side(request, platforms):
    side = Side(platforms, request.param)
    yield side
    side.native.close()
    side.own.close()


def test_an_update_holds_only_for_the_revision_that_was_read(side):
    read = side.read()
    assert read.status == 200, read
    tag = read.headers["etag"]
    assert tag == '"%d"' % side.now()["revision"]
    changed = side.write("Second", If_Match=tag)
    assert changed.status == 200, changed
    assert changed.headers["etag"] == '"%d"' % side.now()["revision"] != tag
    late = side.write("Third", If_Match=tag)
    assert late.status == 412, late
    assert late.json and late.headers["content-type"] == read.headers["content-type"]
    for weird in ('W/' + tag, "1", '"x"', '"1", "2"', '""'):
        assert side.write("Third", If_Match=weird).status == 412, weird
    before = side.now()
    assert side.write("Fourth", If_Match="*").status == 200
    assert side.now()["revision"] == before["revision"] + 1


def test_a_delete_holds_only_for_the_revision_that_was_read(side):
    tag = side.read().headers["etag"]
    side.write("Second")
    assert side.delete(If_Match=tag).status == 412
    assert side.now()["id"] == side.record["id"]
    assert side.delete(If_Match=side.read().headers["etag"]).status in (200, 204)
    assert side.read().status in (200, 404)


def test_a_store_may_demand_revisions(own_platforms):
    operator = own_platforms.native()
    sides = [Side(own_platforms, name) for name in FORMATS]
    operator.call("store.update", {"id": 1, "set": {"revision_required": True}})
    for side in sides:
        assert side.write("Second").status == 428, side.row
        assert side.delete().status == 428, side.row
        tag = side.read().headers["etag"]
        assert side.write("Second", If_Match=tag).status == 200, side.row


def test_what_is_known_is_not_sent_again(side):
    tag = side.read().headers["etag"]
    for known in (tag, "*"):
        answer = side.read(If_None_Match=known)
        assert answer.status == 304 and answer.body == b"", answer
        assert answer.headers["etag"] == tag and "content-type" not in answer.headers
    assert side.read(If_None_Match='"%d"' % (side.record["revision"] + 7)).status == 200
    side.write("Second")
    assert side.read(If_None_Match=tag).status == 200


def test_an_update_with_a_key_happens_once(side):
    key = fresh("key")
    first = side.write("Second", Idempotency_Key=key)
    assert first.status == 200, first
    side.write("Other")
    again = side.write("Second", Idempotency_Key=key)
    assert (again.status, untraced(again)) == (200, untraced(first))
    assert side.write("Third", Idempotency_Key=key).status == 422
    assert side.now()["revision"] == side.record["revision"] + 2


def test_a_creation_with_a_key_happens_once(side):
    if side.row.create is None:
        pytest.skip("it creates without a token, so nobody's keys can be told apart")
    key, email = fresh("key"), fresh("once") + "@example.com"
    before = side.count()
    first = side.create(email, Idempotency_Key=key)
    assert first.status in (200, 201), first
    made = side.count() - before
    again = side.create(email, Idempotency_Key=key)
    assert (again.status, untraced(again)) == (first.status, untraced(first))
    assert side.count() == before + made
    assert side.create("y" + email, Idempotency_Key=key).status == 422


def test_a_key_has_a_length(side):
    assert side.write("Second", Idempotency_Key="k" * 247).status == 200
    for key in ("", "k" * 248):
        answer = side.write("Third", Idempotency_Key=key)
        assert answer.status in (400, 422) and answer.json, answer
    side.headers = {**side.headers, **side.row.token("nobody's")}
    assert side.write("Third", Idempotency_Key="k" * 248).status in (401, 403)
    assert side.now()["revision"] == side.record["revision"] + 1


def test_a_rehearsal_answers_as_if_and_changes_nothing(side):
    before = side.now()
    answer = side.write("Second", Prefer="tx=rollback")
    assert answer.status == 200, answer
    assert answer.headers["preference-applied"] == "tx=rollback"
    assert side.now() == before
    deleted = side.delete(Prefer="tx=rollback")
    assert deleted.status in (200, 204), deleted
    assert side.now() == before
    if side.row.create is not None:
        count = side.count()
        made = side.create(fresh("never") + "@example.com", Prefer="tx=rollback")
        assert made.status in (200, 201), made
        assert side.count() == count
    assert "preference-applied" not in side.write("Second").headers


def test_requests_are_traced(side):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = side.write("Second", traceparent="00-%s-00f067aa0ba902b7-01" % trace)
    assert answer.status == 200, answer
    number = answer.headers["x-request-id"]
    def lines():
        return [line for line in side.platforms.shim.events("request") if line["id"] == number]

    wait_until(lines, "the log has the request")
    line, = lines()
    assert trace in line["traceparent"] and line["status"] == 200
    assert side.secret not in json.dumps(side.platforms.shim.log)


def test_every_answer_has_its_own_request_id(side):
    numbers = [answer.headers["x-request-id"] for answer in (
        side.read(), side.read(), side.write("Second"), side.read(If_None_Match="*"),
        side.platforms.ask("GET", side.row.read.format(**side.record)))]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch("[0-9a-f]{32}", number) for number in numbers)

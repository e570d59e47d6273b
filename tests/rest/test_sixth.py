"""A sixth format is one file of tables: tests/rest/sixth/sixth.c."""

import os

import pytest

from support.http import BUILD
from support.rest import Platforms

SIXTH = os.path.join(BUILD, "tests", "rest", "sixth", "customerd-rest-sixth")


@pytest.fixture(scope="module")
def sixth():
    with Platforms(program=SIXTH) as platforms:
        operator = platforms.native()
        token = operator.call("token.create", {"set": {
            "name": "sixth", "store": 1,
            "scopes": ["customers.read", "customers.write", "customers.delete"]}})["token"]
        operator.close()
        headers = {"X-Key": token, "Content-Type": "application/json"}

        def ask(method, target, body=None, **more):
            return platforms.ask(method, target, dict(headers, **more), body)

        yield ask


def test_it_reads_and_updates(sixth):
    answer = sixth("PUT", "/people/123", {"mail": "j@example.com", "home": {"town": "Ely"}})
    assert answer.status == 200
    assert answer.json == {"who": 123, "mail": "j@example.com",
                           "since": "2024-01-15T09:30:00Z", "home": {"town": "Ely"}}
    again = sixth("GET", "/people/123")
    assert again.json == answer.json and again.headers["etag"] == answer.headers["etag"]
    assert sixth("GET", "/people/123", **{"If-None-Match": again.headers["etag"]}).status == 304
    assert sixth("PUT", "/people/123", {}, **{"If-Match": '"1"'}).status == 412


def test_it_creates_and_deletes(sixth):
    made = sixth("POST", "/people", {"mail": "new@example.com"})
    assert made.status == 201 and made.json["home"] is None
    target = "/people/%d" % made.json["who"]
    assert sixth("DELETE", target).status == 204
    gone = sixth("GET", target)
    assert (gone.status, gone.json) == (410, {"oops": "%d has left" % made.json["who"]})


def test_it_refuses_in_its_own_words(sixth):
    taken = sixth("PUT", "/people/123", {"mail": "John@example.com"})
    assert (taken.status, taken.json) == (422, {"oops": "mail: is already taken"})
    short = sixth("PUT", "/people/123", {"home": {"town": "Y"}})
    assert short.json == {"oops": "home.town: is no town of 2 letters"}
    assert sixth("PUT", "/people/123", {"home": {}}).json == {"oops": "home.town: is required"}
    assert sixth("PUT", "/people/123", []).json == {"oops": "The body has the wrong type"}
    assert sixth("POST", "/people/123", {}).status == 405
    assert sixth("PUT", "/people/123", {}, **{"X-Key": "nobody-has-this"}).status == 401
    assert sixth("GET", "/api/customers").status == 404

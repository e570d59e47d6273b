"""The answers recorded from Django REST framework 3.15, in tests/rest/django/recorded.txt,
are replayed in their order and must be equal: status, body and the headers that were
recorded.

The recording has titles, not requests; these are written down here.  Two customers were
there: john@example.com, number 1, who asks, and Jane Roe, jane@example.com.
"""

import json
import os
import re

import pytest

from support.customerd import ROOT
from support.rest import Platforms

JOHN, JANE = 1, 2
ADDRESS = {"street_address": "456 Oak Avenue", "postal_code": 54321, "city": "Reno",
           "state": "California", "country": "United States"}
LOS_ANGELES = dict(ADDRESS, city="Los Angeles")
FULL = {"email": "john@example.com", "first_name": "John", "last_name": "Doe",
        "date_of_birth": "1990-01-15", "address": LOS_ANGELES}
NAMES = {"first_name": "John", "last_name": "Doe"}
EMAIL = {"email": "john@example.com"}

ITEM = "/api/v1/customers/%d/"
FORM = "application/x-www-form-urlencoded"


def put(body, target=ITEM % JOHN, **headers):
    return ("PUT", target, headers, body)


# What stands for the recorded title; a text is a body as it is.
REQUESTS = {
    "PUT full (creates address)": put(FULL),
    "PUT full again (updates address)": put(dict(FULL, address=ADDRESS)),
    "GET own": ("GET", ITEM % JOHN, {}, None),
    "PUT email only": put(EMAIL),
    "PUT without email": put(NAMES),
    "PUT empty object": put({}),
    "PUT unknown field": put(dict(EMAIL, nonsense=1)),
    "PUT slug/id in body (read-only)": put(dict(EMAIL, slug="x", id=9)),
    "PUT rename -> slug changes": put(dict(EMAIL, first_name="Jane", last_name="Roe")),
    "PUT names blank": put(dict(EMAIL, first_name="", last_name="")),
    "PUT restore": put(FULL),
    "PUT nulls": put({"email": None, "first_name": None, "last_name": None,
                      "date_of_birth": None, "address": None}),
    "PUT dob null only": put(dict(EMAIL, date_of_birth=None)),
    "PUT bad email": put({"email": "nope"}),
    "PUT blank email": put({"email": ""}),
    "PUT taken email": put({"email": "jane@example.com"}),
    "PUT taken email other case": put({"email": "JANE@example.com"}),
    "PUT long email": put({"email": "x" * 250 + "@example.com"}),
    "PUT long first_name": put(dict(EMAIL, first_name="x" * 151)),
    "PUT wrong types": put({"email": 5, "first_name": [], "last_name": {},
                            "date_of_birth": 7}),
    "PUT dob bad format": put(dict(EMAIL, date_of_birth="15.01.1990")),
    "PUT dob datetime": put(dict(EMAIL, date_of_birth="1990-01-15T00:00:00Z")),
    "PUT dob impossible": put(dict(EMAIL, date_of_birth="1990-02-30")),
    "PUT dob empty": put(dict(EMAIL, date_of_birth="")),
    "PUT dob future": put(dict(EMAIL, date_of_birth="2999-01-01")),
    "PUT address partial": put(dict(EMAIL, address={"city": "Reno"})),
    "PUT address bad values": put(dict(EMAIL, address=dict(
        ADDRESS, street_address="x" * 31, postal_code="abc", country="USA"))),
    'PUT postal_code "01234"': put(dict(EMAIL, address=dict(
        LOS_ANGELES, postal_code="01234"))),
    "PUT postal_code negative": put(dict(EMAIL, address=dict(LOS_ANGELES, postal_code=-1))),
    "PUT postal_code float/big": put(dict(EMAIL, address=dict(
        LOS_ANGELES, postal_code=1.5))),
    "PUT postal_code huge": put(dict(EMAIL, address=dict(
        LOS_ANGELES, postal_code=2147483648))),
    "PUT address not object": put(dict(EMAIL, address="x")),
    "PUT array body": put([]),
    "PUT malformed json": put('{"email": bad}'),
    "PUT empty body": put(""),
    "PUT text/plain": put("x", **{"Content-Type": "text/plain"}),
    "PUT no content type": put("x", **{"Content-Type": None}),
    "PUT form-urlencoded": put("email=john%40example.com&first_name=Form",
                               **{"Content-Type": FORM}),
    "PUT json; charset": put(FULL, **{"Content-Type": "application/json; charset=utf-8"}),
    "PUT Accept xml": put(EMAIL, Accept="application/xml"),
    "PUT no auth": put(EMAIL, Authorization=None),
    "PUT bad token": put(EMAIL, Authorization="Bearer nobody-has-this"),
    "PUT scheme Token": put(EMAIL, Authorization="Token x"),
    'PUT "Bearer" without value': put(EMAIL, Authorization="Bearer"),
    'PUT "Bearer a b"': put(EMAIL, Authorization="Bearer a b"),
    "PUT other profile": put(EMAIL, ITEM % JANE),
    "PUT unknown id": put(EMAIL, ITEM % 999),
    "PUT unknown id no auth": put(EMAIL, ITEM % 999, Authorization=None),
    "PUT non-int id": put(EMAIL, "/api/v1/customers/abc/"),
    "PUT no trailing slash": put(EMAIL, "/api/v1/customers/1"),
    "GET no trailing slash": ("GET", "/api/v1/customers/1", {}, None),
    "PATCH": ("PATCH", ITEM % JOHN, {}, EMAIL),
    "POST on item": ("POST", ITEM % JOHN, {}, EMAIL),
    "OPTIONS": ("OPTIONS", ITEM % JOHN, {}, None),
    "GET list": ("GET", "/api/v1/customers/", {}, None),
    "GET other profile": ("GET", ITEM % JANE, {}, None),
    "POST create": ("POST", "/api/v1/customers/", {"Authorization": None}, dict(
        NAMES, email="n@example.com", password="sup3r-s3cret", password2="sup3r-s3cret",
        date_of_birth="1990-01-15")),
    "POST token wrong": ("POST", "/auth/token/", {"Authorization": None}, {
        "email": "n@example.com", "password": "not the password"}),
    "DELETE own": ("DELETE", ITEM % JOHN, {}, None),
}

# Where the one record, or the wire, has another rule.
EXCEPTIONS = {
    "PUT taken email other case": "emails are compared without regard to case",
    "PUT postal_code negative": "what is out of range is 400, not a crash",
    "POST create errors": "the list of common passwords is Django's own",
    "POST token": "tokens are opaque, and not the recorded ones",
    "GET after delete (inactive user token)":
        "the token of a deleted customer is no token any more",
}

OTHERWISE = {
    "PUT taken email other case": [
        400, '{"email":["user with this email address already exists."]}'],
    "PUT postal_code negative": [
        400, '{"address":{"postal_code":'
             '["Ensure this value is greater than or equal to 0."]}}'],
}


def recorded():
    """Title, status, headers and body of each answer."""
    path = os.path.join(ROOT, "tests", "rest", "django", "recorded.txt")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for match in re.finditer(r"^(\S.*?) +(\d{3}) (\{.*\})\n((?:(?!^\S.*? +\d{3} \{).*\n)*)",
                             text, re.M):
        title, status, headers, body = match.groups()
        yield title, int(status), json.loads(headers.replace("'", '"').replace(
            'realm="api"', "realm='api'")), body.strip()


@pytest.fixture(scope="module")
def django():
    # The recorded source wants an email in each PUT.
    with Platforms("--strict") as platforms:
        operator = platforms.native()
        store = operator.call("store.create", {"set": {"name": "d", "mode": "test"}})["id"]
        scopes = ["customers.read", "customers.write", "customers.delete", "import"]
        token = operator.call("token.create", {"set": {
            "name": "i", "store": store, "scopes": scopes}})["token"]
        shop = platforms.native(token)
        shop.call("customer.create", {"id": JOHN, "set": {"email": "john@example.com"}})
        shop.call("customer.create", {"id": JANE, "set": {
            "email": "jane@example.com", "first_name": "Jane", "last_name": "Roe"}})
        own = operator.call("token.create", {"set": {
            "name": "john", "store": store, "customer": JOHN,
            "scopes": ["customers.read", "customers.write", "customers.delete"]}})["token"]
        shop.close()
        operator.close()

        def ask(method, target, headers, body):
            headers = {"Authorization": "Bearer " + own,
                       "Content-Type": "application/json", **headers}
            headers = {name: value for name, value in headers.items() if value is not None}
            if isinstance(body, str):
                body = body.encode()
            return platforms.ask(method, target, headers, body)

        yield ask


def test_the_recording_is_replayed(django):
    differences, seen = [], set()
    for title, status, headers, body in recorded():
        seen.add(title)
        if title not in REQUESTS:
            assert title in EXCEPTIONS, title
            continue
        answer = django(*REQUESTS[title])
        found = [answer.status, answer.body.decode().strip()]
        if title in OTHERWISE:
            assert found == OTHERWISE[title] != [status, body], title
            continue
        if found != [status, body]:
            differences.append((title, [status, body], found))
        for name, value in headers.items():
            there = answer.headers.get(name.lower(), "").replace('"', "'")
            if there != value:
                differences.append((title, name, value, there))
    assert not differences, "\n".join(map(str, differences))
    assert len(seen) > 60 and set(EXCEPTIONS) | set(REQUESTS) == seen

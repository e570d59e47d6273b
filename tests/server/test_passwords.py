"""Passwords: written, verified, never read."""

import os
import time

import pytest

from support.customerd import Refused, Shop, fresh, get, must_create, must_update, refused


@pytest.fixture
def ada(c):
    return must_create(c, email=fresh("ada") + "@example.com", password="correct horse")


def matches(c, password, **who):
    return c.call("customer.verify_password", {"password": password, **who})


def test_the_right_password_matches_and_names_the_customer(c, ada):
    for who in ({"id": ada["id"]}, {"uid": ada["uid"]}, {"email": ada["email"].upper()}):
        assert matches(c, "correct horse", **who) == {
            "matches": True, "id": ada["id"], "uid": ada["uid"]}


def test_everything_else_matches_nothing(c, ada):
    bare = must_create(c)
    for password, who in (("wrong", {"id": ada["id"]}), ("Correct horse", {"uid": ada["uid"]}),
                          ("correct horse", {"id": bare["id"]}),
                          ("correct horse", {"id": 2**53 - 1}),
                          ("correct horse", {"email": "nobody@example.com"})):
        assert matches(c, password, **who) == {"matches": False}


def test_a_new_password_replaces_the_old_one(c, ada):
    must_update(c, ada, password="battery staple")
    assert matches(c, "correct horse", id=ada["id"]) == {"matches": False}
    assert matches(c, "battery staple", id=ada["id"])["matches"] is True


def test_a_cleared_password_matches_nothing(c, ada):
    assert must_update(c, ada, password=None)["has_password"] is False
    assert matches(c, "correct horse", id=ada["id"]) == {"matches": False}


@pytest.mark.parametrize("password", ["x", "x" * 1024, "\U0001f512" * 1000, "tab\tand\nline"])
def test_a_password_of_any_permitted_length_works(c, ada, password):
    must_update(c, ada, password=password)
    assert matches(c, password, id=ada["id"])["matches"] is True
    assert matches(c, password[:-1] or "y", id=ada["id"])["matches"] is False


@pytest.mark.parametrize("password", ["", "x" * 1025, "a\0b", 7, b"bytes"])
def test_other_passwords_are_refused(c, ada, password):
    refusal = refused(c, "customer.update", {"id": ada["id"], "set": {"password": password}},
                      "INVALID")
    assert list(refusal.errors) == ["set.password"]
    assert matches(c, "correct horse", id=ada["id"])["matches"] is True


def test_a_missing_customer_takes_as_long_as_a_wrong_password(c, ada):
    def cost(**who):
        begin = time.perf_counter()
        matches(c, "wrong", **who)
        return time.perf_counter() - begin

    wrong, missing = [], []     # in turns, and again while a busy machine may be why they differ
    while len(wrong) < 5 or (min(missing) <= min(wrong) / 2 and len(wrong) < 50):
        wrong.append(cost(id=ada["id"]))
        missing.append(cost(id=2**53 - 1))
    assert min(missing) > min(wrong) / 2


def test_passwords_need_their_scope(shop, c, ada):
    clerk = shop.dial(["customers.read", "customers.write"])
    refused(clerk, "customer.verify_password", {"id": ada["id"], "password": "x"}, "FORBIDDEN")
    refused(clerk, "customer.update", {"id": ada["id"], "set": {"password": "x"}}, "FORBIDDEN")
    refused(clerk, "customer.create", {"set": {"email": "a@example.com", "password": "x"}},
            "FORBIDDEN")


def test_a_password_is_set_among_other_writes(c, ada):
    """A write that waits for its hash holds no other up."""
    slow = c.send("customer.update", {"id": ada["id"], "set": {"password": "new"}})
    quick = c.send("ping")
    c.wait(quick)
    assert slow not in c.answers
    assert c.wait(slow)["changed"] is True


def test_passwords_of_many_customers_are_set_in_one_call(c):
    pair = [must_create(c) for _ in range(2)]
    c.call("customer.update_many", {"updates": [
        {"id": r["id"], "set": {"password": "secret %d" % n}} for n, r in enumerate(pair)]})
    for n, record in enumerate(pair):
        assert matches(c, "secret %d" % n, id=record["id"])["matches"] is True


def test_a_storm_of_passwords_is_refused_as_busy_and_nothing_else_suffers(own_server):
    own_server.terminate()
    own_server.options = ("--password-queue-max", "2")
    own_server.start()
    shop = Shop(own_server)
    ada = must_create(shop.c)
    storm = [shop.dial() for _ in range(4)]
    pending = [(c, c.send("customer.verify_password", {"id": ada["id"], "password": "x"}))
               for c in storm for _ in range(10)]
    begin = time.monotonic()
    for _ in range(20):
        get(shop.c, ada)
    reads = time.monotonic() - begin
    codes = set()
    for c, msgid in pending:
        try:
            c.wait(msgid)
            codes.add("OK")
        except Refused as refusal:
            assert refusal.retryable
            codes.add(refusal.code)
    assert codes == {"OK", "BUSY"}
    assert reads < 20 * 0.5
    shop.close()


def test_a_password_is_nowhere_in_the_data(own_server):
    shop = Shop(own_server)
    canary = "canary-" + fresh("password")
    ada = must_create(shop.c, password=canary)
    matches(shop.c, canary, id=ada["id"])
    shop.c.call("customer.update", {"id": ada["id"], "set": {"password": canary + "2"}},
                idempotency_key=fresh("key"))
    secret = shop.token()
    own_server.terminate()
    for name in os.listdir(own_server.data):
        with open(os.path.join(own_server.data, name), "rb") as file:
            data = file.read()
        assert canary.encode() not in data and secret.encode() not in data, name
    assert canary not in "\n".join(own_server.log)

"""The change feed: reading it, what is in it, what leaves it, the history of a customer."""

import itertools
import threading
import time

import pytest

from support.customerd import (Server, Shop, get, must_create, must_update, refused,
                               wait_until)
from support.feed import Follower, all_customers, last, read, replay, touch


# -- reading -------------------------------------------------------------------------------


def test_a_change_says_who_did_what_when(shop, c):
    before = int(time.time() * 1000)
    ada = must_create(c, email="ada@example.com", company="Engines")
    c.call("customer.update", {"id": ada["id"], "set": {"company": None, "phone": "1"}})
    c.call("customer.delete", {"id": ada["id"]})
    made, changed, gone = read(c)["items"]
    token = shop.last_token["id"]
    assert before - 1000 <= made.pop("time") <= time.time() * 1000 + 1000
    assert made.pop("set")["email"] == "ada@example.com"
    assert {"email", "company", "status"} <= set(made.pop("fields"))
    assert made == {"seq": 1, "kind": "customer", "op": "create", "id": ada["id"],
                    "uid": ada["uid"], "revision": 1, "token": token}
    assert (changed["op"], changed["revision"]) == ("update", 2)
    assert changed["fields"] == ["phone", "company"]
    assert changed["set"] == {"phone": "1", "company": None}
    assert (gone["op"], gone["revision"], gone["set"]) == ("delete", 2, {})


def test_pages_join_without_gap_or_overlap(c):
    ada = must_create(c)
    touch(c, ada, 99)
    for limit in (1, 7, 100, 1000):
        items, after = [], 0
        while True:
            page = read(c, after=after, limit=limit)
            assert len(page["items"]) <= limit and page["last"] == 100
            items += page["items"]
            after = page["next"]
            if after == page["last"]:
                break
        assert [item["seq"] for item in items] == list(range(1, 101))
        assert replay(items) == all_customers(c)


@pytest.mark.parametrize("method, args, errors", [
    ("change.read", {"after": -1}, {"after": "TOO_SMALL"}),
    ("change.read", {"limit": 0}, {"limit": "TOO_SMALL"}),
    ("change.read", {"limit": 1001}, {"limit": "TOO_LARGE"}),
    ("change.read", {"id": 1}, {"kind": "REQUIRED"}),
    ("change.read", {"kind": "shoe"}, {"kind": "NOT_IN_LIST"}),
    ("change.subscribe", {}, {"credit": "REQUIRED"}),
    ("change.subscribe", {"credit": 0}, {"credit": "TOO_SMALL"}),
    ("change.subscribe", {"credit": 10**9}, {"credit": "TOO_LARGE"}),
    ("change.subscribe", {"credit": 1, "id": 1}, {"kind": "REQUIRED"}),
    ("change.subscribe", {"credit": "1"}, {"credit": "WRONG_TYPE"}),
    ("change.credit", {}, {"subscription": "REQUIRED", "credit": "REQUIRED"}),
    ("change.unsubscribe", {}, {"subscription": "REQUIRED"}),
    ("customer.history", {}, {"id": "REQUIRED"}),
    ("customer.history", {"id": 1, "uid": "abcdefghij"}, {"uid": "CONFLICT"}),
    ("customer.history", {"id": 1, "before": 0}, {"before": "TOO_SMALL"}),
])
def test_bad_arguments_are_named(c, method, args, errors):
    refused(c, method, args, "INVALID", errors)


def test_history_tells_the_newest_first_by_the_names_of_tokens(shop, c):
    ada = must_create(c)
    clerk = shop.dial(name="clerk")
    must_update(clerk, ada, phone="1")
    history = c.call("customer.history", {"uid": ada["uid"]})
    assert [item["op"] for item in history["items"]] == ["update", "create"]
    assert history["items"][0]["token_name"] == "clerk"
    assert history["next"] is None
    shop.operator.call("token.delete", {"id": shop.last_token["id"]})
    c.call("customer.delete", {"id": ada["id"]})
    history = c.call("customer.history", {"id": ada["id"]})["items"]
    assert [item["op"] for item in history] == ["delete", "update", "create"]
    assert history[1]["token_name"] is None and history[1]["token"] is not None
    pages, before = [], {}
    while before is not None:
        page = c.call("customer.history", {"id": ada["id"], "limit": 1, **before})
        pages += page["items"]
        before = {"before": page["next"]} if page["next"] else None
    assert pages == history
    refused(c, "customer.history", {"id": 404}, "NOT_FOUND")


def test_stores_have_feeds_of_their_own(server, shop):
    other = Shop(server)
    theirs = Follower(other.c)
    must_create(shop.c, email="ada@example.com")
    must_create(other.c, email="eve@example.com")
    theirs.upto(1).quiet()
    assert [item["set"]["email"] for item in theirs.items] == ["eve@example.com"]
    assert theirs.last == 1 and last(shop.c) == 1
    other.close()


def test_an_operator_names_the_store_to_follow(server, shop):
    ada = must_create(shop.c, email="ada@example.com", notes="private")
    store = shop.store
    follower = Follower(server.operator(), after=0, store=store).upto(1)
    must_update(shop.c, ada, phone="1")
    follower.upto(2).quiet()
    assert [item["op"] for item in follower.items] == ["create", "update"]
    assert follower.items[0]["set"]["email"] == "ada@example.com"
    assert "private" not in repr(follower.items)
    assert read(follower.c, store=store, after=1)["items"] == follower.items[1:]
    for method, more in (("change.read", {}), ("change.subscribe", {"credit": 1})):
        refused(follower.c, method, {"store": 4000000, **more}, "NOT_FOUND")
        refused(shop.c, method, {"store": store + 1, **more}, "NOT_FOUND")


def test_operators_follow_stores_and_tokens(own_server):
    follower = Follower(own_server.operator(), after=0)
    shop = Shop(own_server)
    must_create(shop.c)
    follower.upto(2).quiet()
    assert [(i["kind"], i["op"]) for i in follower.items] == [("store", "create"),
                                                              ("token", "create")]
    assert shop.last_token["token"] not in repr(follower.items)


def test_private_values_want_their_scope_and_passwords_are_nowhere(shop, c):
    must_create(c, notes="difficult", password="correct horse")
    clerk = Follower(shop.dial(["changes.read"]), after=0).upto(1)
    boss = Follower(shop.dial(["changes.read", "customers.private"]), after=0).upto(1)
    assert "notes" not in clerk.items[0]["set"] and "notes" in clerk.items[0]["fields"]
    assert boss.items[0]["set"].pop("notes") == "difficult"
    assert boss.items == clerk.items
    assert "password" in boss.items[0]["fields"]
    for text in ("correct horse", "argon2"):
        assert text not in repr(boss.items)


def test_what_is_erased_is_in_no_feed(own_server):
    shop = Shop(own_server, anonymization_grace_ms=0)
    shop.c = shop.dial(user={"id": "u1"})
    ada = must_create(shop.c, email="canary@example.com", company="canary")
    touch(shop.c, ada, 30, "canary")
    assert "canary" in repr(read(shop.c)["items"])
    shop.c.call("customer.anonymize", {"id": ada["id"], "anonymize": "request"})
    wait_until(lambda: get(shop.c, ada)["anonymization"]["status"] == "completed",
               "the customer to be anonymised")
    follower = Follower(shop.c, after=0).upto(last(shop.c))
    assert len(follower.items) == 34
    assert "canary" not in repr(follower.items)
    assert "canary" not in repr(shop.c.call("customer.history", {"id": ada["id"]}))
    assert "company" in follower.items[0]["fields"]


# -- what was dropped ----------------------------------------------------------------------


def test_nobody_misses_changes_unawares():
    with Server("--change-keep-max", "1000") as server:
        shop = Shop(server)
        ada = must_create(shop.c)
        behind = Follower(shop.dial(), after=0, credit=1)
        behind.upto(1)
        touch(shop.c, ada, 1499)
        wait_until(lambda: read(shop.c, limit=1)["items"][0]["seq"] == 501,
                   "old changes to leave")
        for method, args in (("change.read", {"after": 0}), ("change.read", {"after": 499}),
                             ("change.read", {"after": 1501}),
                             ("change.subscribe", {"after": 0, "credit": 1}),
                             ("change.subscribe", {"after": 1501, "credit": 1})):
            refusal = refused(shop.c, method, args, "CHANGES_GONE")
            assert (refusal.map["oldest"], refusal.map["last"]) == (501, 1500)
        assert read(shop.c, after=500)["items"][0]["seq"] == 501
        # One that was followed for a while, and then got no more credit.
        error = behind.end()
        assert error["code"] == "CHANGES_GONE"
        assert 2 < error["oldest"] <= 501   # by then: the first may leave before the last come
        assert error["oldest"] < error["last"] <= 1500
        refused(behind.c, "change.credit", {"subscription": behind.number, "credit": 1},
                "NOT_FOUND")
        assert Follower(behind.c).upto(1500).items[0]["seq"] == 501
        assert server.terminate() == 0
        assert server.verify()[0] == 0


def test_a_feed_is_only_so_large():
    with Server("--change-keep-bytes", "1M") as server:
        shop = Shop(server)
        ada = must_create(shop.c)
        quiet = Shop(server)
        must_create(quiet.c)
        touch(shop.c, ada, 400, "x" * 8000)
        oldest = lambda: read(shop.c, limit=1)["items"][0]["seq"]
        wait_until(lambda: oldest() > 250, "old changes to leave")
        kept = oldest()
        assert kept < 300  # some hundred of 8,000 bytes are no more than 1 MiB
        assert [item["seq"] for item in read(quiet.c)["items"]] == [1]
        assert server.terminate() == 0
        assert server.verify()[0] == 0
        server.start()
        c = server.dial(shop.last_token["token"])
        # By then: the last of them may leave after KEPT was read.
        assert kept <= read(c, limit=1)["items"][0]["seq"] < 300
        quiet.close()


def test_a_consumer_can_begin_anew(shop, c):
    """As PROTOCOL.md says: note the end, read all records, follow from there."""
    people = [must_create(c) for _ in range(20)]
    stop = threading.Event()

    def churn(client):
        for n in itertools.count():
            if stop.is_set():
                break
            person = people[n % 20]
            must_update(client, person, phone=str(n))
            if n % 7 == 0:
                extra = must_create(client)
                client.call("customer.delete", {"id": extra["id"]})

    writer = threading.Thread(target=churn, args=(shop.dial(),))
    writer.start()
    time.sleep(0.05)
    noted = last(c)
    records = all_customers(c)
    time.sleep(0.1)
    stop.set()
    writer.join()
    follower = Follower(c, after=noted).upto(last(c))
    for item in follower.items:
        known = records.get(item["id"], {"revision": 0})
        if item["op"] != "delete" and item["revision"] <= known["revision"]:
            continue
        if item["op"] == "delete":
            records.pop(item["id"], None)
        else:
            assert item["revision"] == known["revision"] + 1 or known["revision"] == 0
            records.setdefault(item["id"], known).update(
                item["set"], revision=item["revision"])
    assert {i: {k: v for k, v in r.items() if v is not None} for i, r in records.items()} == \
        all_customers(c)

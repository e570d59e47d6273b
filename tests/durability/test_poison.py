"""A request that cannot be carried out fails alone, however late that shows.

The disk takes 200 ms for a flush (support/point.c).  While one commit waits for it, more
requests come, from several connections: they are one batch, and one or more of them fail.
"""

import itertools
import os

import pytest

from support.customerd import (ROOT, Refused, Server, Shop, fresh, get, must_create)
from support.feed import all_customers, read, replay

POINT = os.path.join(ROOT, "build", "release", "tests", "libpoint.so")
NEIGHBOURS = 64
BYTES_MAX = "2M"         # of the file, for the test that fills it
TRIES = 20              # to have all in one batch, however busy the machine is
CONNECTIONS = 4
ROOM = 8                # of them that fit in what a test leaves
MANY = 100              # records in one update_many
LARGE = {"notes": "n" * 3900, **{field: {str(i): "m" * 790 for i in range(10)}
                                  for field in ("metadata", "jwt_custom_claim")}}

pytestmark = pytest.mark.skipif(not os.path.exists(POINT), reason="no libpoint.so: scons tests")


class World:
    def __init__(self, server):
        self.server = server
        self.shop = Shop(server)
        self.c = self.shop.c
        self.connections = [self.shop.dial() for _ in range(CONNECTIONS)]
        self.ada = must_create(self.c)
        self.neighbours = [must_create(self.c) for _ in range(NEIGHBOURS)]

    def status(self):
        return self.shop.operator.call("server.status")["writer"]

    def slowly(self):
        """From now on each flush takes its time."""
        os.environ.update(LD_PRELOAD=POINT, POINT="1:slow:ever")
        try:
            token = self.shop.last_token["token"]
            self.server.restart()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["POINT"]
        self.shop.operator = self.server.operator()
        self.c = self.server.dial(token)
        self.connections = [self.server.dial(token) for _ in range(CONNECTIONS)]

    def one_batch(self, poison):
        """What became of POISON, a list of (method, args, meta), among the neighbours."""
        before = self.status()
        # Large ones are on their way for longer.
        c = self.connections[1]
        ill = [(c, c.send(method, args, **meta)) for method, args, meta in poison]
        opener = self.connections[0].send("customer.update", {
            "id": self.ada["id"], "set": {"company": fresh("opener")}})
        sent, beside = [], fresh("beside")
        for neighbour, c in zip(self.neighbours, itertools.cycle(self.connections)):
            sent.append((c, c.send("customer.update", {
                "id": neighbour["id"], "set": {"company": beside}, "want": "record"})))
        self.connections[0].wait(opener)
        codes = [outcome(c, msgid) for c, msgid in ill]
        for neighbour, (c, msgid) in zip(self.neighbours, sent):
            record = c.wait(msgid)
            assert record["company"] == beside and get(self.c, neighbour) == record
        return codes, self.status()["splits"] - before["splits"]

    def fail_alone(self, poison, codes):
        """What POISON is told is CODES, and at least once it was in a batch with others."""
        for _ in range(TRIES):
            told, splits = self.one_batch(poison)
            assert told == codes
            if splits > 0:
                return
        raise AssertionError("no batch was tried again in parts")


def outcome(c, msgid):
    try:
        c.wait(msgid)
        return "OK"
    except Refused as refusal:
        return refusal.code


def all_changes(c):
    items, last = [], read(c, limit=1)["last"]
    while not items or items[-1]["seq"] < last:
        items += read(c, after=items[-1]["seq"] if items else 0, limit=1000)["items"]
    return items


@pytest.fixture
def world(request):
    with Server(*getattr(request, "param", ())) as server:
        world = World(server)
        yield world
        assert replay(all_changes(world.c)) == all_customers(world.c)
        assert server.terminate() == 0
        status, said = server.verify()
        assert status == 0, said


def ill(records, **meta):
    """An update of all RECORDS, which are so large that their answer is too large."""
    return ("customer.update_many", {
        "updates": [{"id": record["id"], "set": {"company": "ill"}} for record in records],
        "want": "record"}, meta)


def test_an_answer_that_grows_too_large_takes_nobody_along(world):
    records = [must_create(world.c, **LARGE) for _ in range(MANY)]
    world.slowly()
    world.fail_alone([ill(records), ill(records, idempotency_key="k")], ["NO_MEMORY"] * 2)
    assert all(get(world.c, record) == record for record in records)
    # And the key was not used up.
    small = ("customer.update", {"id": world.ada["id"], "set": {"company": "well"}})
    assert world.c.call(*small, idempotency_key="k")["changed"]


@pytest.mark.parametrize("world", [("--db-bytes-max", BYTES_MAX)], indirect=True)
def test_what_is_more_than_there_is_room_for_takes_nobody_along(world):
    """It begins below the bound of the file, and comes to that while it writes."""
    records = []
    while True:
        try:
            records.append(must_create(world.c, **LARGE))
        except Refused as refusal:
            assert refusal.code == "STORAGE_FULL"
            break
    for record in records[-ROOM:]:
        world.c.call("customer.delete", {"id": record["id"]})
    before = all_customers(world.c).keys()
    world.slowly()
    many = ("customer.create_many", {"creates": [
        {"set": {"email": fresh("ill") + "@example.com", **LARGE}} for _ in range(3 * ROOM)]}, {})
    assert world.one_batch([many])[0] == ["STORAGE_FULL"]
    assert all_customers(world.c).keys() == before


def test_what_a_neighbour_has_made_impossible_fails_alone(world):
    """Checked when it was sent, each was good; those of one connection are done in order."""
    one, other = must_create(world.c), must_create(world.c)
    world.slowly()
    email = fresh("twice") + "@example.com"
    update = {"id": one["id"], "set": {"phone": "1"}}
    calls = [
        ("customer.create", {"set": {"email": email}}, "OK"),
        ("customer.create", {"set": {"email": email}}, "INVALID"),
        ("customer.update", {**update, "if_revision": one["revision"]}, "OK"),
        ("customer.update", {**update, "if_revision": one["revision"]}, "REVISION_MISMATCH"),
        ("customer.update_many", {"atomic": True, "updates": [
            {"id": world.ada["id"], "set": {"phone": "1"}},
            {"id": 999_999, "set": {"phone": "1"}}]}, "INVALID"),
        ("customer.delete", {"id": other["id"]}, "OK"),
        ("customer.update", {"id": other["id"], "set": {"phone": "1"}}, "NOT_FOUND"),
        ("customer.create", {"set": {"email": fresh("well") + "@example.com"}}, "OK"),
    ]
    told, _ = world.one_batch([(method, args, {}) for method, args, _ in calls])
    assert told == [code for *_, code in calls]
    assert "phone" not in get(world.c, world.ada)

"""Subscriptions to the change feed: following it through whatever comes in between."""

import socket
import threading
import time

import pytest

from support.customerd import (PATIENCE_S, Client, Refused, Server, Shop, describe, get,
                               must_create, must_update, refused, wait_until)
from support.feed import Follower, all_customers, last, replay, touch


# -- following -----------------------------------------------------------------------------


def test_a_follower_gets_each_change_as_it_is_made(shop, c):
    follower = Follower(shop.dial())
    ada = must_create(c)
    begun = time.monotonic()
    for n in range(1, 50):
        follower.upto(n)
        assert follower.sequences() == list(range(1, n + 1))
        must_update(c, ada, phone=str(n))
    assert time.monotonic() - begun < 15, "told by a commit, not by the clock"


def test_catching_up_turns_into_following_without_a_seam(shop, c):
    ada = must_create(c)
    touch(c, ada, 500)
    writer = threading.Thread(target=touch, args=(shop.dial(), ada, 1500))
    writer.start()
    followers = [Follower(shop.dial(), after=after, credit=10000) for after in (0, 0, 250, 501)]
    for follower in followers:
        begin = follower.next
        follower.upto(2001)
        assert follower.sequences() == list(range(begin + 1, 2002))
    writer.join()


def test_no_more_comes_than_there_is_credit_for(shop, c):
    follower = Follower(shop.dial(), credit=3)
    ada = must_create(c)
    touch(c, ada, 9)
    follower.upto(3).quiet()
    assert follower.sequences() == [1, 2, 3]
    assert follower.credit(2) == 2
    follower.upto(5).quiet()
    assert follower.sequences() == [1, 2, 3, 4, 5]
    assert follower.credit(100) in (100, 95)
    follower.upto(10)
    touch(c, ada, 200)
    follower.upto(105).quiet()
    assert follower.sequences() == list(range(1, 106))
    maximum = describe()["limits"]["feed_credit_max"]
    follower.credit(maximum - 100)
    follower.quiet()
    refused(follower.c, "change.credit", {"subscription": follower.number, "credit": maximum},
            "INVALID", {"credit": "TOO_LARGE"})


def test_a_follower_of_one_kind_or_record_gets_no_others(shop, c):
    ada, eve = must_create(c), must_create(c)
    groups = Follower(shop.dial(), after=0, kind="group")
    eves = Follower(shop.dial(), after=0, kind="customer", id=eve["id"])
    touch(c, ada, 10)
    must_create(c, "group", name="VIP")
    touch(c, eve, 1)
    eves.until(lambda f: len(f.items) == 2)
    groups.until(lambda f: len(f.items) == 1)
    assert [(i["kind"], i["id"]) for i in eves.items] == [("customer", eve["id"])] * 2
    assert groups.items[0]["kind"] == "group"
    assert groups.next == 13


def test_a_follower_learns_its_place_when_nothing_comes_for_it(shop, c):
    ada = must_create(c)
    tags = Follower(shop.dial(), kind="tag", credit=1)
    touch(c, ada, 2500)
    tags.until(lambda f: f.next >= 2000)
    assert tags.items == [] and len(tags.sizes) <= 3
    must_create(c, "tag", name="vip")
    tags.until(lambda f: f.items)
    assert tags.items[0]["set"] == {"name": "vip"}


def test_many_subscriptions_share_a_connection_up_to_a_bound(shop, c):
    client = shop.dial()
    maximum = describe()["limits"]["subscriptions_max"]
    followers = [Follower(client, after=0, credit=1000) for _ in range(maximum)]
    assert len({f.number for f in followers}) == maximum
    refused(client, "change.subscribe", {"credit": 1}, "TOO_LARGE")
    assert client.call("change.unsubscribe",
                       {"subscription": followers[0].number}) == {"next": 0}
    refused(client, "change.unsubscribe", {"subscription": followers[0].number}, "NOT_FOUND")
    refused(client, "change.credit", {"subscription": 404, "credit": 1}, "NOT_FOUND")
    # What one connection calls a subscription means nothing on another.
    refused(c, "change.unsubscribe", {"subscription": followers[1].number}, "NOT_FOUND")
    ada = must_create(c)
    touch(c, ada, 49)
    got = {f.number: [] for f in followers}
    while sum(map(len, got.values())) < 50 * (maximum - 1):
        client.receive()
        for _, (body,) in client.notifications:
            got[body["subscription"]] += [i["seq"] for i in body["items"]]
        client.notifications = []
    assert got.pop(followers[0].number) == []
    assert all(sequences == list(range(1, 51)) for sequences in got.values())
    Follower(client)


def test_requests_are_answered_between_the_changes(shop, c):
    ada = must_create(c)
    touch(c, ada, 3000, "x" * 200)
    follower = Follower(shop.dial(), after=0, credit=10000)
    begun = time.monotonic()
    for _ in range(20):
        follower.c.call("customer.get", {"id": ada["id"]})
    follower.upto(3001)
    assert time.monotonic() - begun < PATIENCE_S / 4, "waits where there is more to send"
    assert follower.sequences() == list(range(1, 3002))
    assert max(follower.sizes) <= 100


def test_followers_are_counted(own_server):
    shop = Shop(own_server)

    def counters():
        return shop.operator.call("server.status")["counters"]

    follower = Follower(shop.dial())
    must_create(shop.c)
    follower.upto(1)
    assert counters()["subscriptions_open"] == 1
    assert counters()["changes_sent"] == 1
    assert counters()["feed_lag"] == 0
    stuck = Follower(shop.dial(), after=0, credit=1).upto(1)
    for _ in range(3):
        must_create(shop.c)
    wait_until(lambda: counters()["feed_lag"] == 3, "the lag to be seen")
    stuck.credit(2)
    stuck.upto(3)
    wait_until(lambda: counters()["feed_lag"] == 1, "the lag to shrink")
    assert counters()["subscriptions_open"] == 2
    for each in (follower, stuck):
        each.c.close()
    wait_until(lambda: counters()["subscriptions_open"] == 0, "the subscriptions to end")
    assert counters()["feed_lag"] == 0


# -- the end of a token --------------------------------------------------------------------


def test_a_subscription_ends_with_its_token_and_the_connection_stays(shop, c):
    follower = Follower(shop.dial())
    must_create(c)
    follower.upto(1)
    shop.operator.call("token.delete", {"id": shop.last_token["id"]})
    error = follower.end()
    assert error["code"] == "UNAUTHENTICATED" and error["message"]
    assert error["retryable"] is False
    must_create(c)
    follower.quiet()
    assert follower.sequences() == [1]
    follower.c.call("hello", {"token": shop.token()})
    Follower(follower.c, after=1).upto(2)


def test_a_subscription_without_credit_ends_with_its_token_too(shop, c):
    follower = Follower(shop.dial(), credit=1)
    token = shop.last_token["id"]
    must_create(c)
    must_create(c)
    follower.upto(1)
    shop.operator.call("token.delete", {"id": token})
    assert follower.end()["code"] == "UNAUTHENTICATED"


def test_a_subscription_ends_when_its_token_expires(shop):
    now = int(time.time() * 1000)
    follower = Follower(shop.dial(expires_at=now + 1500))
    assert follower.end()["code"] == "UNAUTHENTICATED"
    assert time.time() * 1000 >= now + 1500


def test_a_subscription_ends_when_its_token_may_not_any_more(shop, c):
    follower = Follower(shop.dial(["changes.read", "customers.private"]))
    token = shop.last_token["id"]
    shop.operator.call("token.update", {"id": token, "set": {"scopes": ["changes.read"]}})
    must_create(c, notes="difficult")
    follower.upto(1)
    assert "notes" not in follower.items[0]["set"]
    shop.operator.call("token.update", {"id": token, "set": {"scopes": ["customers.read"]}})
    assert follower.end()["code"] == "FORBIDDEN"


def test_a_subscription_belongs_to_the_token_that_asked_for_it(server, shop, c):
    other = Shop(server)
    client = server.dial()
    answer = client.call("change.subscribe", {"credit": 10}, token=shop.token())
    client.call("hello", {"token": other.token()})
    must_create(other.c)
    ada = must_create(c)
    while not client.notifications:
        client.receive()
    (_, (body,)), = client.notifications
    assert body["subscription"] == answer["subscription"]
    assert body["items"][0]["uid"] == ada["uid"]
    other.close()


# -- crashes -------------------------------------------------------------------------------


class Consumer(threading.Thread):
    """Follows a feed through the crashes of the server, as a program would."""

    def __init__(self, server, token):
        super().__init__(daemon=True)
        self.server, self.token = server, token
        self.next, self.items = 0, []  # kept together, as by a transaction
        self.done = threading.Event()
        self.connects = 0
        self.failure = None

    def run(self):
        while not self.done.is_set():
            try:
                self.follow(self.server.dial(self.token))
            except (OSError, ConnectionError):
                time.sleep(0.01)
            except BaseException as failure:
                self.failure = failure
                raise

    def follow(self, client):
        self.connects += 1
        number = client.call("change.subscribe", {"after": self.next,
                                                  "credit": 50})["subscription"]
        while not self.done.is_set():
            while client.notifications:
                method, (body,) = client.notifications.pop(0)
                assert method == "change", body
                self.items += body["items"]
                self.next = body["next"]
                if body["items"]:
                    client.call("change.credit", {"subscription": number,
                                                  "credit": len(body["items"])})
            if not client.notifications:
                client.receive()


@pytest.mark.parametrize("loops", ["1", "2"])
def test_nothing_is_missed_or_doubled_when_the_server_is_killed(loops):
    with Server("--loops", loops) as server:
        shop = Shop(server)
        token = shop.token()
        consumers = [Consumer(server, token) for _ in range(3)]
        for consumer in consumers:
            consumer.start()
        people = [must_create(shop.c) for _ in range(10)]
        for kill in range(4):
            wait_until(lambda: all(consumer.connects > kill for consumer in consumers),
                       "the consumers to connect")
            # Write without waiting for the answers, and kill in the middle of it.
            client = server.dial(token)
            for n in range(400):
                client.send("customer.update", {"id": people[n % 10]["id"],
                                                "set": {"company": "%d %d" % (kill, n)}})
                if n == 200:
                    client.receive()
            server.kill()
            server.start()
        c = server.dial(token)
        must_update(c, people[0], phone="the last")
        end = last(c)
        for consumer in consumers:
            wait_until(lambda: consumer.failure or consumer.next == end,
                       "the consumer to follow")
            assert consumer.failure is None
            consumer.done.set()
            assert [item["seq"] for item in consumer.items] == list(range(1, end + 1))
            assert consumer.connects >= 5
            assert replay(consumer.items) == all_customers(c)
        assert server.terminate() == 0
        assert server.verify()[0] == 0


def test_a_follower_that_went_away_goes_on_where_it_stopped(shop, c):
    ada = must_create(c)
    seen, place = [], 0
    for _ in range(5):
        follower = Follower(shop.dial(), after=place, credit=7)
        touch(c, ada, 20)
        follower.until(lambda f: len(f.items) == 7)
        seen += follower.sequences()
        place = follower.next
        follower.c.close()
    assert seen == list(range(1, 36))


# -- who is slow ---------------------------------------------------------------------------


def memory(server):
    """KiB of its own; 0 under a sanitizer, which has a memory of its own, too."""
    proc = "/proc/%d/" % server.process.pid
    with open(proc + "maps", encoding="utf-8") as maps:
        if "san.so" in maps.read():
            return 0
    with open(proc + "status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def narrow(server, token):
    """A client for whom the kernel keeps little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    sock.connect(server.address)
    return Client(sock, token)


def test_a_slow_follower_costs_nobody_else():
    # What is in the journals is in memory as well; that is not the followers'.
    with Server("--journal-bytes-max", "1M") as server:
        shop = Shop(server)
        ada = must_create(shop.c)
        # They want everything and take nothing.
        slow = [Follower(narrow(server, shop.token()), after=0, credit=1_000_000)
                for _ in range(20)]
        swift = Follower(shop.dial(), after=0, credit=1_000_000)
        before = memory(server)
        slowest = 0
        for n in range(40):
            touch(shop.c, ada, 50, "x" * 6000)
            swift.upto(1 + 50 * (n + 1))
            begun = time.monotonic()
            get(shop.c, ada)
            slowest = max(slowest, time.monotonic() - begun)
        assert swift.sequences() == list(range(1, 2002))
        assert slowest < 1
        # 12 MB were written; each of the 20 may hold half a mebibyte at most.
        assert memory(server) - before < 20 * 512 + 16 * 1024
        # And whoever begins to read at last, gets it all.
        slow[7].upto(2001)
        assert slow[7].sequences() == list(range(1, 2002))


def test_a_server_with_followers_stops_at_once():
    with Server("--loops", "2") as server:
        shop = Shop(server)
        followers = [Follower(shop.dial()) for _ in range(10)]
        ada = must_create(shop.c)
        touch(shop.c, ada, 100)
        begun = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - begun < 4
        for follower in followers:
            assert follower.c.closed()


def test_a_notification_cannot_subscribe(shop):
    client = shop.dial()
    client.notify("change.subscribe", {"credit": 1})
    client.receive()
    assert client.notifications[0][1][0]["code"] == "MALFORMED"
    assert "subscription" not in client.notifications[0][1][0]
    try:
        client.call("change.credit", {"subscription": 1, "credit": 1})
        raise AssertionError("subscribed by a notification")
    except Refused as refusal:
        assert refusal.code == "NOT_FOUND"

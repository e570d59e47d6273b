"""The wall clock jumps, and programs are stopped: nothing is lost, wrongly dropped or ended."""

import subprocess
import threading
import time

import msgpack
import pytest

from support.customerctl import CUSTOMERCTL, SAMPLE, ctl_unix
from support.customerd import (PATIENCE_S, Refused, Server, Shop, get, must_create,
                               must_update, refused, wait_until)
from support.feed import all_customers, read, replay, touch
from support.programs import cpu_s
from support.relay import Around, Relay
from support.shift import go_on, shifted, stop, stopped, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))

HOUR_MS = 3600 * 1000
PAUSE_S = 60
CPU_SHARE_MAX = 0.5         # of a core; a loop that spins takes one
WATCHED_S = 0.3
OPTIONS = ("--loops", "2", "--first-frame-timeout-ms", "30000", "--frame-timeout-ms", "30000")


class World:
    """A shop whose server has clocks of its own."""

    def __init__(self, server, clocks):
        self.server, self.clocks = server, clocks
        self.shop = Shop(server)
        self.c = self.shop.c
        self.jumps = 0

    def now_ms(self):
        return self.c.call("ping")["time"]

    def jump(self, **by):
        """Returns when the server has noticed, and done what it holds to be due then."""
        self.clocks.jump(**by)
        self.jumps += 1
        wait_until(lambda: sum('"event":"clock_jumped"' in line for line in self.server.log)
                   == self.jumps, "the jump to be noticed")
        # The housekeeper's piece was queued before this.
        must_create(self.c)

    def pid(self):
        return self.server.process.pid


@pytest.fixture
def world():
    server = Server(*OPTIONS, start=False)
    with shifted() as clocks:
        server.start()
        with server:
            world = World(server, clocks)
            yield world
            world.shop.close()
            assert server.terminate() == 0
            status, said = server.verify()
            assert status == 0, said


# -- jumps ----------------------------------------------------------------------------------


def test_updated_at_never_goes_back_and_revisions_go_up(world):
    ada = must_create(world.c)
    world.jump(years=10)
    later = must_update(world.c, ada, company="later")
    assert later["updated_at"] - ada["updated_at"] > 9 * 365 * 24 * HOUR_MS
    world.jump(years=-20)
    back = must_update(world.c, ada, company="back")
    assert (back["updated_at"], back["revision"]) == (later["updated_at"], 3)
    assert back["created_at"] == ada["created_at"]
    assert must_create(world.c)["created_at"] < ada["created_at"], "the clock as it is"


def test_a_token_is_refused_while_the_clock_says_that_it_has_expired(world):
    token = world.shop.token(expires_at=world.now_ms() + HOUR_MS)
    c = world.shop.dial_token(token)
    world.jump(hours=2)
    refused(c, "customer.list", {}, "UNAUTHENTICATED")
    with pytest.raises(Refused):
        world.shop.dial_token(token)
    world.jump(hours=-3)
    # And it has not been deleted meanwhile.
    assert world.shop.dial_token(token).call("customer.list")["items"]


class Perishable:
    """What a server drops some day: a change, a kept answer, a token, a customer."""

    def __init__(self, world):
        self.world, self.c = world, world.c
        self.changed = must_create(self.c)
        touch(self.c, self.changed, 20)
        self.call = ("customer.update", {"id": self.changed["id"], "set": {"notes": "once"}})
        self.first = self.c.call(*self.call, idempotency_key="k")
        world.shop.token(expires_at=world.now_ms() + HOUR_MS)
        self.token = world.shop.last_token["id"]
        self.erased = must_create(self.c, first_name="Ada")
        officer = world.shop.dial(user={"id": "u1"})
        officer.call("customer.anonymize", {"id": self.erased["id"], "anonymize": "request"})

    def changes_are_there(self):
        return [item["seq"] for item in read(self.c, limit=10)["items"]] == list(range(1, 11))

    def answer_is_kept(self):
        return self.c.call(*self.call, idempotency_key="k") == self.first

    def token_is_there(self):
        try:
            return bool(self.world.shop.operator.call("token.get", {"id": self.token}))
        except Refused as refusal:
            assert refusal.code == "NOT_FOUND"
            return False

    def customer_is_there(self):
        return get(self.c, self.erased).get("first_name") == "Ada"

    def parts(self):
        return [self.changes_are_there, self.answer_is_kept, self.token_is_there,
                self.customer_is_there]


def test_a_jump_forward_and_back_destroys_nothing(world):
    things = Perishable(world)
    for years in (10, -10):
        world.jump(years=years)
        assert [there() for there in things.parts()] == [True] * 4


def test_a_jump_that_lasts_an_hour_is_believed(world):
    things = Perishable(world)
    world.jump(years=10)
    world.clocks.pass_by(3590)
    must_create(world.c)
    assert [there() for there in things.parts()] == [True] * 4
    world.clocks.pass_by(60)
    for there in things.parts():
        wait_until(lambda: not there(), "it to be dropped: " + there.__name__)


def test_time_that_passes_is_believed_at_once(world):
    things = Perishable(world)
    world.clocks.pass_by(40 * 24 * 3600)
    for there in things.parts():
        wait_until(lambda: not there(), "it to be dropped: " + there.__name__)
    assert not any("clock_jumped" in line for line in world.server.log)


def test_timeouts_do_not_go_by_the_wall_clock(world):
    silent = world.server.dial()
    world.jump(hours=5)
    world.jump(hours=-10)
    assert silent.call("ping"), "it has its 30 seconds still"
    before = connections(world)
    other = world.server.dial()
    other.send_raw(b"\x94")
    wait_until(lambda: connections(world) == before + 1, "it to be let in")
    world.jump(hours=-10)
    world.clocks.pass_by(31)
    # A clock that went back makes no timeout longer.
    assert other.closed()
    silent.close()


def test_under_load_jumps_are_noticed_by_nobody_and_nothing_spins(world):
    ada, over = must_create(world.c), threading.Event()

    def shake():
        for hours in (3, -5000, 4997):
            world.jump(hours=hours)
        over.set()

    thread = threading.Thread(target=shake)
    thread.start()
    c, revision = world.shop.dial(), 1
    while not over.is_set():
        sent = [c.send("customer.update", {"id": ada["id"], "set": {"phone": str(n)}},
                       timeout_ms=PATIENCE_S * 1000) for n in range(50)]
        for msgid in sent:
            revision += 1
            assert c.wait(msgid)["revision"] == revision
    thread.join()
    assert get(c, ada)["revision"] == revision
    used, began = cpu_s(world.pid()), time.monotonic()
    time.sleep(WATCHED_S)
    assert cpu_s(world.pid()) - used < CPU_SHARE_MAX * (time.monotonic() - began)


# -- programs that are stopped -------------------------------------------------------------


def connections(world):
    return world.shop.operator.call("server.status")["counters"]["connections_open"]


def test_who_was_in_time_is_served_by_a_server_that_was_stopped(world):
    before = connections(world)
    ping = msgpack.packb([0, 1, "ping", []])
    new, old = ([world.server.dial() for _ in range(20)] for _ in range(2))
    for c in old:
        assert c.call("ping")
    wait_until(lambda: connections(world) == before + 40, "all to be let in")
    for c in new + old:
        c.send_raw(ping[:3])
    with stopped(world.pid(), world.clocks, PAUSE_S):
        for c in new + old:
            c.send_raw(ping[3:])
    for c in new + old:
        c.answers.clear()
        assert c.wait(1)["time"]


def test_who_was_not_in_time_is_ended_all_the_same(world):
    before = connections(world)
    silent = world.server.dial()
    wait_until(lambda: connections(world) == before + 1, "it to be let in")
    with stopped(world.pid(), world.clocks, PAUSE_S):
        pass
    assert silent.closed()


def test_writes_that_come_while_the_server_is_stopped_are_carried_out_once(world):
    ada, c = must_create(world.c), world.shop.dial()
    for _ in range(3):
        with stopped(world.pid(), world.clocks, PAUSE_S):
            sent = [c.send("customer.update", {"id": ada["id"], "set": {"phone": str(n)}},
                           timeout_ms=PATIENCE_S * 1000) for n in range(100)]
        for msgid in sent:
            c.wait(msgid)
    assert get(c, ada)["revision"] == 301
    assert replay(read(c, limit=1000)["items"]) == all_customers(c)


def test_a_client_that_was_stopped_takes_the_answer_that_came_in_time():
    begun, client = threading.Event(), None

    def before():
        begun.wait(PATIENCE_S)
        stop(client.pid)

    def after():
        clocks.pass_by(PAUSE_S)
        go_on(client.pid)

    with Server() as server, shifted() as clocks:
        ctl_unix(server, "load", SAMPLE)
        relay = Relay(server.unix)
        relay.befall("customer.get", Around(before, after))
        client = subprocess.Popen(
            [CUSTOMERCTL, "--unix", relay.unix, "--token", "access_token",
             "--timeout-ms", "5000", "customer", "show", "12345"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        begun.set()
        said, wrong = client.communicate(timeout=PATIENCE_S)
        relay.close()
    assert client.returncode == 0 and b"12345" in said, wrong

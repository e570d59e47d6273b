"""Every way to write meets the full disk: refused by name, or done; and all goes on afterwards."""

import contextlib
import itertools
import json
import os
import signal
import subprocess

import pytest

from power_cut import ServerOnDisk
from support.customerctl import CUSTOMERCTL, DONE, ctl_tcp, ctl_unix
from support.customerd import (PATIENCE_S, Refused, Server, Shop, StartFailed, fresh, get,
                               must_create, must_update, run, wait_until)
from support.disk import Disk, why_not
from support.feed import all_customers, read, replay
from test_full_disk import filled

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))

DISK_BYTES = 64 << 20
TRIES_MAX = 20_000


class World:
    """A shop on a disk of its own."""

    def __init__(self, disk, server):
        self.disk, self.server = disk, server
        self.shop = Shop(server)
        self.c, self.operator = self.shop.c, self.shop.operator
        self.token = self.shop.last_token["token"]
        self.ada = must_create(self.c, first_name="Ada", password="correct horse")
        self.spare = [must_create(self.c) for _ in range(3)]
        self.officer = self.shop.dial(user={"id": "u1"})

    @contextlib.contextmanager
    def full(self):
        """Not even the smallest write has room."""
        with filled(self.disk):
            for text in ("x" * 3900, "y"):
                self.write_until_refused(text)
            yield

    def write_until_refused(self, text):
        for number in range(TRIES_MAX):
            try:
                must_update(self.c, self.spare[0], notes="%d %s" % (number, text))
            except Refused as refusal:
                assert refusal.code == "STORAGE_FULL" and refusal.retryable, refusal
                return
        raise AssertionError("the disk never got full")

    def path(self, name):
        return os.path.join(self.disk.path, name)


@pytest.fixture
def world():
    with Disk(size=DISK_BYTES) as disk, ServerOnDisk(disk) as server:
        world = World(disk, server)
        yield world
        world.shop.close()
        assert server.terminate() == 0
        status, said = server.verify()
        assert status == 0, said


def writes(world):
    """One of each kind: who asks, the method, its arguments."""
    c, ada, operator = world.c, {"id": world.ada["id"]}, world.operator
    return [
        (c, "customer.create", {"set": {"email": fresh("full") + "@example.com"}}),
        (c, "customer.create_many", {"creates": [{"set": {"email": fresh("f") + "@example.com"}}]}),
        (c, "customer.update", {**ada, "set": {"phone": "5550101"}}),
        (c, "customer.update", {**ada, "set": {"password": "new horse"}}),
        (c, "customer.update_many", {"atomic": True, "updates": [{**ada, "set": {"phone": "1"}}]}),
        (c, "customer.update_many", {"updates": [{**ada, "set": {"phone": "2"}}]}),
        (c, "group.create", {"set": {"name": fresh("group")}}),
        (c, "tag.create", {"set": {"name": fresh("tag")}}),
        (operator, "store.create", {"set": {"name": fresh("Shop "), "mode": "test"}}),
        (operator, "store.update", {"id": world.shop.store, "set": {"name": fresh("Shop ")}}),
        (operator, "token.create", {"set": {"name": "t", "store": world.shop.store,
                                            "scopes": ["customers.read"]}}),
        (world.officer, "customer.anonymize", {"id": world.spare[1]["id"],
                                               "anonymize": "request"}),
    ]


def test_each_kind_of_write_is_refused_without_a_trace_and_works_afterwards(world):
    with world.full():
        before = all_customers(world.c), read(world.c, limit=1)["last"]
        for c, method, args in writes(world):
            with pytest.raises(Refused) as refused:
                c.call(method, args)
            assert refused.value.code == "STORAGE_FULL", method
            assert refused.value.retryable
        assert (all_customers(world.c), read(world.c, limit=1)["last"]) == before
        assert world.c.call("customer.verify_password", {
            "id": world.ada["id"], "password": "correct horse"})["matches"]
        # What makes room has some kept for it.
        world.c.call("customer.delete", {"id": world.spare[2]["id"]})
    for c, method, args in writes(world):
        c.call(method, args)


def test_what_was_refused_is_done_once_under_its_key(world):
    call = ("customer.update", {"id": world.ada["id"], "set": {"phone": "1"}})
    with world.full():
        for _ in range(3):
            with pytest.raises(Refused):
                world.c.call(*call, idempotency_key="k")
    answer = world.c.call(*call, idempotency_key="k")
    assert answer == world.c.call(*call, idempotency_key="k")
    assert get(world.c, world.ada)["revision"] == world.ada["revision"] + 1


def works(c, method, args):
    try:
        return c.call(method, args)
    except Refused as refusal:
        assert refusal.code == "STORAGE_FULL" and refusal.retryable, refusal
        return False


def test_a_checkpoint_without_room_is_logged_once_until_it_has_some(world):
    def logged():
        return [json.loads(line)["status"] for line in world.server.log
                if '"event":"checkpoint"' in line]

    def is_logged_while_writing():
        works(world.c, "customer.update", {"id": world.spare[0]["id"],
                                           "set": {"notes": fresh("x" * 3900)}})
        return logged()[-1:] == ["STORAGE_FULL"]
    with world.full():
        wait_until(is_logged_while_writing, "the failure is logged")
    wait_until(lambda: logged()[-1] == "OK", "the end of it is logged")
    assert all(one != next for one, next in itertools.pairwise(logged()))


@pytest.mark.parametrize("method", ["server.backup", "server.scrub"])
def test_a_copy_that_has_no_room_is_refused_and_leaves_nothing(world, method):
    args = {"directory": world.path("copy")} if method == "server.backup" else {}
    with world.full():
        with pytest.raises(Refused) as refused:
            world.operator.call(method, args)
        assert refused.value.code == "STORAGE_FULL"
        assert not os.path.exists(world.path("copy"))
        assert get(world.c, world.ada)["first_name"] == "Ada"
    must_update(world.c, world.ada, phone="1")
    wait_until(lambda: works(world.operator, method, args), "it to have room again")
    if method == "server.backup":
        assert run("verify", world.path("copy"))[0] == 0


def test_followers_of_the_feed_go_on_and_miss_nothing(world):
    follower = world.server.dial(world.token)
    follower.call("change.subscribe", {"credit": 100_000, "after": 0})
    with world.full():
        assert follower.call("ping")
    must_update(world.c, world.ada, phone="1")
    last, items = read(world.c, limit=1)["last"], []
    while not items or items[-1]["seq"] < last:
        if not follower.notifications:
            follower.receive()
        for name, (body,) in follower.notifications:
            assert name == "change", body
            items += body["items"]
        follower.notifications.clear()
    assert [item["seq"] for item in items] == list(range(1, last + 1))
    assert replay(items) == all_customers(world.c)


def test_a_log_that_has_no_room_ends_nothing(world):
    """The lines are lost; the server is not."""
    assert world.server.terminate() == 0
    with open(world.path("log"), "wb") as log:
        process = subprocess.Popen(world.server.command(), stdin=subprocess.DEVNULL, stderr=log,
                                   pass_fds=[world.server.listener.fileno()])
    try:
        c = world.server.dial(world.token)
        world.c = c
        with world.full():
            size = os.path.getsize(world.path("log"))
            for _ in range(200):    # each is worth a line
                bad = world.server.dial()
                bad.send_raw(b"GET / HTTP/1.1\r\n")
                assert bad.closed()
            assert os.path.getsize(world.path("log")) - size < 4096
            assert get(c, world.ada)["first_name"] == "Ada"
        must_update(c, world.ada, phone="1")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    world.server.start()


def test_a_first_start_without_room_says_so_and_a_second_one_works():
    with Disk(size=DISK_BYTES) as disk, Server(start=False) as server:
        server.data = os.path.join(disk.path, "data")
        os.mkdir(server.data, 0o700)
        with filled(disk), pytest.raises(StartFailed) as failed:
            server.start()
        server.process = None
        assert failed.value.status == 1 and "No space left" in failed.value.text
        server.start()
        assert server.operator().call("store.list")["items"] == []


# -- customerctl, whose own files are on the full disk --------------------------------------


def ctl(world, *words):
    return ctl_tcp(world.server, *words, token=world.token)


def test_an_export_that_has_no_room_says_so_and_is_resumed(world):
    path = world.path("out.ndjson")
    with world.full():
        done = ctl(world, "export", path)
        assert done.status != DONE and "No space left" in done.said, done
        assert not os.path.exists(path), "half an export has not the name of one"
    again = ctl(world, "export", path)
    assert again.status == DONE, again
    with open(path) as file:
        assert sorted(json.loads(line)["id"] for line in file) == sorted(all_customers(world.c))


def test_an_import_that_meets_a_full_disk_is_resumed_and_imports_each_once(world, tmp_path):
    people = [{"email": "c%d@example.com" % i, "notes": "x" * 3900} for i in range(2500)]
    path, filler = tmp_path / "in.ndjson", world.path("filler")
    path.write_text("".join(json.dumps(record) + "\n" for record in people))
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, DISK_BYTES * 5 // 8)
    done = ctl(world, "import", str(path))
    assert done.status != DONE and "STORAGE_FULL" in done.said, done
    os.unlink(filler)
    done = ctl(world, "import", str(path), "--resume")
    assert done.status == DONE, done
    emails = [record["email"] for record in all_customers(world.c).values()]
    assert len(emails) == len(set(emails))
    assert {record["email"] for record in people} <= set(emails)


def test_a_place_in_the_feed_that_has_no_room_is_said_and_none_is_lost(world):
    state = world.path("place")
    words = [CUSTOMERCTL, "--connect", "%s:%d" % world.server.address, "change", "follow",
             "--after", "0", "--state", state, "--json"]

    def follow():
        return subprocess.Popen(words, env={**os.environ, "CUSTOMERD_TOKEN": world.token},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with world.full():
        follower = follow()
        said = follower.communicate(timeout=PATIENCE_S)[1]
        assert follower.returncode != 0 and "No space left" in said
    follower = follow()
    first = json.loads(follower.stdout.readline())
    assert first["seq"] == 1
    wait_until(lambda: os.path.exists(state), "the place to be kept")
    follower.send_signal(signal.SIGINT)
    follower.communicate(timeout=PATIENCE_S)

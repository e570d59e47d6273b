"""Requests that come at once with one token share one reading of its store, and nothing else."""

import contextlib
import socket

import pytest

from support.customerd import wait_until
from support.relay import LOST_BEFORE, Around
from support.rest import CL, ECWID, Platforms, request
from support.shift import go_on, stop

COUNT = 20
READ = request("GET", "/api/customers/XAyRWNUzyN", dict(CL), None)
TRACED = request("GET", "/api/customers/XAyRWNUzyN", dict(
    CL, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), None)
OTHER_FORMAT = request("GET", "/api/v3/1003/customers/12345", dict(ECWID), None)
RESET = b"\1\0\0\0\0\0\0\0"


@pytest.fixture(scope="module")
def world():
    with Platforms(relayed=True) as platforms:
        yield platforms


@contextlib.contextmanager
def clients(platforms):
    """COUNT connections that have been served."""
    with contextlib.ExitStack() as stack:
        dialogues = [stack.enter_context(platforms.shim.dial()) for _ in range(COUNT)]
        for dialogue in dialogues:
            assert dialogue.send(READ).answer().status == 200
        yield dialogues


def at_once(platforms, dialogues, *requests):
    """The shim finds REQUESTS, one after the other on the DIALOGUES, in one turn."""
    stop(platforms.shim.process.pid)
    for i, dialogue in enumerate(dialogues):
        dialogue.send(requests[i % len(requests)])
    go_on(platforms.shim.process.pid)


def wait_for_requests(platforms, count):
    """Until so many are under way."""
    line = b"customerd_rest_requests_open %d\n" % count
    wait_until(lambda: line in platforms.shim.admin("/metrics").body,
               "the shim has %d requests" % count)


def leave(platforms, dialogues):
    """They are reset with a request of each of COUNT under way; the shim has noticed."""
    wait_for_requests(platforms, COUNT)
    for dialogue in dialogues:
        dialogue.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        dialogue.close()
    wait_for_requests(platforms, COUNT - len(dialogues))


def reader_of_another_store(platforms, mode):
    """A request that reads a customer of a store in MODE, with a token as long as any other's."""
    operator = platforms.native()
    store = operator.call("store.create", {"set": {"name": "Other", "mode": mode}})
    token = operator.call("token.create", {"set": {
        "name": "other", "store": store["id"],
        "scopes": ["customers.read", "customers.write", "store.read"]}})["token"]
    uid = platforms.native(token).call(
        "customer.create", {"set": {"email": "a@example.com"}})["uid"]
    return request("GET", "/api/customers/" + uid, {"Authorization": "Bearer " + token}, None)


def test_those_who_ask_at_once_share_one_reading_of_their_store(world):
    with clients(world) as dialogues:
        before = world.relay.seen.copy()
        at_once(world, dialogues, READ)
        for dialogue in dialogues:
            answer = dialogue.answer()
            assert answer.status == 200 and answer.json["data"]["meta"]["mode"] == "test"
        seen = world.relay.seen - before
    assert seen["customer.get"] == COUNT
    assert 1 <= seen["store.get"] < COUNT


def test_who_asks_when_the_call_has_left_has_one_of_his_own(world):
    def ask_too():
        dialogues[1].send(READ)
        wait_for_requests(world, 2)

    with clients(world) as dialogues:
        before = world.relay.seen["store.get"]
        world.relay.befall("store.get", Around(ask_too, lambda: None))
        dialogues[0].send(READ)
        for dialogue in dialogues[:2]:
            assert dialogue.answer().status == 200
        assert world.relay.seen["store.get"] - before == 2


def test_each_is_told_of_the_store_of_its_own_token(world):
    modes = ("test", "live", "test", None)
    requests = [READ, reader_of_another_store(world, "live"),
                reader_of_another_store(world, "test"), OTHER_FORMAT]
    with clients(world) as dialogues:
        at_once(world, dialogues, *requests)
        for i, dialogue in enumerate(dialogues):
            answer, mode = dialogue.answer(), modes[i % len(modes)]
            assert answer.status == 200, answer
            assert mode is None or answer.json["data"]["meta"]["mode"] == mode


def test_who_is_traced_has_calls_of_his_own(world):
    with clients(world) as dialogues:
        before = world.relay.seen["store.get"]
        at_once(world, dialogues, TRACED)
        for dialogue in dialogues:
            assert dialogue.answer().status == 200
        assert world.relay.seen["store.get"] - before == COUNT


def test_who_goes_takes_no_answer_from_those_who_wait_with_him(world):
    with clients(world) as dialogues:
        world.relay.befall("store.get", Around(
            lambda: leave(world, dialogues[:-1]), lambda: None))
        at_once(world, dialogues, READ)
        answer = dialogues[-1].answer()
        assert answer.status == 200 and answer.json["data"]["meta"]["mode"] == "test"


def test_a_call_that_nobody_waits_for_any_more_is_cancelled(world):
    def cancelled():
        seen = world.relay.seen - calls
        return seen["cancel"] == seen["customer.get"] + seen["store.get"] > COUNT

    with clients(world) as dialogues:
        calls = world.relay.seen.copy()
        world.relay.befall("store.get", Around(
            lambda: leave(world, dialogues), lambda: None))
        at_once(world, dialogues, READ)
        wait_until(cancelled, "all calls are cancelled")
    assert world.shim.ask(READ).status == 200


def test_all_are_answered_when_the_server_goes(world):
    with clients(world) as dialogues:
        world.relay.befall("store.get", LOST_BEFORE)
        at_once(world, dialogues, READ)
        for dialogue in dialogues:
            assert dialogue.answer().status in (200, 503)
        wait_until(lambda: world.shim.ask(READ).status == 200, "the shim is connected again")

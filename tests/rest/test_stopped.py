"""A shim that was stopped for a minute: who was in time is served."""

import pytest

from support.rest import CL, Platforms, request
from support.relay import Around
from support.shift import go_on, shifted, stop, stopped, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))

PAUSE_S = 120       # longer than any timeout of the shim
READ = request("GET", "/api/customers/XAyRWNUzyN", dict(CL), None)
WRITE = request("PATCH", "/api/customers/XAyRWNUzyN", dict(CL),
                b'{"data": {"type": "customers", "id": "XAyRWNUzyN", "attributes": {}}}')


@pytest.fixture
def world():
    with shifted() as clocks, Platforms(relayed=True) as platforms:
        yield platforms, clocks, platforms.shim.process.pid



def test_who_was_in_time_is_served_by_a_shim_that_was_stopped(world):
    platforms, clocks, pid = world
    new = [platforms.shim.dial() for _ in range(10)]
    kept = [platforms.shim.dial() for _ in range(10)]
    bodies = [platforms.shim.dial() for _ in range(10)]
    for dialogue in kept:
        assert dialogue.send(READ).answer().status == 200
    for dialogue in new:
        dialogue.send(READ[:9])
    for dialogue in bodies:
        dialogue.send(WRITE[:-9])
    assert platforms.shim.ask(READ).status == 200
    with stopped(pid, clocks, PAUSE_S):
        for dialogue in new:
            dialogue.send(READ[9:])
        for dialogue in kept:
            dialogue.send(READ)
        for dialogue in bodies:
            dialogue.send(WRITE[-9:])
    for dialogue in new + kept + bodies:
        assert dialogue.answer().status == 200
        dialogue.close()


def test_who_was_not_in_time_is_told_so_all_the_same(world):
    platforms, clocks, pid = world
    late = platforms.shim.dial().send(READ[:9])
    assert platforms.shim.ask(READ).status == 200
    with stopped(pid, clocks, PAUSE_S):
        pass
    assert late.answer().status == 408
    late.close()


def test_an_answer_that_came_while_the_shim_was_stopped_is_passed_on(world):
    platforms, clocks, pid = world

    def after():
        clocks.pass_by(PAUSE_S)
        go_on(pid)

    platforms.relay.befall("customer.get", Around(lambda: stop(pid), after))
    assert platforms.shim.ask(READ).status == 200

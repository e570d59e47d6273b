"""In the steady state the server asks for no memory: not for a read, nor for an update.

libcount.so stands before the C library and counts what is asked for.  A housekeeper runs
once a second and asks for a little, so nothing here expects exactly zero.
"""

import os
import struct

import pytest

from support.customerd import ROOT, Server, Shop, must_create

COUNT = os.path.join(ROOT, "build", "release", "tests", "libcount.so")
COUNTED, TOGETHER, WINDOWS_MAX = 3000, 100, 10
FEW = COUNTED / 20

pytestmark = pytest.mark.skipif(
    os.environ.get("VARIANT", "release") != "release" or not os.path.exists(COUNT),
    reason="sanitizers have an allocator of their own")


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A connection, and how often the server behind it has asked for memory so far."""
    path = tmp_path_factory.mktemp("count") / "count"
    server = Server(start=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", COUNT)
        patch.setenv("COUNT_FILE", str(path))
        server.start()
    with server:
        shop = Shop(server)
        yield shop.c, lambda: struct.unpack("<Q", path.read_bytes())[0]
        shop.close()


def call_many(c, count, method, args_of):
    """Pipelined, TOGETHER at once."""
    for begin in range(0, count, TOGETHER):
        sent = [c.send(method, args_of(i)) for i in range(begin, begin + TOGETHER)]
        for msgid in sent:
            c.wait(msgid)


def allocations(counted, method, args_of):
    """For COUNTED calls, once nothing is new to the server any more.

    More may be under way at once than ever before, for which it then keeps memory; but
    not again and again.
    """
    c, asked = counted
    for _ in range(WINDOWS_MAX):
        before = asked()
        call_many(c, COUNTED, method, args_of)
        seen = asked() - before
        if seen < FEW:
            break
    return seen


@pytest.fixture(scope="module")
def ada(counted):
    return must_create(counted[0], first_name="Ada", reference="a")["id"]


def test_a_read_allocates_nothing(counted, ada):
    assert allocations(counted, "customer.get", lambda i: {"id": ada}) < FEW


def test_an_update_allocates_nothing(counted, ada):
    assert allocations(counted, "customer.update", lambda i: {
        "id": ada, "set": {"profile_id": "p%d" % i, "reference": "r%d" % i}}) < FEW


def test_what_does_allocate_is_noticed(counted, ada):
    # A slug is made of a name in buffers of its own.
    assert allocations(counted, "customer.update", lambda i: {
        "id": ada, "set": {"first_name": "Ada %d" % i}}) >= COUNTED

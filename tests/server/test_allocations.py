"""In the steady state the server asks for no memory: not for a read, nor for an update."""

import pytest

from support.count import counting, in_steady_state, where_it_counts
from support.customerd import Server, Shop, must_create

COUNTED, TOGETHER = 3000, 100
FEW = COUNTED / 20

pytestmark = where_it_counts


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A connection, and how often the server behind it has asked for memory so far."""
    server = Server(start=False)
    with counting(tmp_path_factory.mktemp("count")) as asked:
        server.start()
    with server:
        shop = Shop(server)
        yield shop.c, asked
        shop.close()


def call_many(c, count, method, args_of):
    """Pipelined, TOGETHER at once."""
    for begin in range(0, count, TOGETHER):
        sent = [c.send(method, args_of(i)) for i in range(begin, begin + TOGETHER)]
        for msgid in sent:
            c.wait(msgid)


def allocations(counted, method, args_of):
    """For COUNTED calls."""
    c, asked = counted
    return in_steady_state(asked, lambda: call_many(c, COUNTED, method, args_of), FEW)


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

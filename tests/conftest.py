"""Fixtures for all behaviour tests.

One server serves a whole run, since a store of its own isolates a test as well as a
process would.  When the run is over it must stop cleanly and leave nothing wrong.
"""

import os

import pytest

from support.customerd import Server, Shop


def pytest_configure(config):
    # Of pynvim, which Debian ships as it is.
    config.addinivalue_line("filterwarnings", "ignore:the imp module:DeprecationWarning")
    for name in ("CUSTOMERD_TOKEN", "CUSTOMERD_ADDRESS"):
        os.environ.pop(name, None)  # of whoever runs the tests


@pytest.fixture(scope="session")
def server():
    with Server("--loops", "2") as server:
        yield server
        assert server.terminate() == 0, "\n".join(server.log[-20:])
        status, said = server.verify()
        assert status == 0, said


@pytest.fixture
def shop(server):
    shop = Shop(server)
    yield shop
    shop.close()


@pytest.fixture
def c(shop):
    """A connection whose token may do everything in its store."""
    return shop.c


@pytest.fixture
def own_server():
    """A server that the test may stop, kill and break."""
    with Server() as server:
        yield server

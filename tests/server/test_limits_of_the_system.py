"""What the operating system refuses is refused in turn, and overcome without a restart."""

import resource

import pytest

from support.customerd import Refused, Server, Shop, must_create

LIMIT_BYTES = 1 << 20


def limit_files(server, limit):
    """Bound the size of any file that SERVER writes."""
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, hard))


def test_a_limit_on_file_sizes_refuses_writes_and_ends_nothing():
    with Server() as server:
        shop = Shop(server)
        first = must_create(shop.c, email="first@example.com")
        limit_files(server, LIMIT_BYTES)
        with pytest.raises(Refused) as refusal:
            for i in range(10000):
                must_create(shop.c, email="full%d@example.com" % i, notes="x" * 4000)
        # A write cut short at the limit looks like a failure of the disk to LMDB.
        assert refusal.value.code in ("STORAGE_FULL", "STORAGE_FAILED")
        assert refusal.value.retryable
        assert shop.c.call("customer.get", {"id": first["id"]})["email"] == "first@example.com"
        limit_files(server, resource.RLIM_INFINITY)
        must_create(shop.c, email="again@example.com")

"""A full disk is not an outage: reads go on, writes are refused by name, and resume."""

import contextlib
import os
import time

import pytest

from power_cut import ServerOnDisk
from programs import by_length
from support.customerd import Refused, Shop, must_create
from support.disk import Disk, why_not

ROUNDS = by_length(2, 10, 100)
DISK_BYTES = (16 + 2 * ROUNDS) << 20    # the feed keeps what a round made, even if it is deleted
# Of a machine that others use, too; what is refused or resumes by a timeout takes longer.
REFUSED_S_MAX = 0.5
RESUMED_S_MAX = 5.0
RECORD_NOTES = "x" * 4000


@contextlib.contextmanager
def filled(disk):
    """Nothing is left on DISK within."""
    path = os.path.join(disk.path, "filler")
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
    try:
        yield
    finally:
        os.unlink(path)


def create_until_refused(c, made):
    """What was said, and the seconds that each refusal took."""
    for _ in range(5000):
        began = time.monotonic()
        try:
            made.append(must_create(c, notes=RECORD_NOTES))
        except Refused as refusal:
            return refusal, time.monotonic() - began
    raise AssertionError("the disk never got full")


def create_when_there_is_room(c):
    """A new record, and how many were refused before it.

    The checkpoint may have to find out first, which is tried ten times a second.
    """
    refused, deadline = 0, time.monotonic() + RESUMED_S_MAX
    while True:
        try:
            record = must_create(c, notes=RECORD_NOTES)
            assert time.monotonic() < deadline
            return record, refused
        except Refused as refusal:
            assert refusal.code == "STORAGE_FULL" and time.monotonic() < deadline
            refused += 1


def test_reads_go_on_while_the_disk_is_full_and_writes_resume():
    if why_not():
        pytest.skip(why_not())
    with Disk(size=DISK_BYTES) as disk, ServerOnDisk(disk) as server:
        shop = Shop(server)
        first = must_create(shop.c, email="first@example.com")
        made, refusals, resumed_at_once = [], [], 0
        for _ in range(ROUNDS):
            with filled(disk):
                refusal, seconds = create_until_refused(shop.c, made)
                assert refusal.code == "STORAGE_FULL" and refusal.retryable
                refusals.append(seconds)
                for _ in range(20):
                    began = time.monotonic()
                    with contextlib.suppress(Refused):
                        made.append(must_create(shop.c, notes=RECORD_NOTES))
                    refusals.append(time.monotonic() - began)
                    assert shop.c.call("customer.get", {"id": first["id"]}) == first
            record, refused = create_when_there_is_room(shop.c)
            made.append(record)
            resumed_at_once += refused == 0
            # Give the room back, so that the next round has some.
            while len(made) > 20:
                shop.c.call("customer.delete", {"id": made.pop()["id"]})
        for record in made:
            assert shop.c.call("customer.get", {"id": record["id"]}) == record
        # One may wait for the machine, or the checkpoint; not most of them.
        assert resumed_at_once * 2 >= ROUNDS
        assert sorted(refusals)[len(refusals) * 9 // 10] < REFUSED_S_MAX
        assert server.terminate() == 0
        status, said = server.verify()
        assert status == 0, said

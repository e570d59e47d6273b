"""What the operating system refuses is refused in turn, and overcome without a restart."""

import contextlib
import json
import os
import resource

import pytest

from support.customerd import CUSTOMERD, Refused, Server, Shop, must_create
from support.http import CUSTOMERD_REST
from support.rest import Platforms

LIMIT_BYTES = 1 << 20
DESCRIPTORS_KEPT = 64       # for all that is no connection


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


def limits_of(program, which):
    return resource.prlimit(program.process.pid, which)


@contextlib.contextmanager
def inherited(which, soft):
    """What starts within has this soft limit."""
    before = resource.getrlimit(which)
    resource.setrlimit(which, (min(soft, before[1]) if before[1] >= 0 else soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(which, before)


def with_hard_limit(tmp_path, program, descriptors):
    """A program that is PROGRAM with so many descriptors and no way to have more."""
    script = tmp_path / "limited"
    script.write_text("#!/bin/sh\nulimit -n %d\nexec prlimit --nofile=%d:%d '%s' \"$@\"\n" % (
        descriptors, descriptors, descriptors, program))
    script.chmod(0o755)
    return str(script)


def test_there_are_descriptors_for_all_connections_that_are_permitted():
    with inherited(resource.RLIMIT_NOFILE, 256):
        with Platforms("--connections-max", "1500", server_options=(
                "--connections-max", "1600")) as platforms:
            assert limits_of(platforms.server, resource.RLIMIT_NOFILE)[0] >= 1600 + DESCRIPTORS_KEPT
            assert limits_of(platforms.shim, resource.RLIMIT_NOFILE)[0] >= 1500 + DESCRIPTORS_KEPT


def test_fewer_connections_are_permitted_where_there_are_no_more_descriptors(
        tmp_path, monkeypatch):
    with Platforms(program=with_hard_limit(tmp_path, CUSTOMERD_REST, 200)) as platforms:
        (limited,) = platforms.shim.events("connections_limited")
    assert limited["connections_max"] == 200 - DESCRIPTORS_KEPT and limited["descriptors"] == 200
    monkeypatch.setattr("support.customerd.CUSTOMERD", with_hard_limit(tmp_path, CUSTOMERD, 200))
    with Server() as server:
        (limited,) = [json.loads(line) for line in server.log if "connections_limited" in line]
        assert limited["connections_max"] == 200 - DESCRIPTORS_KEPT
        assert server.dial().call("ping")


@pytest.mark.skipif(os.environ.get("VARIANT", "release") != "release",
                    reason="a sanitizer forbids core dumps itself")
@pytest.mark.parametrize("options, is_none", [((), True), (("--core-dumps",), False)])
def test_there_are_no_core_dumps_unless_they_are_asked_for(options, is_none):
    with inherited(resource.RLIMIT_CORE, 1 << 20):
        wanted = (0, 0) if is_none else resource.getrlimit(resource.RLIMIT_CORE)
        with Platforms(*options, server_options=options) as platforms:
            for program in (platforms.server, platforms.shim):
                assert limits_of(program, resource.RLIMIT_CORE) == wanted

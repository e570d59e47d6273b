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


def test_who_only_guesses_tokens_is_cut_off_and_others_are_not(server):
    shop = Shop(server)
    guesser = shop.dial_token()
    for i in range(16):
        with pytest.raises(Refused) as refusal:
            guesser.call("customer.list", {}, token="guess-%d" % i)
        assert refusal.value.code == "UNAUTHENTICATED"
    assert guesser.refusal() == "UNAUTHENTICATED"
    # Somebody known may pass on what others guess.
    for i in range(40):
        with pytest.raises(Refused):
            shop.c.call("customer.list", {}, token="guess-%d" % i)
    assert shop.c.call("customer.list")["items"] == []


def test_a_right_token_in_between_ends_the_count(server):
    shop = Shop(server)
    right = shop.token()
    somebody = shop.dial_token()
    for i in range(40):
        token = right if i % 15 == 14 else "wrong-token"
        try:
            somebody.call("customer.list", {}, token=token)
        except Refused as refusal:
            assert refusal.code == "UNAUTHENTICATED" and token != right
    somebody.call("ping")

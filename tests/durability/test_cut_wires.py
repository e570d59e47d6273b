"""A change under an idempotency key counts once, wherever the connection breaks."""

import pytest

from programs import by_length, run


@pytest.mark.parametrize("client", ["c", "python"])
def test_every_operation_counts_exactly_once(client):
    assert run("cut_wires.py", "--client", client, "--operations",
               by_length(60, 500, 10_000)) == 0


@pytest.mark.parametrize("client", ["c", "python"])
def test_who_repeats_without_the_key_is_found(client):
    assert run("cut_wires.py", "--client", client, "--operations", 500, "--forget-keys") == 0

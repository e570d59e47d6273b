"""Power cuts, and the proof that they find the servers that lie."""

import functools

import pytest

from programs import LIARS, by_length, liar, run
from support.disk import why_not

why_not = functools.cache(why_not)


@pytest.mark.parametrize("system, block, share", [
    ("ext4", 1024, 0.4), ("ext4", 4096, 0.3), ("xfs", 4096, 0.3)])
def test_nothing_acknowledged_is_lost_by_a_power_cut(system, block, share):
    if why_not(system):
        pytest.skip(why_not(system))
    cuts = int(share * by_length(30, 300, 10_000))
    assert run("power_cut.py", "--cycles", cuts, "--file-system", system,
               "--block", block) == 0


@pytest.mark.parametrize("name", LIARS)
def test_a_power_cut_finds_a_server_that_lies(name):
    if why_not():
        pytest.skip(why_not())
    assert run("power_cut.py", "--cycles", 50, "--expect-loss", CUSTOMERD=liar(name)) == 0

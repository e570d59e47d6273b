"""Power cuts, and the proof that they find the servers that lie."""

import functools
import os
import subprocess
import sys

import pytest

from programs import LIARS, by_length, liar, run
from support.customerd import PATIENCE_S, wait_until
from support.disk import why_not

why_not = functools.cache(why_not)


@pytest.mark.parametrize("system, block, share", [
    ("ext4", 1024, 0.4), ("ext4", 4096, 0.3), ("xfs", 4096, 0.3)])
def test_nothing_acknowledged_is_lost_by_a_power_cut(system, block, share):
    if why_not(system):
        pytest.skip(why_not(system))
    cuts = int(share * by_length(10, 300, 10_000))
    assert run("power_cut.py", "--cycles", cuts, "--file-system", system,
               "--block", block) == 0


@pytest.mark.parametrize("name", LIARS)
def test_a_power_cut_finds_a_server_that_lies(name):
    if why_not():
        pytest.skip(why_not())
    assert run("power_cut.py", "--cycles", 50, "--expect-loss", CUSTOMERD=liar(name)) == 0


def mounts_below(path):
    with open("/proc/self/mounts") as file:
        return [line.split()[1] for line in file if line.split()[1].startswith(str(path))]


def test_who_ends_a_harness_finds_nothing_left_behind(tmp_path):
    if why_not():
        pytest.skip(why_not())
    process = subprocess.Popen(
        [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "power_cut.py"),
         "--cycles", "1000"], env=dict(os.environ, TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: mounts_below(tmp_path), "a disk is mounted")
    process.terminate()
    assert process.wait(PATIENCE_S) != 0
    assert mounts_below(tmp_path) == [] and os.listdir(tmp_path) == []

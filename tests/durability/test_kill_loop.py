"""The kill -9 loop, and the proof that it finds a server that lies."""

import os
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
CYCLES = {"quick": 100, "normal": 400, "long": 10_000}[os.environ.get("LENGTH", "normal")]


def kill_loop(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "kill_loop.py"), *arguments],
        env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout.decode("utf-8", "replace"))
    return done.returncode


def test_nothing_acknowledged_is_lost_by_kill_9():
    assert kill_loop("--cycles", str(CYCLES), "--seed", str(int(time.time()))) == 0


def test_the_loop_finds_a_server_that_answers_before_the_commit():
    program = os.environ.get("CUSTOMERD_FAULT", "")
    if not os.path.exists(program):
        pytest.skip("CUSTOMERD_FAULT names no program: scons variant=fault build/fault/server")
    assert kill_loop("--cycles", "100", "--expect-loss", CUSTOMERD=program) == 0

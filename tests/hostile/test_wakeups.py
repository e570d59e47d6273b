"""No wake-up is lost between the threads of the server."""

import os
import subprocess

import pytest

from support.customerd import ROOT
from support.programs import by_length, runner

run = runner(__file__)

# Of the build under test, and in the long form of one that watches every access.
VARIANTS = by_length(["release"], ["release"], ["release", "tsan"])
OPERATIONS = {"release": by_length(20_000, 20_000, 17_000_000), "tsan": 4_000_000}


def test_every_hand_over_is_followed():
    assert run("wakeups.py", "--seconds", by_length(1, 3, 600)) == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_operation_comes_back(variant):
    program = os.path.join(ROOT, "build", variant, "tests", "unit", "test_wakeups")
    if not os.path.exists(program):
        pytest.skip("no %s: scons variant=%s tests" % (program, variant))
    environment = dict(os.environ, WAKEUPS=str(OPERATIONS[variant]))
    assert subprocess.run([program], env=environment).returncode == 0

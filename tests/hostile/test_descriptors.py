"""Out of descriptors the connected are served, and it passes without a restart."""

import pytest

from support.programs import by_length, runner

run = runner(__file__)


@pytest.mark.parametrize("program", ["server", "shim"])
def test_out_of_descriptors_is_not_out_of_service(program):
    assert run("descriptors.py", "--program", program, "--rounds", by_length(1, 3, 100)) == 0

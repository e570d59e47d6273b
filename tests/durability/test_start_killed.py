"""A server that is killed while it starts leaves a directory that the next can use."""

import pytest

from programs import by_length, run
from start_killed import why_not


def test_after_a_kill_at_any_call_of_the_start_the_next_start_works():
    if why_not():
        pytest.skip(why_not())
    assert run("start_killed.py", "--every", by_length(61, 7, 1)) == 0

"""The shim lives through everything at once, and leaves nothing behind."""

from support.programs import by_length, runner

run = runner(__file__)


def test_the_shim_lives_through_everything():
    assert run("shim_soak.py", "--seconds", by_length(2, 5, 3600)) == 0

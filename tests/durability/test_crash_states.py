"""What a crash may leave of the file, and the proof that servers that lie are found.

No answer leaves before what it tells is on the disk, either: the moment of each answer is
one of the moments at which the crash comes.
"""

import pytest

from programs import LIARS, by_length, liar, run


def test_every_crash_state_is_a_commit_and_holds_what_was_told():
    assert run("crash_states.py", "--requests", by_length(8, 60, 1200)) == 0


@pytest.mark.parametrize("name", LIARS)
def test_the_crash_states_of_a_server_that_lies_are_found(name):
    assert run("crash_states.py", "--requests", 10, "--expect-loss",
               CUSTOMERD=liar(name)) == 0

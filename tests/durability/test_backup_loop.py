"""Backups under load, and the proof that a copy which is not consistent is found."""

from programs import by_length, run


def test_a_copy_has_what_was_answered_before_and_nothing_half():
    assert run("backup_loop.py", "--rounds", by_length(3, 20, 300)) == 0


def test_a_copy_made_with_cp_is_found():
    assert run("backup_loop.py", "--rounds", 100, "--expect-loss") == 0

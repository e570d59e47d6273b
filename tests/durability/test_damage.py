"""A damaged file never answers with a wrong record."""

from programs import by_length, run


def test_no_damage_makes_a_wrong_record():
    assert run("damage.py", "--times", by_length(20, 200, 10_000)) == 0

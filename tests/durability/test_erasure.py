"""What was erased is in no raw byte after a scrub; before it, it is."""

from programs import by_length, run


def test_no_canary_of_an_anonymised_customer_is_left():
    assert run("erasure.py", "--customers", by_length(100, 1000, 10_000)) == 0

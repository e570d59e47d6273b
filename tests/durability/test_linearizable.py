"""Reads and updates of many clients fit one history; test_history.py tests the checker."""

from programs import by_length, run


def test_what_many_clients_saw_fits_one_history():
    assert run("linearizable.py", "--operations",
               by_length(4_000, 30_000, 10_000_000)) == 0

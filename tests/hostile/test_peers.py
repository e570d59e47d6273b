"""Ordinary clients are served among peers that are slow, hostile or too many."""

import os

import pytest

from support.programs import by_length, runner

run = runner(__file__)

# Of the wrong tokens, some 8,000 a second on either port.
NUMBERS = {("native", "slow"): 10_000, ("http", "slow"): 10_000, ("native", "guess"): 50,
           ("http", "guess"): 50, ("native", "verify"): 8,
           ("native", "shake"): 10, ("http", "shake"): 10}

# Only who may go before others can tell times from chance.
LONG = ("--rounds", 9, "--seconds", 10, *(("--ahead",) if os.geteuid() == 0 else ()))
SHORT = ("--rounds", 1, "--seconds", by_length(1, 2, 10), "--quiet-seconds", 0.2)


# A step of a handshake takes a quarter of a millisecond, twice as long as a request, and
# others have to wait for one.
RATIO, RATIO_SHAKE = 2, 5


@pytest.mark.parametrize("port, peers", NUMBERS)
def test_ordinary_clients_are_served_among(port, peers):
    number = min(NUMBERS[port, peers], by_length(200, 500, 10_000))
    ratio = ("--ratio", RATIO_SHAKE if peers == "shake" else RATIO) if "--ahead" in LONG else ()
    assert run("peers.py", "--port", port, "--peers", peers, "--number", number,
               *by_length(SHORT, SHORT, LONG + ratio)) == 0

"""What the tests here have in common: how much to do, and programs to run for it."""

from support.programs import LENGTH, LIARS, by_length, liar, runner  # noqa: F401

run = runner(__file__)

"""The kill -9 loop, and the proof that it finds a server that lies."""

from programs import by_length, liar, run


def test_nothing_acknowledged_is_lost_by_kill_9():
    assert run("kill_loop.py", "--cycles", by_length(30, 500, 10_000)) == 0


def test_the_loop_finds_a_server_that_answers_before_the_commit():
    assert run("kill_loop.py", "--cycles", 100, "--expect-loss",
               CUSTOMERD=liar("CUSTOMERD_FAULT")) == 0

"""Nobody is told or sees what is not on disk yet."""

from programs import by_length, liar, run


def test_no_answer_comes_before_its_flush():
    assert run("slow_disk.py", "--rounds", by_length(3, 10, 1000)) == 0


def test_a_server_that_answers_before_the_commit_is_found():
    assert run("slow_disk.py", "--rounds", 5, "--expect-loss",
               CUSTOMERD=liar("CUSTOMERD_FAULT")) == 0

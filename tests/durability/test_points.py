"""Every call to the outside fails in turn, and no promise is broken."""

import os

import pytest

from programs import by_length, liar, run


@pytest.mark.parametrize("how", [
    "EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE", "EINTR", "EAGAIN", "EACCES",
    "ECONNRESET", "short", "done", "memory"])
def test_a_call_that_fails_breaks_no_promise(how):
    if how == "memory" and os.environ.get("VARIANT") == "coverage":
        pytest.skip("what counts the branches does not survive it")
    assert run("points.py", "--how", how, "--every", by_length(101, 11, 1)) == 0


def test_a_server_that_answers_before_the_commit_is_found():
    assert run("points.py", "--how", "EIO", "--every", 3, "--times", "once",
               "--expect-loss", CUSTOMERD=liar("CUSTOMERD_FAULT")) == 0

"""How often a program asks for memory: libcount.so (count.c) stands before its C library.

    with counting(folder) as asked:
        server.start()
    ...
    assert in_steady_state(asked, ask_a_thousand_times, 50) < 50

What runs beside, such as a housekeeper, asks for a little: expect few, not exactly none.
"""

import contextlib
import os
import struct

import pytest

from support.customerd import ROOT

COUNT = os.path.join(ROOT, "build", "release", "tests", "libcount.so")
WINDOWS_MAX = 10

where_it_counts = pytest.mark.skipif(
    os.environ.get("VARIANT", "release") != "release" or not os.path.exists(COUNT),
    reason="sanitizers have an allocator of their own")


@contextlib.contextmanager
def counting(folder):
    """What starts within counts, in a file in FOLDER; yields how often it has asked so far."""
    path = folder / "count"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", COUNT)
        patch.setenv("COUNT_FILE", str(path))
        yield lambda: struct.unpack("<Q", path.read_bytes())[0]


def in_steady_state(asked, work, few):
    """How often WORK, a function, has the program ask when nothing is new to it any more.

    That is so when it is less than FEW: more may be under way at once than ever before,
    for which it then keeps memory; but not again and again.
    """
    for _ in range(WINDOWS_MAX):
        before = asked()
        work()
        seen = asked() - before
        if seen < few:
            break
    return seen

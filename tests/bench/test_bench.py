"""customerd-bench measures what there is, and notices what is wrong.

Nothing here judges how fast anything is.
"""

import json
import os
import re
import socket
import subprocess
import threading

import pytest

from support.customerd import PATIENCE_S, ROOT, Server, Shop
from support.manual import paragraphs

BENCH = os.path.abspath(os.environ.get("CUSTOMERD_BENCH", os.path.join(
    ROOT, "build", os.environ.get("VARIANT", "release"), "tools", "bench",
    "customerd-bench")))
PAGE = os.path.join(ROOT, "tools", "bench", "customerd-bench.1")

RIGHT, WRONG, USAGE = range(3)
KEYS = 200


def bench(*arguments):
    """The exit status, the figures or None, and what was said."""
    done = subprocess.run([BENCH, "--json", *arguments], capture_output=True, text=True,
                          timeout=PATIENCE_S)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.fixture(scope="module")
def filled():
    """A server with KEYS records in a store of their own, and how to reach it."""
    with Server() as server:
        shop = Shop(server)
        where = ["--connect", "%s:%d" % server.address, "--token", shop.token()]
        status, figures, said = bench(*where, "--fill", "--depth", "8", "--keys", str(KEYS),
                                      "--operator", server.unix)
        assert status == RIGHT, said
        assert figures["answers"] == KEYS
        yield server, where + ["--keys", str(KEYS)]
        shop.close()


SHORT = ["--duration-ms", "300", "--warmup-ms", "50", "--connections", "4", "--depth", "4"]


def test_reads_are_counted_and_right(filled):
    server, where = filled
    status, figures, said = bench(*where, *SHORT, "--server-pids", str(server.process.pid))
    assert status == RIGHT, said
    assert figures["answers"] > 0 and figures["wrong"] == 0
    assert figures["read_us"]["p50"] <= figures["read_us"]["max"]
    assert figures["server_cpu"] > 0
    assert "update_us" not in figures and "per_commit" not in figures


def test_updates_reach_the_records_and_share_commits(filled):
    server, where = filled
    status, figures, said = bench(*where, *SHORT, "--updates", "100",
                                  "--distribution", "zipfian", "--operator", server.unix)
    assert status == RIGHT, said
    assert figures["update_us"]["p50"] > 0 and figures["per_commit"] >= 1


def test_a_mix_reads_and_updates_whatever_the_order_of_answers(filled):
    server, where = filled
    status, figures, said = bench("--unix", server.unix, *where[2:], *SHORT,
                                  "--updates", "50")
    assert status == RIGHT, said
    assert figures["read_us"]["p50"] > 0 and figures["update_us"]["p50"] > 0


def test_a_record_that_is_not_there_is_a_wrong_answer(filled):
    _, where = filled
    status, figures, said = bench(*where[:-1], str(KEYS * 2), *SHORT)
    assert status == WRONG and figures["wrong"] > 0
    assert "NOT_FOUND" in said


def test_a_fill_goes_on_where_another_ended(filled):
    _, where = filled
    more = where[:-1] + [str(KEYS + 50)]
    status, figures, said = bench(*more, "--fill", "--fill-from", str(KEYS))
    assert status == RIGHT and figures["answers"] == 50, said
    # What is there already cannot be made again.
    status, figures, said = bench(*more, "--fill", "--fill-from", str(KEYS + 49))
    assert status == WRONG and figures["wrong"] == 1 and "TAKEN" in said


class Stalling:
    """A server of the echo protocol that answers nothing until it is told to."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        peer, _ = self.listener.accept()
        while peer.recv(1 << 16):
            pass


def test_what_was_due_and_not_answered_counts_with_its_age():
    stalling = Stalling()
    status, figures, said = bench(
        "--protocol", "echo", "--connect", stalling.address, "--connections", "1",
        "--rate", "100", "--duration-ms", "500", "--warmup-ms", "0")
    assert status == RIGHT, said
    # One was sent, which is all that one connection may have under way; fifty were due.
    assert figures["answers"] == 0 and figures["missed"] >= 50
    assert figures["read_us"]["max"] >= 500000
    assert figures["read_us"]["p50"] >= 200000


def test_no_more_is_asked_for_than_is_due(filled):
    _, where = filled
    status, figures, said = bench(*where, *SHORT, "--warmup-ms", "0", "--rate", "200")
    assert status == RIGHT, said
    assert 0 < figures["answers"] + figures["missed"] <= 200 * figures["seconds"] + 2


@pytest.mark.parametrize("arguments", (
    ["--protocol", "gopher"], ["--depth", "0"], ["--updates", "101"],
    ["--protocol", "echo", "--updates", "1"], ["--protocol", "rest", "--fill"]))
def test_mistakes_are_refused(arguments):
    status, figures, said = bench(*arguments)
    assert status == USAGE and figures is None and said.startswith("customerd-bench: ")


def test_nobody_there_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, figures, said = bench("--connect", "127.0.0.1:%d" % port)
    assert status == WRONG and figures is None
    assert said.startswith("customerd-bench: cannot connect to 127.0.0.1:%d" % port)


def test_the_manual_has_every_option_and_no_other():
    said = subprocess.run([BENCH, "--help"], check=True, capture_output=True,
                          text=True).stdout
    with open(PAGE, encoding="ascii") as file:
        page = file.read()
    assert (re.findall(r"^\.It Fl -([a-z-]+)", page, re.MULTILINE)
            == re.findall(r"^  --([a-z-]+) ", said, re.MULTILINE))
    names = re.findall(r"^  ([a-z-]+) ", said.split("Protocols:")[1], re.MULTILINE)
    assert len(names) > 5
    for name in names:
        assert "\n.Cm %s" % name in page


def test_the_manual_names_every_default():
    said = subprocess.run([BENCH, "--help"], check=True, capture_output=True,
                          text=True).stdout
    defaults = dict(re.findall(r"^  --([a-z-]+) .* \((\S+)\)$", said, re.MULTILINE))
    del defaults["cpu"]     # -1 is none
    assert len(defaults) > 10
    for name, default in defaults.items():
        assert default in paragraphs(PAGE)[name].replace(".\n", "\n").split(), name

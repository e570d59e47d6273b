"""customerctl top: the picture, and the terminal as it was before."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from support.customerctl import (CUSTOMERCTL, DONE, NOT_CONNECTED, REFUSED, USAGE, ctl,
                                 ctl_tcp, ctl_unix)
from support.customerd import PATIENCE_S, must_create

ENTER, LEAVE = "\033[?1049h", "\033[?1049l"


def test_one_picture_fits_80_columns_and_24_rows(server, shop):
    for _ in range(3):
        must_create(shop.c)
    done = ctl_unix(server, "top", "--once", "--interval-ms", "50")
    lines = done.out.splitlines()
    assert done.status == DONE and done.said == "" and "\033" not in done.out
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert lines[0].startswith("customerd ") and server.unix in lines[0]
    for word in ("calls", "errors", "connections", "commits", "batch", "storage", "feed"):
        assert word in done.out
    assert re.search(r"^customer\.create +\d+ +\d+ +[\d,]+ (us|ms)", done.out, re.M)


def test_rates_are_of_the_time_between_two_looks(server, shop):
    process = subprocess.Popen([CUSTOMERCTL, "--unix", server.unix, "top", "--once",
                                "--interval-ms", "1000"], stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        shop.c.call("customer.list", {"limit": 1})
    out = process.communicate(timeout=PATIENCE_S)[0]
    row = re.search(r"^customer\.list +([\d,]+) ", out, re.M)
    assert int(row.group(1).replace(",", "")) > 10
    assert out.index("customer.list") < out.index("hello ")   # the busiest first


def test_top_is_for_operators_with_a_terminal(server, shop):
    assert ctl_tcp(server, "top", "--once", token=shop.token()).status == REFUSED
    done = ctl_unix(server, "top")
    assert done.status == USAGE and "--once" in done.said and done.out == ""
    assert ctl_unix(server, "top", "--once", "--interval-ms", "1").status == USAGE
    assert ctl("--unix", "/nothing", "top", "--once").status == NOT_CONNECTED


class Screen:
    """A terminal on which top runs."""

    def __init__(self, server, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.said = ""
        self.process = subprocess.Popen(
            [CUSTOMERCTL, "--unix", server.unix, "top", "--interval-ms", "100"],
            stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env={**os.environ, "TERM": "xterm"}, start_new_session=True)

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def expect(self, text):
        """Read until TEXT was drawn; all that came before."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            if select.select([self.master], [], [], 0.1)[0]:
                self.said += os.read(self.master, 65536).decode()
        before, _, self.said = self.said.partition(text)
        return before

    def end(self):
        self.expect(LEAVE)
        assert self.process.wait(PATIENCE_S) == DONE
        assert termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)


@pytest.mark.parametrize("end", ["q", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_restored_however_top_ends(server, end):
    screen = Screen(server)
    assert screen.expect(ENTER) == ""
    screen.expect("METHOD")
    assert termios.tcgetattr(screen.slave) != screen.before
    if end == "q":
        os.write(screen.master, b"q")
    else:
        screen.process.send_signal(end)
    screen.end()


def test_every_picture_fits_the_terminal_also_when_it_changes(server):
    screen = Screen(server, 10, 50)
    screen.expect("\033[H")
    for rows, columns in ((10, 50), (14, 100)):
        picture = screen.expect("\033[J")
        lines = [re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", line) for line in picture.split("\r\n")]
        assert len(lines) <= rows and max(map(len, lines)) <= columns
        screen.resize(14, 100)
        screen.process.send_signal(signal.SIGWINCH)
        screen.expect("\033[H")
    screen.process.terminate()
    screen.end()


def test_top_waits_for_a_server_that_is_away(own_server):
    screen = Screen(own_server)
    screen.expect("METHOD")
    own_server.kill()
    screen.expect("CONNECT_FAILED")
    own_server.start()
    screen.expect(", up 0 d")
    screen.process.terminate()
    screen.end()

"""The feeds of libcustomerd, through the examples, while either side is killed."""

import os
import signal
import subprocess
import threading

from support.customerd import PATIENCE_S, Server, Shop, must_create, must_update, wait_until
from support.feed import last, touch
from support.library import EXAMPLES


class Program:
    """An example that runs until it is killed, and the lines it prints."""

    def __init__(self, name, *arguments, token):
        self.process = subprocess.Popen(
            [os.path.join(EXAMPLES, name), *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, CUSTOMERD_TOKEN=token))
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def end(self):
        """Wait until it ends by itself; (exit status, its complaint)."""
        status = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return status, self.process.stderr.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.end()


def sequences(path):
    if not path.exists():
        return []
    return [int(line.split()[0]) for line in path.read_text().splitlines()]


def unix(server):
    return "unix:" + server.unix


def tcp(server):
    return "customerd://%s:%d" % server.address


def break_things(server, token, ada, program, has_begun=lambda: True):
    """Write without waiting for the answers, kill the server in the middle of it.

    Not before PROGRAM HAS_BEGUN: a server that was never there is an error to it.
    """
    client = server.dial(token)
    for n in range(300):
        client.send("customer.update", {"id": ada["id"], "set": {"company": str(n)}})
        if n == 150:
            client.receive()
            wait_until(has_begun, "the program to begin")
    server.kill()
    assert program.process.poll() is None
    server.start()


def test_a_list_has_each_change_once_whoever_is_killed(tmp_path):
    path = tmp_path / "list"
    with Server("--loops", "2") as server:
        shop = Shop(server)
        token = shop.token()
        ada = must_create(shop.c)
        for round_ in range(4):
            before = len(sequences(path))
            program = Program("follow", tcp(server), str(path), token=token)
            break_things(server, token, ada, program,
                         lambda: len(sequences(path)) > before)
            c = server.dial(token)
            touch(c, ada, 400)
            end = last(c)
            # Every other time it is killed on the way, wherever it is.
            enough = end if round_ % 2 else end - 300
            wait_until(lambda: len(sequences(path)) >= enough, "the changes")
            program.kill()
        assert sequences(path) == list(range(1, len(sequences(path)) + 1))
        assert sequences(path)[-1] == end


def test_a_loop_gets_each_change_once_when_the_server_is_killed():
    with Server() as server:
        shop = Shop(server)
        token = shop.token()
        ada = must_create(shop.c)
        touch(shop.c, ada, 700)
        program = Program("follow_ev", unix(server), "0", token=token)
        wait_until(lambda: len(program.lines) == 701, "what was there already")
        for _ in range(3):
            break_things(server, token, ada, program)
        c = server.dial(token)
        must_update(c, ada, phone="the last")
        end = last(c)
        wait_until(lambda: program.lines and int(program.lines[-1]) == end, "the changes")
        program.kill()
        assert [int(line) for line in program.lines] == list(range(1, end + 1))


def test_a_feed_ends_with_its_token_and_says_so(shop, server, tmp_path):
    token = shop.token(["changes.read"])
    record = shop.last_token["id"]
    must_create(shop.c)
    path = tmp_path / "list"
    programs = [Program("follow", tcp(server), str(path), token=token),
                Program("follow_ev", tcp(server), "0", token=token)]
    wait_until(lambda: sequences(path) and programs[1].lines, "the feeds to begin")
    shop.operator.call("token.delete", {"id": record})
    for program in programs:
        status, said = program.end()
        assert status == 1 and said.startswith("UNAUTHENTICATED: ")


def test_a_feed_that_would_leave_something_out_is_refused(shop, server):
    status, said = Program("follow_ev", tcp(server), "1000", token=shop.token()).end()
    assert status == 1 and said.startswith("CHANGES_GONE: ")

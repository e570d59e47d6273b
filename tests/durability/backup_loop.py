#!/usr/bin/python3
"""Backups under load, kill -9 in the middle of some, and every copy is restored.

    backup_loop.py [--rounds N] [--seed N] [--expect-loss]

Each round: several connections send updates, a few at a time (kill_loop.py); meanwhile an
operator asks for a backup, or for a scrub.  The server is killed in its middle, or after it.  A
directory that has the name of the copy must be whole, whether the answer came or not:
`customerd verify` walks it, a server starts on it, every customer is read, and the history
must fit (history.py).  For a copy that means: each update that was answered before the
backup was asked for is there; of those later each may be there, but none without those
that its connection had sent before; and nothing else.  Then the killed server starts again
and is held to the same, as in kill_loop.py: a scrub must have lost nothing and left no second file.

With --expect-loss the copies are taken from the file with cp while the server runs, which
its manual forbids: some of them must not pass.
"""

import argparse
import copy
import os
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from history import State, check  # noqa: E402
from kill_loop import SERVER_OPTIONS, KillLoop, Load, Writer, outcome  # noqa: E402
from support.customerd import Server, run  # noqa: E402

FILES = ("data.mdb", "lock.mdb", "journal.0", "journal.1")     # of a running server
BALLAST = 3000        # customers of another shop, so that a copy takes a while
WARM_UP_S = 0.02
KILL_AFTER_S = (0.0, 0.4)
KILLED_PART = 0.5     # of them, in their middle
SCRUB_PART = 0.3      # of the rounds


class Backup(threading.Thread):
    """An operator who asks for one copy, or, without a path, for a scrub."""

    def __init__(self, loop, path):
        super().__init__(daemon=True)
        self.loop, self.path = loop, path
        self.is_done = False

    def run(self):
        self.asked = time.monotonic()
        try:
            operator = self.loop.server.operator()
            self.asked = time.monotonic()
            if self.loop.is_liar:
                os.mkdir(self.path, 0o700)
                shutil.copy(os.path.join(self.loop.server.data, "data.mdb"), self.path)
            elif self.path is None:
                operator.call("server.scrub")
            else:
                operator.call("server.backup", {"directory": self.path})
            self.is_done = True
        except OSError:
            pass  # Killed, as expected.
        except Exception as problem:
            self.loop.failures.append(repr(problem))


class BackupLoop(KillLoop):
    def __init__(self, server, seed, is_liar):
        super().__init__(server, seed, Load(readers=0))
        self.is_liar = is_liar
        self.path = os.path.join(server.root, "copy")
        self.asked = self.whole = self.cut = self.scrubs = 0
        operator = server.operator()
        store = operator.call("store.create", {
            "set": {"name": "Ballast", "mode": "test"}})["id"]
        c = server.dial(operator.call("token.create", {"set": {
            "name": "ballast", "store": store, "scopes": ["customers.write"]}})["token"])
        for first in range(0, BALLAST, 100):
            sent = [c.send("customer.create", {"set": {
                "email": "b%d@example.com" % n, "company": "x" * 250,
                "metadata": {"ballast": "y" * 2000}}}) for n in range(first, first + 100)]
            for msgid in sent:
                c.wait(msgid)
        c.close()
        operator.close()

    def cycle(self):
        writers = [Writer(self, number) for number in range(self.load.writers)]
        is_scrub = not self.is_liar and self.rng.random() < SCRUB_PART
        backup = Backup(self, None if is_scrub else self.path)
        for thread in writers:
            thread.start()
        time.sleep(WARM_UP_S)
        backup.start()
        if not self.is_liar and self.rng.random() < KILLED_PART:
            time.sleep(self.rng.uniform(*KILL_AFTER_S))
        else:
            backup.join()
        self.server.kill()
        for thread in writers + [backup]:
            thread.join()
        updates = [update for writer in writers for update in writer.updates]
        if is_scrub:
            self.scrubs += backup.is_done
        else:
            self.asked += 1
            self.judge(backup, updates)
        self.server.start()
        self.complain(["left: " + name for name in os.listdir(self.server.data)
                       if name not in FILES])
        self.acknowledged += sum(u.answered is not None for u in updates)
        self.unanswered += sum(u.answered is None for u in updates)
        before, self.state = self.state, self.read_all(
            [entry for writer in writers for entry in writer.created])
        self.complain(check(before, updates, [], self.state))

    def judge(self, backup, updates):
        if not os.path.exists(self.path):
            self.complain(["lost: the copy that was answered"] if backup.is_done else [])
            self.cut += 1
            return
        status, said = run("verify", self.path)
        self.complain([] if status == 0 else ["lost: the copy is not whole: " + said])
        known = [as_known(update, backup.asked) for update in updates]
        self.complain(check(self.state, known, [], self.read_copy()))
        self.whole += 1

    def read_copy(self):
        with Server(start=False) as server:
            os.rmdir(server.data)
            os.rename(self.path, server.data)
            server.start()
            c = server.dial(self.token)
            records = [c.call("customer.get", {"id": key}) for key in self.ids]
            c.close()
            return {r["id"]: State(r["revision"], r["company"]) for r in records}

    def summary(self):
        return "%d backups, %d of them killed in the middle, %d restored; %d scrubs done; %s" % (
            self.asked, self.cut, self.whole, self.scrubs, super().summary())


def as_known(update, moment):
    """UPDATE as far as was known at MOMENT."""
    update = copy.copy(update)
    if update.answered is not None and update.answered >= moment:
        update.answered = update.revision = None
    return update


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--expect-loss", action="store_true")
    options = parser.parse_args()
    with Server(*SERVER_OPTIONS) as server:
        loop = BackupLoop(server, options.seed, options.expect_loss)

        def rounds():
            for _ in range(options.rounds):
                loop.cycle()
        loss = outcome(loop, options.seed, rounds)
        if not options.expect_loss and not loss and not loop.whole:
            loss = "no copy was finished: nothing was shown"
            print(loss)
    return int(bool(loss) != options.expect_loss)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""kill -9 in the middle of load, again and again, and nothing acknowledged is lost.

    kill_loop.py [--cycles N] [--seed N] [--expect-loss]

Each cycle: several connections send updates, a few at a time, some with idempotency keys;
one reads; after 5 to 80 ms the server is killed.  It starts again on the same directory,
every customer is read and the history is checked (history.py says what for).  Then the
updates whose answers never came are sent again under their keys and must count once.
New customers are made all the time as well: those that were acknowledged must be there,
and no others.  Now and then `customerd verify` walks the files.

With --expect-loss something must get lost: for a server that answers before it commits
(scons variant=fault).  Nobody reads meanwhile then, so that nothing but the kill shows it.
"""

import argparse
import dataclasses
import itertools
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from history import Read, State, Update, check  # noqa: E402
from support.customerd import Refused, Server, StartFailed, new_token  # noqa: E402

IN_FLIGHT = 8         # requests of one connection without an answer
REFUSED_MAX = 16      # more of them would only be more to send again
VERIFY_EVERY = 25     # cycles
CYCLES_MAX = 500      # of one data directory: it grows, and every start reads it
# So small a journal is full after a cycle or two, and so small a feed, too: checkpoints
# are killed, and the trimming of old changes.
SERVER_OPTIONS = ("--loops", "2", "--journal-bytes-max", "256K", "--change-keep-bytes", "1M")
SHOWN_MAX = 20        # lines of what is wrong


@dataclasses.dataclass
class Load:
    customers: int = 20   # few, so that they are hot
    writers: int = 4      # connections
    readers: int = 1
    kill_after_s: tuple = (0.005, 0.080)


class Loss(Exception):
    """The server has broken a promise."""


class Writer(threading.Thread):
    """A connection that updates and creates until the server dies."""

    def __init__(self, loop, number):
        super().__init__(daemon=True)
        self.loop = loop
        self.number = number
        self.rng = random.Random(loop.rng.random())
        self.updates = []
        self.created = []    # [email, acknowledged]
        self.pending = {}    # by msgid: what to do with the answer
        self.refused = 0

    def run(self):
        try:
            c = self.loop.server.dial(self.loop.token)
            while True:
                while len(self.pending) < IN_FLIGHT and self.refused < REFUSED_MAX:
                    if self.rng.random() < 0.05:
                        self.create(c)
                    else:
                        self.update(c)
                kind, msgid, error, result = c.receive()
                c.answers.clear()
                if error is not None and error["code"] not in self.loop.refusals:
                    raise Loss("refused: %r" % error)
                self.refused += error is not None
                # UNKNOWN says no more than no answer does.
                if error is None or error["code"] != "UNKNOWN":
                    self.pending[msgid](result)
                del self.pending[msgid]
        except OSError:
            pass  # Killed, as expected.
        except Exception as problem:
            self.loop.failures.append(repr(problem))

    def update(self, c):
        value = self.loop.name("value")
        update = Update(self.number, self.rng.choice(self.loop.ids), value, 0.0)
        meta = {}
        if self.rng.random() < 0.5:
            meta["idempotency_key"] = update.retry = value
        update.sent = time.monotonic()
        self.updates.append(update)

        def answered(result):
            update.refused = result is None
            if result is not None:
                update.answered, update.revision = time.monotonic(), result["revision"]
        self.pending[c.send("customer.update", arguments(update), **meta)] = answered

    def create(self, c):
        entry = [self.loop.name("new") + "@example.com", False]
        self.created.append(entry)

        def answered(result):
            entry[1] = True
            if result is None:
                self.created.remove(entry)
        self.pending[c.send("customer.create", {"set": {"email": entry[0]}})] = answered


class Reader(threading.Thread):
    """A connection that reads until the server dies."""

    def __init__(self, loop):
        super().__init__(daemon=True)
        self.loop = loop
        self.rng = random.Random(loop.rng.random())
        self.reads = []

    def run(self):
        try:
            c = self.loop.server.dial(self.loop.token)
            while True:
                key = self.rng.choice(self.loop.ids)
                sent = time.monotonic()
                record = c.call("customer.get", {"id": key})
                self.reads.append(Read(key, sent, time.monotonic(), record["revision"],
                                       record["company"]))
        except OSError:
            pass
        except Refused as refusal:
            if refusal.code not in self.loop.refusals:
                self.loop.failures.append(repr(refusal))
        except Exception as problem:
            self.loop.failures.append(repr(problem))


def arguments(update):
    return {"id": update.key, "set": {"company": update.value}}


class KillLoop:
    """REFUSALS are the codes that a crash may bring about before it is complete."""

    def __init__(self, server, seed, load, refusals=()):
        self.server = server
        self.load = load
        self.refusals = refusals
        self.rng = random.Random(seed)
        self.names = itertools.count()
        self.failures = []
        self.acknowledged = self.unanswered = self.retried = self.read = 0
        # A clean stop commits everything, also where the server lies.
        self.token = new_token(server)
        server.restart()
        c = server.dial(self.token)
        self.ids = [c.call("customer.create", {"set": {
            "email": "hot%d@example.com" % n, "company": "base"}})["id"]
            for n in range(load.customers)]
        c.close()
        server.restart()
        self.emails = set()  # of the customers made since
        self.state = self.read_all()

    def name(self, prefix):
        return "%s-%d" % (prefix, next(self.names))

    def run(self, cycles):
        for cycle in range(cycles):
            self.cycle()
            if cycle % VERIFY_EVERY == 0:
                self.verify()

    def cycle(self):
        writers = [Writer(self, number) for number in range(self.load.writers)]
        readers = [Reader(self) for _ in range(self.load.readers)]
        for thread in writers + readers:
            thread.start()
        time.sleep(self.rng.uniform(*self.load.kill_after_s))
        self.server.kill()
        for thread in writers + readers:
            thread.join()
        self.server.start()
        reads = [read for reader in readers for read in reader.reads]
        updates = [update for writer in writers for update in writer.updates]
        self.acknowledged += sum(u.answered is not None for u in updates)
        self.unanswered += sum(u.answered is None for u in updates)
        self.read += len(reads)
        before, self.state = self.state, self.read_all(
            [entry for writer in writers for entry in writer.created])
        self.complain(check(before, updates, reads, self.state))
        self.retry([u for u in updates if u.answered is None and u.retry])

    def read_all(self, created=()):
        """The hot customers; the others must be exactly those that were made."""
        c = self.server.dial(self.token)
        items, after = [], None
        while True:
            page = c.call("customer.list", {"limit": 1000, "after": after})
            items += page["items"]
            after = page["next"]
            if after is None:
                break
        c.close()
        there = {item["email"] for item in items if item["id"] not in self.ids}
        told = {email for email, acknowledged in created if acknowledged}
        maybe = {email for email, acknowledged in created if not acknowledged}
        gone, new = (self.emails | told) - there, there - self.emails - told - maybe
        self.complain(["lost: customer " + email for email in sorted(gone)] +
                      ["invented: customer " + email for email in sorted(new)])
        self.emails = there
        if len(there) > 5000:
            self.forget(items)
        return {item["id"]: State(item["revision"], item["company"])
                for item in items if item["id"] in self.ids}

    def forget(self, items):
        """Delete the customers that were made, so that reading all stays quick."""
        c = self.server.dial(self.token)
        for item in items:
            if item["id"] not in self.ids:
                c.call("customer.delete", {"id": item["id"]})
        c.close()
        self.emails = set()

    def retry(self, updates):
        """Send each again under its key: done already or not, it counts once."""
        c = self.server.dial(self.token)
        now = self.state
        for update in updates:
            result = c.call("customer.update", arguments(update),
                            idempotency_key=update.retry)
            state = now[update.key]
            if result["revision"] == state.revision + 1:
                now[update.key] = State(result["revision"], update.value)
            elif result["revision"] > state.revision:
                self.complain(["a retry made more than one revision"])
            self.retried += 1
        c.close()
        self.state = self.read_all()
        self.complain(["lost: a retry for customer %d" % key
                       if self.state[key].revision < now[key].revision else
                       "a retry for customer %d did more than it said" % key
                       for key in self.ids if self.state[key] != now[key]])

    def verify(self):
        self.server.kill()
        status, said = self.server.verify()
        self.complain([] if status == 0 else [said])
        self.server.start()

    def complain(self, sentences):
        if sentences or self.failures:
            raise Loss("\n".join(self.failures + sentences))

    def summary(self):
        return "%d acknowledged, %d unanswered, %d sent again, %d read, %d customers made" % (
            self.acknowledged, self.unanswered, self.retried, self.read, len(self.emails))


def run(server, options, refusals=()):
    """Crash SERVER again and again and say how that went; the exit status."""
    loop = KillLoop(server, options.seed, Load(readers=int(not options.expect_loss)),
                    refusals)
    loss = outcome(loop, options.seed, lambda: loop.run(options.cycles))
    return int((not loss or "lost" not in loss) if options.expect_loss else bool(loss))


def each_directory(options, function):
    """Call FUNCTION with OPTIONS for each of the data directories that so many cycles take.

    Returns the first of its statuses that is not 0, and then calls it no more.
    """
    for begin in range(0, options.cycles, CYCLES_MAX):
        part = argparse.Namespace(**vars(options))
        part.cycles = min(CYCLES_MAX, options.cycles - begin)
        part.seed += begin
        status = function(part)
        if status != 0:
            return status
    return 0


def outcome(loop, seed, function):
    """Call FUNCTION, which lets LOOP run, and say how that went; what is wrong, if any."""
    began = time.monotonic()
    loss = None
    try:
        function()
    except Loss as problem:
        loss = str(problem)
    except StartFailed as problem:
        loss = "lost: it does not start any more: %s" % problem
    print("%s in %.0f s, seed %d" % (
        loop.summary(), time.monotonic() - began, seed))
    if loss:
        print("\n".join(loss.split("\n")[:SHOWN_MAX]))
    return loss


def arguments_of(description):
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--expect-loss", action="store_true")
    return parser


def in_directory(options):
    with Server(*SERVER_OPTIONS) as server:
        return run(server, options)


def main():
    return each_directory(arguments_of(__doc__).parse_args(), in_directory)


if __name__ == "__main__":
    sys.exit(main())

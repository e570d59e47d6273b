#!/usr/bin/python3
"""Let every call of a server to the outside fail, one after the other.

    points.py [--how HOW]... [--every N] [--seed N] [--times once|ever]...
              [--expect-loss]

HOW is the name of an errno, or short (half of the bytes), done (done, but reported as
failed), memory (no allocation succeeds); support/point.c says which calls can fail how.
For each, the first call that can fail so does, then the second, and so on until a run is
over before its turn comes: once, and again so that all later ones fail, too.  A run starts
a server, reads, updates, sends a batch, an atomic one, a creation, asks for a backup and a
scrub, and stops; and another begins with an empty directory.  --every N tries one call of N, from a random one on.

Then the server starts without a fault.  Everything acknowledged must be there, nothing
refused, and what is there must be sound (history.py, customerd verify).  A backup that was
answered must have all of it, too; one that was refused must not be there, unless nothing can
be removed, and then it must be whole.  No wait may be
longer than 5 seconds, and a server that ends must have said why.  With --expect-loss a
promise must be broken: for a server that answers before it commits (scons variant=fault).
"""

import argparse
import collections
import dataclasses
import os
import random
import shutil
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from history import Read, State, Update, check  # noqa: E402
from support import customerd  # noqa: E402
from support.customerd import (  # noqa: E402
    ROOT, Client, Refused, Server, StartFailed, new_token)

POINT = os.path.join(ROOT, "build", "release", "tests", "libpoint.so")
HOWS = ("EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE", "EINTR", "EAGAIN", "EACCES",
        "ECONNRESET", "short", "done", "memory")
WAIT_S = 5
CUSTOMERS = 6
DIALS = 4      # times that a client tries to get through

# What a server may answer when something under it fails.
REFUSALS = ("NO_MEMORY", "STORAGE_FULL", "STORAGE_FAILED", "UNKNOWN", "BUSY", "INTERNAL")

# An operator is known by what the system says of the socket.
OPERATOR_REFUSALS = ("UNAUTHENTICATED",)

# A file of which reads are short looks as if it were cut off.
SHORT_REFUSALS = ("DAMAGED",)

# How the libraries below may end the process: with a word, and nothing half done.
LAST_WORDS = ("(libev)", "customerd: ")

# Who cannot be let in waits outside; that is no hang.
LETTING_IN = {"accept4", "epoll_ctl"}


class Broken(Exception):
    """A promise is."""


@dataclasses.dataclass
class Template:
    """A data directory with customers in it, to begin each run with."""

    path: str       # of what a killed server left; empty: nothing
    token: str
    state: dict


def make_template(directory):
    with Server() as server:
        token = new_token(server)
        server.restart()    # a clean stop commits everything, also where the server lies
        c = server.dial(token)
        made = [c.call("customer.create", {"set": {
            "email": "c%d@example.com" % n, "company": "base"}, "want": "record"})
            for n in range(CUSTOMERS)]
        c.close()
        server.restart()
        c = server.dial(token)
        for n in range(3):      # what the next start reads in the journal
            c.call("group.create", {"set": {"name": "g%d" % n}})
        c.close()
        server.kill()
        path = os.path.join(directory, "template")
        shutil.copytree(server.data, path)
    return Template(path, token, {r["id"]: State(r["revision"], "base") for r in made})


class Run:
    """One server, one fault."""

    def __init__(self, server, template, spec):
        self.server = server
        self.spec, self.times = spec, spec.split(":")[2]
        self.refusals = REFUSALS + (SHORT_REFUSALS if ":short:" in spec else ())
        self.template = template
        self.ids = sorted(template.state)
        self.updates, self.reads = [], []
        self.created = {}          # by email: True, False (refused) or None
        self.copies = {}           # by path: True, False (refused) or None
        self.values = 0
        self.is_shut_out = False

    def prepare(self):
        for name in os.listdir(self.server.data):
            os.unlink(os.path.join(self.server.data, name))
        for name in os.listdir(self.server.root):
            if name.startswith("copy"):
                shutil.rmtree(os.path.join(self.server.root, name))
        for name in os.listdir(self.template.path) if self.template.path else ():
            shutil.copy(os.path.join(self.template.path, name), self.server.data)

    def with_fault(self):
        """The calls that were struck; raises Broken."""
        os.environ.update(LD_PRELOAD=POINT, POINT=self.spec)
        try:
            self.server.start()
        except StartFailed as failed:
            if failed.status == -signal.SIGKILL:
                raise Broken("hangs instead of starting") from None
            self.explained(failed.status, failed.text.split("\n"))
            return self.struck(failed.text.split("\n"))
        finally:
            del os.environ["LD_PRELOAD"], os.environ["POINT"]
        try:
            if self.template.state:
                self.traffic()
        finally:
            status = self.stop()
        self.explained(status, self.server.log)
        return self.struck(self.server.log)

    @staticmethod
    def struck(log):
        """The calls that the fault has struck."""
        return [line[7:] for line in log if line.startswith("point: ")]

    def stop(self):
        self.server.process.terminate()
        try:
            self.server.process.wait(WAIT_S)
        except Exception:
            self.server.kill()
            raise Broken("hangs instead of stopping") from None
        return self.server.wait()

    @staticmethod
    def explained(status, log):
        said = [line for line in log if any(word in line for word in LAST_WORDS)]
        if status != 0 and not said:
            raise Broken("ends with status %d without a word" % status)
        if status < 0 and not any("(libev)" in line for line in said):
            raise Broken("ends with signal %d" % -status)

    # ---- what clients do meanwhile ----

    def traffic(self):
        for step in (self.read_all, self.update_one, self.update_batch, self.update_atomic,
                     self.create, self.back_up, self.scrub, self.read_all):
            for _ in range(DIALS):
                if self.is_over() or self.try_step(step):
                    break
            else:
                self.is_shut_out = True     # nor does who comes later get in

    def is_over(self):
        return self.is_shut_out or self.server.process.poll() is not None

    def try_step(self, step):
        """False when the connection broke."""
        c = None
        try:
            if step in (self.back_up, self.scrub):
                c = self.client(self.dial_operator())
            else:
                c = self.client(socket.create_connection(
                    self.server.address, timeout=WAIT_S))
                c.call("hello", {"token": self.template.token})
            step(c)
        except socket.timeout:
            # Where it has ended, the listener that the test holds still takes calls.
            if self.is_over():
                return True
            self.is_shut_out = True
            if not set(self.struck(self.server.log)) & LETTING_IN:
                raise Broken("no answer in %d s" % WAIT_S) from None
        except OSError:
            return False
        except Refused as refusal:
            if refusal.code not in self.refusals:
                raise Broken("refused: %s" % refusal) from None
        finally:
            if c is not None:
                c.close()
        return True

    def dial_operator(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT_S)
        sock.connect(self.server.unix)
        return sock

    @staticmethod
    def client(sock):
        c = Client(sock)
        sock.settimeout(WAIT_S)
        return c

    def read_all(self, c):
        for key in self.ids:
            sent = time.monotonic()
            record = c.call("customer.get", {"id": key})
            self.reads.append(Read(key, sent, time.monotonic(), record["revision"],
                                   record["company"]))

    def new_update(self, key):
        self.values += 1
        self.updates.append(Update(
            len(self.updates), key, "value %d" % self.values, time.monotonic()))
        return self.updates[-1]

    def note(self, updates, outcome):
        """OUTCOME gives the revisions or raises Refused."""
        try:
            revisions = outcome()
        except Refused as refusal:
            for update in updates:
                update.refused = refusal.code != "UNKNOWN"
            if refusal.code not in self.refusals:
                raise
            return
        for update, revision in zip(updates, revisions):
            update.answered, update.revision = time.monotonic(), revision

    def update_one(self, c):
        update = self.new_update(self.ids[0])
        self.note([update], lambda: [c.call("customer.update", {
            "id": update.key, "set": {"company": update.value}})["revision"]])

    def update_batch(self, c):
        sent = {}
        for key in self.ids:
            update = self.new_update(key)
            sent[c.send("customer.update", {
                "id": key, "set": {"company": update.value}})] = update
        for msgid, update in sent.items():
            self.note([update], lambda: [c.wait(msgid)["revision"]])

    def update_atomic(self, c):
        updates = [self.new_update(key) for key in self.ids[:3]]
        self.note(updates, lambda: [item["revision"] for item in c.call(
            "customer.update_many", {"atomic": True, "updates": [
                {"id": u.key, "set": {"company": u.value}} for u in updates]})["results"]])

    def create(self, c):
        email = "new%d@example.com" % len(self.created)
        self.created[email] = None
        try:
            c.call("customer.create", {"set": {"email": email}})
            self.created[email] = True
        except Refused as refusal:
            self.created[email] = None if refusal.code == "UNKNOWN" else False
            if refusal.code not in self.refusals:
                raise

    def back_up(self, c):
        path = os.path.join(self.server.root, "copy%d" % len(self.copies))
        self.copies[path] = None
        try:
            c.call("server.backup", {"directory": path})
            self.copies[path] = True
        except Refused as refusal:
            self.copies[path] = False
            if refusal.code not in self.refusals + OPERATOR_REFUSALS:
                raise

    def scrub(self, c):
        try:
            c.call("server.scrub")
        except Refused as refusal:
            if refusal.code not in self.refusals + OPERATOR_REFUSALS:
                raise

    # ---- what is there afterwards ----

    def judge(self):
        self.judge_data()
        for path, made in self.copies.items():
            # What never can be removed again stays; but only whole.
            if made is False and os.path.exists(path) and self.times != "ever":
                raise Broken("a backup that was refused is there")
            if os.path.exists(path):
                # Nothing was changed after it was asked for.
                shutil.rmtree(self.server.data)
                os.rename(path, self.server.data)
                self.judge_data()
            elif made:
                raise Broken("lost: a backup")

    def judge_data(self):
        self.server.start()
        try:
            if self.template.state:
                self.compare()
        finally:
            status = self.server.terminate()
        if status != 0:
            raise Broken("stops with status %d afterwards" % status)
        status, said = self.server.verify()
        if status != 0:
            raise Broken("is not sound: " + said)

    def compare(self):
        c = self.server.dial(self.template.token)
        items = c.call("customer.list", {"limit": 1000})["items"]
        c.close()
        after = {item["id"]: State(item["revision"], item["company"])
                 for item in items if item["id"] in self.template.state}
        wrong = check(self.template.state, self.updates, self.reads, after)
        there = {item["email"] for item in items if item["id"] not in self.template.state}
        wrong += ["lost: " + email for email, made in self.created.items()
                  if made and email not in there]
        wrong += ["invented: " + email for email in there
                  if self.created.get(email, False) is False]
        if wrong:
            raise Broken("\n".join(wrong))


class Points:
    def __init__(self, options, template, rng):
        self.options, self.rng = options, rng
        self.template = template
        self.runs = 0
        self.struck = collections.Counter()
        self.broken = []

    def all(self):
        for template in (self.template, Template("", "", {})):
            with Server("--loops", "1", start=False) as server:
                for how in self.options.how:
                    for times in self.options.times:
                        # What is put off for ever is never done.
                        if times != "ever" or how not in ("EINTR", "EAGAIN"):
                            self.sweep(server, template, how, times)

    def sweep(self, server, template, how, times):
        every = self.options.every
        nth = 1 + self.rng.randrange(every)
        while self.one(server, template, "%d:%s:%s" % (nth, how, times)):
            # A liar may break a promise in each run, also in those without a fault.
            if self.options.expect_loss and self.broken:
                return
            nth += every

    def one(self, server, template, spec):
        """True if the fault has struck."""
        run = Run(server, template, spec)
        run.prepare()
        self.runs += 1
        try:
            struck = run.with_fault()
            run.judge()
        except (Broken, StartFailed, AssertionError) as problem:
            struck = run.struck(server.log) or ["something"]
            text = "%s (%s)%s: %s" % (
                spec, " ".join(struck), "" if template.state else " at first start",
                problem or repr(problem))
            print(text, flush=True)
            self.broken.append(text)
            if server.process:
                server.kill()
        self.struck.update(struck[:1])
        return bool(struck)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--how", action="append", choices=HOWS)
    parser.add_argument("--times", action="append", choices=("once", "ever"))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--expect-loss", action="store_true")
    options = parser.parse_args()
    customerd.PATIENCE_S = WAIT_S
    options.how = options.how or list(HOWS)
    options.times = options.times or ["once", "ever"]
    began = time.monotonic()
    with Server(start=False) as server:     # for its directory
        points = Points(options, make_template(server.root), random.Random(options.seed))
        points.all()
    print("%d runs in %.0f s, seed %d, %d broke a promise" % (
        points.runs, time.monotonic() - began, options.seed, len(points.broken)))
    print(", ".join("%s %d" % item for item in points.struck.most_common()))
    return int(bool(points.broken) != options.expect_loss)


if __name__ == "__main__":
    sys.exit(main())

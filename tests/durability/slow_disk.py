#!/usr/bin/python3
"""On a disk whose every flush takes 200 ms nobody is told, or sees, anything sooner.

    slow_disk.py [--rounds N] [--expect-loss]

support/point.c makes the disk slow.  In each round several connections send writes of all
kinds at once, while others keep reading.  A flush that makes a write durable begins after
the write was sent; so an OK, or a reader who sees it, less than 200 ms after that is a
promise without anything behind it.  With --expect-loss one must be found: for a server
that answers before it commits (scons variant=fault).
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import PATIENCE_S, ROOT, Server, must_create, new_token  # noqa: E402

POINT = os.path.join(ROOT, "build", "release", "tests", "libpoint.so")
SLOW_S = 0.2        # SLOW_MS of point.c
CUSTOMERS = 8
READ_EVERY_S = 0.005


class SlowDisk:
    def __init__(self, server):
        # A clean stop commits everything, also where the server lies.
        token = new_token(server)
        server.restart()
        c = server.dial(token)
        self.customers = [must_create(c, company="base")["id"] for _ in range(CUSTOMERS)]
        os.environ.update(LD_PRELOAD=POINT, POINT="1:slow:ever")
        server.restart()
        del os.environ["LD_PRELOAD"], os.environ["POINT"]
        self.writers = [server.dial(token) for _ in range(3)]
        self.reader = server.dial(token)
        self.told = self.seen = self.numbers = 0
        self.soonest_s = 9e9

    def requests(self, number):
        """One of each way to write; the first is what the reader looks for."""
        ids = self.customers
        value = "value %d" % number
        key = {"idempotency_key": "key %d" % number}
        update = ("customer.update", {"id": ids[0], "set": {"company": value}}, key)
        return [
            update, update,     # the second is told what became of the first
            ("customer.update", {"id": ids[1], "set": {"company": value}}, {}),
            ("customer.create", {"set": {"email": "new%d@example.com" % number}}, {}),
            ("customer.update_many", {"atomic": True, "updates": [
                {"id": other, "set": {"company": value}} for other in ids[2:5]]}, {}),
            ("customer.update_many", {"updates": [
                {"id": other, "set": {"company": value}} for other in ids[5:]]}, {}),
        ]

    def round(self):
        """Sentences for what came too soon."""
        self.numbers += 1
        sent = time.monotonic()
        pending = []
        for number, (method, args, meta) in enumerate(self.requests(self.numbers)):
            c = self.writers[number % len(self.writers)]
            pending.append((method, c, c.send(method, args, **meta)))
        wrong = self.watch(sent, pending)
        for method, c, msgid in pending:
            c.wait(msgid)
            took = time.monotonic() - sent
            self.told += 1
            self.soonest_s = min(self.soonest_s, took)
            if took < SLOW_S:
                wrong.append("%s is told after %.0f ms" % (method, took * 1e3))
        return wrong

    def watch(self, sent, pending):
        """Read until an answer would be in time."""
        while (began := time.monotonic() - sent) < SLOW_S:
            record = self.reader.call("customer.get", {"id": self.customers[0]})
            took = time.monotonic() - sent
            self.seen += 1
            if took < SLOW_S and record["company"] == "value %d" % self.numbers:
                return ["seen after %.0f ms" % (took * 1e3)]
            for _, c, _ in pending:
                self.take(c)
            if any(msgid in c.answers for _, c, msgid in pending) and \
                    time.monotonic() - sent < SLOW_S:
                return ["told after less than %.0f ms" % ((time.monotonic() - sent) * 1e3)]
            time.sleep(max(0, READ_EVERY_S - (time.monotonic() - sent - began)))
        return []

    @staticmethod
    def take(c):
        """What has come already."""
        c.sock.settimeout(0)
        try:
            c.receive()
        except BlockingIOError:
            pass
        finally:
            c.sock.settimeout(PATIENCE_S)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--expect-loss", action="store_true")
    options = parser.parse_args()
    with Server("--loops", "2") as server:
        disk = SlowDisk(server)
        wrong = []
        for _ in range(options.rounds):
            wrong += disk.round()
            if wrong:
                break
        assert any(line.startswith("point: ") for line in server.log), "no flush was slow"
    print("%d answers, the soonest after %.0f ms; %d reads meanwhile" % (
        disk.told, disk.soonest_s * 1e3, disk.seen))
    print("\n".join(wrong))
    return int(bool(wrong) != options.expect_loss)


if __name__ == "__main__":
    sys.exit(main())

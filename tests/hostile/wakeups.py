#!/usr/bin/python3
"""Every hand-over inside the server, one at a time: a wake-up that is lost hides nowhere.

    wakeups.py [--seconds S]

Each client waits for what it has asked for before it asks again, so nothing else wakes
whom it waits for.  There are clients that update, that verify passwords, that come and
go, that follow the feed, and one that has backups and scrubs made.  An answer that does
not come within a minute is a hang.  A change must be told at once: before the answer to
the third ping that its subscriber sends once the change was acknowledged.
"""

import argparse
import os
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import Server, Shop, must_create  # noqa: E402

PINGS = 3
PAUSE_S_MAX = 0.002
CREDIT = 10


class Client(threading.Thread):
    """Does its step, again and again, until the time is over."""

    def __init__(self, shop, number):
        super().__init__(daemon=True)
        self.shop, self.until = shop, 0
        self.random = random.Random(number)
        self.steps, self.failure = 0, None
        self.c = shop.dial()
        self.record = must_create(self.c, password="correct horse")
        self.token = shop.last_token["token"]

    def run(self):
        try:
            self.begin()
            while not self.steps or time.monotonic() < self.until:
                self.step()
                self.steps += 1
                # At another place of what goes on meanwhile.
                time.sleep(self.random.random() * PAUSE_S_MAX)
        except BaseException as failure:     # for main() to tell
            self.failure = failure

    def begin(self):
        pass

    def update(self, c):
        c.call("customer.update", {"id": self.record["id"],
                                   "set": {"notes": str(self.random.random())}})


class Updates(Client):
    def step(self):
        self.update(self.c)


class Verifies(Client):
    def step(self):
        assert self.c.call("customer.verify_password", {
            "id": self.record["id"], "password": "correct horse"})["matches"]


class Comes(Client):
    def step(self):
        c = self.shop.server.dial(self.token)
        c.call("ping")
        c.close()


class Follows(Client):
    """Its own record, on a connection that the changes come to; now and then anew."""

    def begin(self):
        self.writer = self.shop.server.dial(self.token)
        self.subscribe()

    def subscribe(self):
        self.credit = CREDIT
        self.number = self.c.call("change.subscribe", {
            "after": self.c.call("change.read", {"limit": 1})["last"],
            "credit": CREDIT, "kind": "customer", "id": self.record["id"]})["subscription"]

    def take(self):
        """How many changes have come."""
        changes = [change for name, (body,) in self.c.notifications if name == "change"
                   for change in body["items"]]
        self.c.notifications.clear()
        return len(changes)

    def step(self):
        self.update(self.writer)
        for _ in range(PINGS):      # each in a turn of its own
            self.c.call("ping")
        assert self.take() == 1, "a change was not told at once"
        self.credit -= 1
        if self.credit > 0:
            return
        if self.random.random() < 0.5:
            self.c.call("change.unsubscribe", {"subscription": self.number})
            self.subscribe()
        else:
            self.c.call("change.credit", {"subscription": self.number, "credit": CREDIT})
            self.credit = CREDIT


class Jobs(Client):
    def step(self):
        operator = self.shop.operator   # which nobody else uses
        target = os.path.join(self.shop.server.root, "copy")
        operator.call("server.backup", {"directory": target})
        shutil.rmtree(target)
        operator.call("server.scrub")


KINDS = [Updates] * 4 + [Verifies] + [Comes] * 2 + [Follows] * 4 + [Jobs]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with Server("--loops", "2", "--password-workers", "2") as server:
        shop = Shop(server)
        clients = [kind(shop, number) for number, kind in enumerate(KINDS)]
        for client in clients:
            client.until = time.monotonic() + options.seconds
            client.start()
        for client in clients:
            client.join()
        failures = [repr(client.failure) for client in clients if client.failure]
        if not failures:
            shop.close()
            assert server.terminate() == 0
            assert server.verify()[0] == 0
    print(", ".join("%s %d" % (kind.__name__, sum(client.steps for client in clients
                                                  if type(client) is kind))
                    for kind in dict.fromkeys(KINDS)))
    print("\n".join(failures))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())

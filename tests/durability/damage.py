#!/usr/bin/python3
"""Damage the file in every way that a disk can: no wrong record is ever read.

    damage.py [--times N] [--seed N]

A directory with customers is copied, and in its copy a bit flipped, a page zeroed, a
page overwritten with another, or the end cut off.  A server is started on it, if it lets
itself be started, and every customer read.  Each reading must be the record as it was, or
a refusal.  Where LMDB, which has no checksums of its own, does not find a customer or a
token because a key on the way is damaged, `customerd verify` must say so.  How often that
is so, and how often the process ends, is counted.
"""

import argparse
import collections
import os
import random
import shutil
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import customerd  # noqa: E402
from support.customerd import Refused, Server, StartFailed, new_token  # noqa: E402

PAGE = 4096
CUSTOMERS = 200

# What a damaged key looks like: nothing is there.
MISSING = {"NOT_FOUND", "UNAUTHENTICATED"}


def fill(server):
    """The customers as they are, by id, and a token."""
    server.start()
    token = new_token(server)
    c = server.dial(token)
    made = [c.call("customer.create", {"set": {
        "email": "c%d@example.com" % n, "notes": "x" * (n * 37 % 4000)}, "want": "record"})
        for n in range(CUSTOMERS)]
    c.close()
    assert server.terminate() == 0
    return {record["id"]: record for record in made}, token


def damage(content, rng):
    """Damage CONTENT, a bytearray; what was done."""
    pages = len(content) // PAGE
    kind = rng.choice(("bit", "bit", "bit", "bit", "zeroed", "misplaced", "cut"))
    page = rng.randrange(pages)
    if kind == "bit":
        at = rng.randrange(len(content))
        content[at] ^= 1 << rng.randrange(8)
        return kind, at
    if kind == "zeroed":
        content[page * PAGE:(page + 1) * PAGE] = bytes(PAGE)
    elif kind == "misplaced":
        other = rng.randrange(pages)
        content[page * PAGE:(page + 1) * PAGE] = content[other * PAGE:(other + 1) * PAGE]
    else:
        del content[rng.randrange(len(content)):]
    return kind, page


def read_all(server, truth, token):
    """What each reading came to; or the process ended, or is refused a token."""
    try:
        c = server.dial(token)
        for key, record in truth.items():
            try:
                if c.call("customer.get", {"id": key}) != record:
                    yield "WRONG"
                yield "right"
            except Refused as refusal:
                yield refusal.code
        c.close()
    except Refused as refusal:
        yield refusal.code
    except (OSError, socket.timeout):
        yield "ended"
    except Exception:
        yield "WRONG"   # no message at all


def one(server, sound, truth, token, rng):
    """The set of what came of one damage, and where it was."""
    content = bytearray(sound)
    where = damage(content, rng)
    shutil.rmtree(server.data)
    os.mkdir(server.data, 0o700)
    path = os.path.join(server.data, "data.mdb")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(content)
    try:
        server.start()
    except StartFailed as failed:
        return {"not started" if failed.status == 1 else "ended at start"}, where
    seen = set(read_all(server, truth, token))
    server.kill()
    if seen & MISSING and server.verify()[0] == 0:
        seen.add("UNNOTICED")
    return seen, where


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    customerd.PATIENCE_S = 5
    rng = random.Random(options.seed)
    came = collections.Counter()
    with Server("--loops", "1", start=False) as server:
        truth, token = fill(server)
        with open(os.path.join(server.data, "data.mdb"), "rb") as file:
            sound = file.read()
        for _ in range(options.times):
            seen, where = one(server, sound, truth, token, rng)
            came.update(seen)
            for sentence in sorted(seen & {"WRONG", "UNNOTICED"}):
                print("%s: %s at %d" % (sentence, *where))
    print("%d times damaged, seed %d: %s" % (options.times, options.seed, ", ".join(
        "%s %d" % item for item in came.most_common())))
    return int(came["WRONG"] + came["UNNOTICED"] > 0)


if __name__ == "__main__":
    sys.exit(main())

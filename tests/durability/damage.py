#!/usr/bin/python3
"""Damage the files in every way that a disk can: no wrong record is ever read.

    damage.py [--times N] [--seed N]

A directory with customers, some of them in a journal, is copied as a killed server leaves
it, and in its copy a bit flipped, a page zeroed, a page overwritten with another, or the
end cut off, of the database or of a journal.  A server is started on it, if it lets
itself be started, and every customer read.  Each reading must be the record as it was, or
a refusal.  Where LMDB, which has no checksums of its own, does not find a customer or a
token because a key on the way is damaged, `customerd verify` must say so.  How often that
is so, and how often the process ends, is counted.

Damage to the last frame of a journal looks as what a crash leaves, and only there a batch
may be gone without a word: here it has a customer that nobody asks for.
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
FILES = ("data.mdb", "data.mdb", "journal.0", "journal.1")    # as often as chosen
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
    c.call("customer.create", {"set": {"email": "last@example.com"}})
    server.kill()
    return {record["id"]: record for record in made}, token


def read_files(server):
    """What the server left, by name."""
    files = {}
    for name in FILES:
        with open(os.path.join(server.data, name), "rb") as file:
            files[name] = file.read()
    return files


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


def damage_used(content, rng):
    """The same, but where a journal has something; its end has nothing but zeros."""
    used = len(content.rstrip(b"\0")) // PAGE * PAGE + PAGE
    if rng.random() < 0.1:
        return damage(content, rng)
    head, tail = content[:used], content[used:]
    kind, where = damage(head, rng)
    content[:] = head + (tail if kind != "cut" else b"")
    return kind, where


def one(server, sound, truth, token, rng):
    """The set of what came of one damage, and where it was."""
    files = {name: bytearray(content) for name, content in sound.items()}
    name = rng.choice(FILES)
    where = (damage if name == "data.mdb" else damage_used)(files[name], rng)
    shutil.rmtree(server.data)
    os.mkdir(server.data, 0o700)
    for file_name, content in files.items():
        path = os.path.join(server.data, file_name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(content)
    where = (name, *where)
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
    with Server("--loops", "1", "--journal-bytes-max", "65536", start=False) as server:
        truth, token = fill(server)
        sound = read_files(server)
        for _ in range(options.times):
            seen, where = one(server, sound, truth, token, rng)
            came.update(seen)
            for sentence in sorted(seen & {"WRONG", "UNNOTICED"}):
                print("%s: %s: %s at %d" % (sentence, *where))
    print("%d times damaged, seed %d: %s" % (options.times, options.seed, ", ".join(
        "%s %d" % item for item in came.most_common())))
    return int(came["WRONG"] + came["UNNOTICED"] > 0)


if __name__ == "__main__":
    sys.exit(main())

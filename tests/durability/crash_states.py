#!/usr/bin/python3
"""Every state in which a crash can leave the file: commit k or k+1, never less than told.

    crash_states.py [--requests N] [--images N] [--seed N] [--expect-loss]

A server runs under load with librecord.so before its C library, which writes down each
write to the database file, each sync and each answer, in order.  Afterwards the file is
built again as a crash would have left it: all that was synced, and of what was not any
part.  A disk writes sectors of 512 bytes whole, and in any order.  For each answer, and
each moment before a sync, the images are: none of the unsynced writes, all, each prefix,
each alone, all but each, the last one torn at each sector, and at random IMAGES more.

Each of four connections sends that many requests.  Each image must open and pass what `customerd verify` checks; it must be one of the states
between commits, with exactly that state's content; it must hold every revision that any
answer had told until then; and nothing from the future.

With --expect-loss an image must be wrong: for a server that answers before it commits
(scons variant=fault) or does not sync (variant=nosync).
"""

import argparse
import collections
import dataclasses
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import ROOT, Server, new_token  # noqa: E402

BUILD = os.path.join(ROOT, "build", "release", "tests")
RECORD = os.path.join(BUILD, "librecord.so")
INSPECT = os.path.join(BUILD, "inspect")

WRITE, SYNCED, SYNC, CUT, SEND = 1, 2, 3, 4, 5
SECTOR, PAGE = 512, 4096
META_PAGES = 2 * PAGE
CUSTOMERS = 20
CONNECTIONS = 4
IN_FLIGHT = 4


# ---- recording ----


def record(requests, seed, trace):
    """The file before, and in TRACE what a server under load then did to it."""
    with Server("--loops", "2") as server:
        token = new_token(server)
        server.restart()    # a clean stop commits everything, also where the server lies
        c = server.dial(token)
        ids = [c.call("customer.create", {"set": {"email": "c%d@example.com" % n}})["id"]
               for n in range(CUSTOMERS)]
        c.close()
        assert server.terminate() == 0
        with open(os.path.join(server.data, "data.mdb"), "rb") as file:
            before = file.read()
        os.environ.update(LD_PRELOAD=RECORD, TRACE=trace)
        try:
            server.start()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["TRACE"]
        writers = [threading.Thread(target=load, args=(
            server.dial(token), ids, requests, random.Random(seed + n)))
            for n in range(CONNECTIONS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert server.terminate() == 0
    return before


def load(c, ids, requests, rng):
    """Updates, creations and reads, a few at a time."""
    pending = 0
    for n in range(requests):
        while pending < rng.randint(1, IN_FLIGHT):
            dice = rng.random()
            if dice < 0.2:
                c.send("customer.get", {"id": rng.choice(ids)})
            elif dice < 0.3:
                email = "%x@example.com" % rng.getrandbits(64)
                c.send("customer.create", {"set": {"email": email}})
            else:
                c.send("customer.update", {"id": rng.choice(ids), "set": {
                    "notes": "x" * rng.choice((1, 50, 3000, 20_000)),
                    "company": str(n)}})
            pending += 1
        c.receive()
        pending -= 1
    for _ in range(pending):
        c.receive()
    c.close()


def events(trace):
    with open(trace, "rb") as file:
        while head := file.read(16):
            kind, length, where = struct.unpack("=IIQ", head)
            yield kind, where, file.read(length)


# ---- replaying ----


@dataclasses.dataclass
class File:
    """What is on the disk for sure, and the sectors that may be there or not."""

    durable: bytearray
    pending: list    # (offset, bytes), in order

    def write(self, offset, data):
        # Pages one by one: nothing keeps the parts of one write together.
        for start in range(0, len(data), PAGE):
            self.pending.append((offset + start, data[start:start + PAGE]))

    def sync(self, offset=None):
        """All is on the disk, or only the write at OFFSET."""
        kept = []
        for write in self.pending:
            if offset is None or write[0] == offset:
                apply(self.durable, [write])
            else:
                kept.append(write)
        self.pending = kept

    def images(self, rng, extra):
        """The pending writes of which a crash may leave each of these selections."""
        writes = self.pending
        yield []
        if not writes:
            return
        for n in range(1, len(writes) + 1):
            yield writes[:n]
        for n in range(len(writes)):
            yield [writes[n]]
            yield writes[:n] + writes[n + 1:]
        offset, data = writes[-1]
        first = SECTOR - offset % SECTOR
        for cut in range(first, len(data), SECTOR):
            yield writes[:-1] + [(offset, data[:cut])]
            yield writes[:-1] + [(offset + cut, data[cut:])]
        for _ in range(extra):
            yield [write for write in writes if rng.random() < 0.5]


def apply(content, writes):
    for offset, data in writes:
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset:offset + len(data)] = data


class Inspector:
    """The program `inspect`, and the directory in which it is shown images."""

    def __init__(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(prefix="customerd-", dir=memory)
        self.process = subprocess.Popen([INSPECT], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.images = 0

    def look(self, content):
        """("sound", batch, digest, customers) or ("refused" or "wrong", sentence)."""
        self.images += 1
        # A file of its own: LMDB maps it, and a new one has no lock beside it.
        shutil.rmtree(self.directory)
        os.mkdir(self.directory, 0o700)
        path = os.path.join(self.directory, "data.mdb")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(content)
        print(self.directory, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline().rstrip("\n")
        if not line:
            return "crashed", "status %s" % self.process.wait()
        word, _, rest = line.partition(" ")
        if word != "sound":
            return word, rest
        batch, digest, customers = rest.split(" ")
        return word, int(batch), digest, customers

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.directory)


def revisions(customers):
    records = [msgpack.unpackb(bytes.fromhex(text)) for text in customers.split(",")[1:]]
    return {record["id"]: record["revision"] for record in records}


class Loss(Exception):
    """An image that no crash may leave."""


class Replay:
    def __init__(self, before, inspector, rng, extra):
        self.file = File(bytearray(before), [])
        self.inspector = inspector
        self.rng, self.extra = rng, extra
        self.states = {}         # by number of the commit: (digest, revisions)
        self.told = {}           # by id: the highest revision in any answer
        self.answers = 0
        self.unpackers = collections.defaultdict(lambda: msgpack.Unpacker(raw=False))
        self.newest = self.look_at([], "the file before")

    def run(self, trace):
        for kind, where, data in events(trace):
            if kind == WRITE:
                self.file.write(where, data)
            elif kind == CUT:
                raise Loss("nobody shortens the file")
            elif kind == SEND:
                self.note_answers(where, data)
                self.check("an answer")
            else:
                self.check("a sync")
                self.file.sync(where if kind == SYNCED else None)
                if kind == SYNCED:
                    self.newest = self.look_at([], "a commit")
        self.check("the end")

    def note_answers(self, connection, data):
        unpacker = self.unpackers[connection]
        unpacker.feed(data)
        for message in unpacker:
            result = message[3] if message[0] == 1 else None
            if isinstance(result, dict) and "revision" in result:
                known = self.told.get(result["id"], 0)
                self.told[result["id"]] = max(known, result["revision"])
                self.answers += 1

    def check(self, moment):
        for writes in self.file.images(self.rng, self.extra):
            self.look_at(writes, moment)

    def look_at(self, writes, moment):
        """The number of the commit that WRITES on top of the durable ones leave."""
        content = bytearray(self.file.durable)
        apply(content, writes)
        seen = self.inspector.look(content)
        at = "a crash at %s, with %d of %d unsynced writes: " % (
            moment, len(writes), len(self.file.pending))
        if seen[0] != "sound":
            raise Loss(at + " ".join(map(str, seen)))
        _, batch, digest, customers = seen
        if batch not in self.states:
            self.states[batch] = digest, revisions(customers)
        if self.states[batch][0] != digest:
            raise Loss(at + "commit %d has another content than before" % batch)
        if self.states and batch > min(self.states) and batch - 1 not in self.states:
            raise Loss(at + "commit %d is there without the one before" % batch)
        for key, revision in self.told.items():
            if self.states[batch][1].get(key, 0) < revision:
                raise Loss(at + "lost: customer %d was told to have revision %d, and "
                           "commit %d is the last" % (key, revision, batch))
        return batch


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--expect-loss", action="store_true")
    options = parser.parse_args()
    began, loss = time.monotonic(), None
    inspector = Inspector()
    with tempfile.TemporaryDirectory() as directory:
        trace = os.path.join(directory, "trace")
        before = record(options.requests, options.seed, trace)
        try:
            replay = Replay(before, inspector, random.Random(options.seed), options.images)
            replay.run(trace)
        except Loss as problem:
            loss = str(problem)
        finally:
            inspector.close()
    print("%d images of %d commits, %d answers, in %.0f s, seed %d" % (
        inspector.images, len(replay.states) - 1, replay.answers,
        time.monotonic() - began, options.seed))
    if loss:
        print(loss)
    return int(not loss if options.expect_loss else bool(loss))


if __name__ == "__main__":
    sys.exit(main())

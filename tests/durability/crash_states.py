#!/usr/bin/python3
"""Every state in which a crash can leave the files: commit k or k+1, never less than told.

    crash_states.py [--requests N] [--images N] [--seed N] [--expect-loss]

A server runs under load with librecord.so before its C library, which writes down each
write to the database file and the journals, each sync and each answer, in order.  The
journals are so small that they are changed, and carried over, many times.  Afterwards the
files are built again as a crash would have left them: all that was synced, and of what
was not any part.  A disk writes sectors of 512 bytes whole, and in any order; a file that
was made has its name only when the directory was synced.  For each answer, and each moment
before a sync, the images are: none of the unsynced writes, all, each prefix, each alone,
all but each, the last one torn at each sector, and at random IMAGES more; but of all these
only as many as IMAGES_MAX, chosen at random.

Each of four connections sends that many requests.  Each image must open and pass what
`customerd verify` checks; it must be one of the states between commits, with exactly that
state's content, before and after a clean stop; it must hold every revision that any answer
had told until then; and nothing from the future.

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

WRITE, SYNCED, SYNC, CUT, SEND, MAKE, REMOVE, NAMES = range(1, 9)
FILES = ("data.mdb", "journal.0", "journal.1")
SECTOR, PAGE = 512, 4096
IMAGES_MAX = 40      # of one moment
JOURNAL_BYTES = "65536"
CUSTOMERS = 20
CONNECTIONS = 4
IN_FLIGHT = 4


# ---- recording ----


def record(requests, seed, trace):
    """The file before, and in TRACE what a server under load then did to it."""
    with Server("--loops", "2", "--journal-bytes-max", JOURNAL_BYTES) as server:
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
            kind, number, _, length, where = struct.unpack("=BBHIQ", head)
            yield kind, number, where, file.read(length)


# ---- replaying ----


@dataclasses.dataclass(frozen=True)
class Change:
    """What a crash may leave or not: a write to a file, or a name made or removed."""

    kind: int
    file: int
    offset: int = 0
    data: bytes = b""


class Files:
    """What is on the disk for sure, and what of the rest may be there or not."""

    def __init__(self, before):
        self.content = [bytearray(before), bytearray(), bytearray()]
        self.names = [True, False, False]
        self.pending = []    # changes, in order

    def write(self, file, offset, data):
        # Pages one by one: nothing keeps the parts of one write together.
        for start in range(0, len(data), PAGE):
            self.pending.append(Change(
                WRITE, file, offset + start, data[start:start + PAGE]))

    def is_growth(self, file, offset, data):
        """Zeros behind the end change nothing but the length."""
        return offset >= len(self.content[file]) and not any(data)

    def make(self, file):
        assert not self.names[file]
        self.content[file] = bytearray()
        self.pending.append(Change(MAKE, file))

    def sync(self, file, offset=None):
        """All of FILE is on the disk, or only the write at OFFSET."""
        self.settle(lambda change: change.kind == WRITE and change.file == file and
                    offset in (None, change.offset))

    def sync_names(self):
        self.settle(lambda change: change.kind != WRITE)

    def settle(self, is_settled):
        apply(self.content, self.names, [c for c in self.pending if is_settled(c)])
        self.pending = [c for c in self.pending if not is_settled(c)]

    def image(self, changes):
        """The files, by name, that CHANGES on top of what is sure leave."""
        content = [bytearray(c) for c in self.content]
        names = list(self.names)
        apply(content, names, changes)
        return {FILES[n]: content[n] for n in range(len(FILES)) if names[n]}

    def selections(self, rng, extra):
        """The changes of which a crash may leave each of these selections."""
        some = list(self.all_selections())
        some += [[c for c in self.pending if rng.random() < 0.5]
                 for _ in range(extra if self.pending else 0)]
        if len(some) > IMAGES_MAX:
            some = some[:2] + rng.sample(some[2:], IMAGES_MAX - 2)
        return some

    def all_selections(self):
        changes = self.pending
        yield []
        if not changes:
            return
        yield changes
        for n in range(1, len(changes)):
            yield changes[:n]
        for n in range(len(changes)):
            yield [changes[n]]
            yield changes[:n] + changes[n + 1:]
        last = changes[-1]
        if last.kind != WRITE:
            return
        first = SECTOR - last.offset % SECTOR
        for cut in range(first, len(last.data), SECTOR):
            yield changes[:-1] + [dataclasses.replace(last, data=last.data[:cut])]
            yield changes[:-1] + [dataclasses.replace(
                last, offset=last.offset + cut, data=last.data[cut:])]


def apply(content, names, changes):
    for change in changes:
        if change.kind != WRITE:
            names[change.file] = change.kind == MAKE
            continue
        file = content[change.file]
        if len(file) < change.offset:
            file.extend(bytes(change.offset - len(file)))
        file[change.offset:change.offset + len(change.data)] = change.data


class Inspector:
    """The program `inspect`, and the directory in which it is shown images."""

    def __init__(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(prefix="customerd-", dir=memory)
        self.process = subprocess.Popen([INSPECT], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.images = 0

    def look(self, image):
        """("sound", batch, digest, customers) or ("refused" or "wrong", sentence)."""
        self.images += 1
        # Files of their own: LMDB maps them, and a new one has no lock beside it.
        shutil.rmtree(self.directory)
        os.mkdir(self.directory, 0o700)
        for name, content in image.items():
            path = os.path.join(self.directory, name)
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
        self.files = Files(before)
        self.inspector = inspector
        self.rng, self.extra = rng, extra
        self.states = {}         # by number of the commit: (digest, revisions)
        self.told = {}           # by id: the highest revision in any answer
        self.answers = 0
        self.unpackers = collections.defaultdict(lambda: msgpack.Unpacker(raw=False))
        self.look_at([], "the files before")

    def run(self, trace):
        files = self.files
        for kind, file, where, data in events(trace):
            if kind == WRITE and files.is_growth(file, where, data):
                files.content[file].extend(
                    bytes(where + len(data) - len(files.content[file])))
            elif kind == WRITE:
                files.write(file, where, data)
            elif kind == MAKE:
                files.make(file)
            elif kind == REMOVE:
                files.pending.append(Change(REMOVE, file))
            elif kind == CUT:
                raise Loss("nobody shortens a file")
            elif kind == SEND:
                self.note_answers(where, data)
                self.check("an answer")
            else:
                self.check("a sync")
                if kind == NAMES:
                    files.sync_names()
                else:
                    files.sync(file, where if kind == SYNCED else None)
                    self.look_at([], "a sync")
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
        for changes in self.files.selections(self.rng, self.extra):
            self.look_at(changes, moment)

    def look_at(self, changes, moment):
        """What CHANGES on top of the durable ones leave must be a state that is right."""
        seen = self.inspector.look(self.files.image(changes))
        at = "a crash at %s, with %d of %d unsynced changes: " % (
            moment, len(changes), len(self.files.pending))
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

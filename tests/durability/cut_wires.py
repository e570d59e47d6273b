#!/usr/bin/python3
"""Over a wire that breaks all the time every update counts exactly once.

    cut_wires.py [--operations N] [--seed N] [--client c|python]... [--forget-keys]

Between the clients and the server stands support/cutter.py, which cuts connections at any
byte, in both directions.  Each client changes a customer of its own, every change under
an idempotency key, and repeats it under that key, the library's own repeats apart, until
it is acknowledged.  A change names the revision that it is made to, so that a second one
would be refused; the revision that the answer names must be one more, also when that
answer is the repeated one; and in the end the server has exactly as many revisions, and
each customer made on the way once.

With --forget-keys repeats get keys of their own, and one of them must be refused.
"""

import argparse
import ctypes
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import ROOT, SCOPES, Refused, Server, Shop, must_create  # noqa: E402
from support.cutter import Cutter  # noqa: E402
from support.library import LIBRARY  # noqa: E402

sys.path.insert(0, os.path.join(ROOT, "client", "python"))
import customerd  # noqa: E402

CLIENTS = 2             # of each library
CREATE_EVERY = 10       # operations
TRIES_MAX = 1000        # of one operation

customerd.PAUSE_S_FIRST = 0.001


class Again(Exception):
    """The library does not know whether it was done, or could not send it."""


class Python:
    """client/python/customerd.py"""

    def __init__(self, address, token):
        self.client = None
        while self.client is None:
            try:
                self.client = customerd.connect(address, token)
            except customerd.Disconnected:
                pass

    def update(self, customer, revision, value, key):
        """The revision; raises Again."""
        return self.call("customer.update", {
            "id": customer, "if_revision": revision, "set": {"company": value}},
            key)["revision"]

    def create(self, email, key):
        self.call("customer.create", {"set": {"email": email}}, key)

    def call(self, method, args, key):
        noun, verb = method.split(".")
        options = self.client.options(idempotency_key=key)
        try:
            return getattr(getattr(options, noun), verb)(args)
        except (customerd.Unknown, customerd.Disconnected, customerd.Timeout):
            raise Again from None

    def close(self):
        self.client.close()


class Options(ctypes.Structure):
    _fields_ = [("address", ctypes.c_char_p), ("token", ctypes.c_char_p),
                ("client_name", ctypes.c_char_p), ("connect_timeout_ms", ctypes.c_int64),
                ("call_timeout_ms", ctypes.c_int64), ("retries_max", ctypes.c_int),
                ("pause_ms_max", ctypes.c_int64), ("answer_bytes_max", ctypes.c_size_t),
                ("reserved", ctypes.c_uint64 * 4)]


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_char * 32), ("message", ctypes.c_char * 256),
                ("path", ctypes.c_char * 96), ("revision", ctypes.c_int64),
                ("retryable", ctypes.c_bool), ("details", ctypes.c_void_p * 2)]


class Slice(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Call(ctypes.Structure):
    _fields_ = [("method", ctypes.c_char_p), ("args", Slice), ("token", ctypes.c_char_p),
                ("idempotency_key", ctypes.c_char_p), ("traceparent", ctypes.c_char_p),
                ("timeout_ms", ctypes.c_int64), ("dry_run", ctypes.c_bool)]


class C:
    """libcustomerd"""

    OK, NOT_SENT, UNKNOWN = 0, 3, 4

    def __init__(self, address, token):
        self.library = ctypes.CDLL(os.path.join(LIBRARY, "libcustomerd.so"))
        self.library.customerd_update_new.restype = ctypes.c_void_p
        self.library.customerd_update_new.argtypes = [ctypes.c_int64]
        self.handle, self.error = ctypes.c_void_p(), Error()
        options = Options(address.encode(), token.encode(), b"cut_wires", pause_ms_max=1)
        while (status := self.library.customerd_open(
                ctypes.byref(self.handle), ctypes.byref(options),
                ctypes.byref(self.error))) != self.OK:
            assert status in (self.NOT_SENT, self.UNKNOWN), self.error.message

    def judge(self, status):
        if status in (self.NOT_SENT, self.UNKNOWN):
            raise Again
        assert status == self.OK, (status, self.error.code, self.error.message)

    def update(self, customer, revision, value, key):
        after = ctypes.c_int64()
        update = ctypes.c_void_p(self.library.customerd_update_new(customer))
        self.library.customerd_update_set_text(update, b"company", value.encode())
        self.library.customerd_update_if_revision(update, ctypes.c_int64(revision))
        self.library.customerd_update_idempotency_key(update, key.encode())
        status = self.library.customerd_update(self.handle, update, ctypes.byref(after),
                                               ctypes.byref(self.error))
        self.library.customerd_update_free(update)
        self.judge(status)
        return after.value

    def create(self, email, key):
        args = customerd.msgpack.packb({"set": {"email": email}})
        call = Call(b"customer.create", Slice(args, len(args)),
                    idempotency_key=key.encode())
        result = Slice()
        self.judge(self.library.customerd_call(self.handle, ctypes.byref(call),
                                               ctypes.byref(result), ctypes.byref(self.error)))

    def close(self):
        self.library.customerd_close(self.handle)


LIBRARIES = {"python": Python, "c": C}


class Worker(threading.Thread):
    """One client and its customer."""

    def __init__(self, client, customer, name, operations, forgets_keys):
        super().__init__(daemon=True)
        self.client, self.customer, self.label = client, customer, name
        self.operations, self.forgets_keys = operations, forgets_keys
        self.revision = customer["revision"]
        self.created, self.repeats, self.wrong = [], 0, []

    def run(self):
        try:
            for number in range(self.operations):
                if number % CREATE_EVERY == 0:
                    self.create("%s-%d@example.com" % (self.label, number))
                else:
                    self.update("%s value %d" % (self.label, number))
        except Exception as problem:
            self.wrong.append("%s: %r" % (self.label, problem))

    def until_done(self, function, what, key):
        for attempt in range(TRIES_MAX):
            try:
                return function(what, key + ("-%d" % attempt if self.forgets_keys else ""))
            except Again:
                self.repeats += 1
        raise AssertionError("%d tries" % TRIES_MAX)

    def update(self, value):
        revision = self.until_done(
            lambda value, key: self.client.update(
                self.customer["id"], self.revision, value, key),
            value, value)
        if revision != self.revision + 1:
            self.wrong.append("%s: revision %d after %d" % (value, revision, self.revision))
        self.revision = revision

    def create(self, email):
        self.until_done(self.client.create, email, email)
        self.created.append(email)


def compare(c, workers):
    """Sentences for what the server has and the clients were not told, or the reverse."""
    wrong = []
    for worker in workers:
        wrong += worker.wrong
        record = c.call("customer.get", {"id": worker.customer["id"]})
        if record["revision"] != worker.revision:
            wrong.append("%s: revision %d, but %d was told last" % (
                worker.label, record["revision"], worker.revision))
        for email in worker.created:
            try:
                c.call("customer.find", {"email": email})
            except Refused as refusal:
                wrong.append("%s: %s" % (email, refusal.code))
    total = c.call("customer.list", {"limit": 1})["total"]
    if total != len(workers) + sum(len(worker.created) for worker in workers):
        wrong.append("there are %d customers" % total)
    return wrong


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--client", action="append", choices=LIBRARIES)
    parser.add_argument("--forget-keys", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    libraries = (options.client or list(LIBRARIES)) * CLIENTS
    with Server("--loops", "2") as server, \
            Cutter(server.address, random.Random(options.seed)) as cutter:
        shop = Shop(server)
        address = "customerd://%s:%d" % cutter.address
        token = shop.token(SCOPES)
        workers = [Worker(LIBRARIES[name](address, token), must_create(shop.c),
                          "%s-%d" % (name, number), options.operations // len(libraries),
                          options.forget_keys)
                   for number, name in enumerate(libraries)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            worker.client.close()
        wrong = compare(shop.c, workers)
        # Who forgets the keys ends at the first change that counted twice.
        assert options.forget_keys or cutter.cuts > options.operations / 50, "too few cuts"
    print("%d operations over %d cuts, %d repeats by the caller, in %.0f s, seed %d" % (
        options.operations, cutter.cuts, sum(worker.repeats for worker in workers),
        time.monotonic() - began, options.seed))
    print("\n".join(wrong[:20]))
    return int(bool(wrong) != options.forget_keys)


if __name__ == "__main__":
    sys.exit(main())

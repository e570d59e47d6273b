#!/usr/bin/python3
"""The shim under everything at once, for as long as one likes.

    shim_soak.py [--seconds S] [--clients N] [--down-s S]

Clients send requests of all formats, good and bad, on connections that they keep, one by
one and many at once, or cut off in the middle of a request or an answer; and every now and
then customerd is killed, is away for a moment, and comes back.

Every answer must be one that the request can have.  While customerd is away that is 503;
a change that was under way when it was killed may be 500, which says that nobody knows; a
change that was answered 2xx must be there at the end.  Nothing may be left behind: no
connection, no descriptor, no memory that grows, no word of a sanitizer.
"""

import argparse
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import wait_until  # noqa: E402
from support.rest import BC, CL, ECWID, Platforms, request  # noqa: E402

PIPELINED_MAX = 20
GROWTH = 1.25                   # of the memory, from the first quarter to the end ...
GROWTH_BYTES = 8 << 20          # ... beside what one busy moment more may need
# One whose token is bound to no customer.
DJANGO = {"Authorization": "Bearer access_token", "Content-Type": "application/json"}
SANITIZED = os.environ.get("VARIANT", "release") != "release"


class Format:
    """How one format updates and reads a customer, and what is wrong in it."""

    def __init__(self, name, headers, key, update, read, wrong):
        self.name, self.headers, self.key = name, headers, key
        self.update, self.read, self.wrong = update, read, wrong


def bigcommerce(record):
    return Format(
        "bigcommerce", BC, "company",
        lambda value: ("PUT", "/stores/store_hash/v3/customers",
                       [{"id": record["id"], "company": value}]),
        ("GET", "/stores/store_hash/v3/customers?limit=5&name:like=a", None),
        [("PUT", "/stores/store_hash/v3/customers", {"id": 1}, 422),
         ("PUT", "/stores/other/v3/customers", [{"id": 1}], 404),
         ("GET", "/stores/store_hash/v3/customers?foo=1", None, 422),
         ("PUT", "/stores/store_hash/v3/customers", b"[", 400)])


def commercelayer(record):
    path = "/api/customers/" + record["uid"]
    return Format(
        "commercelayer", CL, "reference",
        lambda value: ("PATCH", path, {"data": {"type": "customers", "id": record["uid"],
                                                "attributes": {"reference": value}}}),
        ("GET", path + "?include=customer_group,tags", None),
        [("PATCH", path, {"data": {"type": "orders", "id": record["uid"]}}, 400),
         ("GET", "/api/customers/AAAAAAAAAA", None, 404),
         ("PUT", path, {}, 405),
         ("PATCH", path, {"data": {"type": "customers", "id": record["uid"], "attributes": {
             "email": "none"}}}, 422)])


def django(record):
    path = "/api/v1/customers/%d/" % record["id"]
    return Format(
        "django", DJANGO, "first_name",
        lambda value: ("PUT", path, {"email": record["email"], "first_name": value}),
        ("GET", path, None),
        [("PUT", path, {"email": "none"}, 400), ("GET", path[:-1], None, 301),
         ("GET", "/api/v1/customers/999999999/", None, 404), ("PATCH", path, {}, 405)])


def ecwid(record):
    path = "/api/v3/1003/customers/%d" % record["id"]
    return Format(
        "ecwid", ECWID, "tax_id", lambda value: ("PUT", path, {"taxId": value}),
        ("GET", "/api/v3/1003/customers?limit=5", None),
        [("PUT", path, {"email": "none"}, 400), ("PUT", path, b"{", 400),
         ("GET", "/api/v3/1004/customers", None, 404),
         ("GET", "/api/v3/1003/customers/999999999", None, 404)])


class Client(threading.Thread):
    """One client with a customer of its own, and one that it updates and looks no more after."""

    def __init__(self, soak, own, victim, seed):
        super().__init__(daemon=True)
        self.soak, self.own = soak, own
        self.random = random.Random(seed)
        makers = (bigcommerce, commercelayer, django, ecwid)
        self.formats = [make(own) for make in makers]
        self.victims = [make(victim) for make in makers]
        self.number = 0
        self.sent = {form.name: [0] for form in self.formats}    # numbers, in their order
        self.acknowledged = dict.fromkeys(self.sent, 0)
        self.failure = None

    def run(self):
        try:
            while not self.soak.is_over():
                self.random.choice((self.keep_alive, self.keep_alive, self.pipeline,
                                    self.cut))()
        except Exception as failure:  # to be shown by who waits
            self.failure = failure

    def make(self, formats, kinds):
        """One request: its bytes, what may come of it, and of an update whose it is."""
        form = self.random.choice(formats)
        kind = self.random.choice(kinds)
        if kind == "update":
            self.number += 1
            method, target, body = form.update(str(self.number))
            allowed = {200}
        elif kind == "read":
            method, target, body = form.read
            allowed = {200}
        else:
            method, target, body, status = self.random.choice(form.wrong)
            allowed = {status}
        if method != "GET":
            allowed |= {500}    # under way when customerd was killed: nobody knows
        data = form_bytes(method, target, form.headers, body)
        return data, allowed, (form.name, self.number) if kind == "update" else None

    def expect(self, answer, allowed, update):
        status = answer.status
        self.soak.count(status)
        if update is not None:
            name, number = update
            if status == 200:
                self.acknowledged[name] = number
        assert status in allowed or status == 503, (status, allowed, answer)
        if status in (500, 503):
            assert self.soak.has_killed(), answer

    def send(self, requests):
        for _, _, update in requests:
            if update is not None:
                self.sent[update[0]].append(update[1])

    def keep_alive(self):
        with self.soak.dial() as dialogue:
            for _ in range(self.random.randrange(1, 30)):
                one = self.make(self.formats, ("update", "read", "wrong"))
                self.send([one])
                answer = dialogue.send(one[0]).answer()
                self.expect(answer, *one[1:])
                if answer.closes:
                    return

    def pipeline(self):
        count = self.random.randrange(2, PIPELINED_MAX)
        several = [self.make(self.formats, ("update", "read")) for _ in range(count)]
        with self.soak.dial() as dialogue:
            self.send(several)
            dialogue.send(b"".join(data for data, *_ in several))
            for _, allowed, update in several:
                self.expect(dialogue.answer(), allowed, update)

    def cut(self):
        data, *_ = self.make(self.victims, ("update", "read", "wrong"))
        with self.soak.dial() as dialogue:
            if self.random.random() < 0.5:
                data = data[:self.random.randrange(1, len(data))]
            try:
                dialogue.send(data * self.random.randrange(1, 4))
            except ConnectionError:
                pass


def form_bytes(method, target, headers, body):
    if isinstance(body, bytes) or body is None:
        return request(method, target, dict(headers), body)
    return request(method, target, dict(headers), json.dumps(body).encode())


class Soak:
    def __init__(self, platforms, seconds):
        self.platforms, self.seconds = platforms, seconds
        self.end = time.monotonic() + seconds
        self.counts, self.lock = {}, threading.Lock()
        self.kills = 0

    def is_over(self):
        return time.monotonic() >= self.end

    def dial(self):
        return self.platforms.shim.dial()

    def count(self, status):
        with self.lock:
            self.counts[status] = self.counts.get(status, 0) + 1

    def has_killed(self):
        return self.kills > 0

    def shake(self, down_s):
        """Kill customerd and bring it back, until the end; the memory after the first quarter."""
        memory, quarter = None, time.monotonic() + self.seconds / 4
        while not self.is_over():
            time.sleep(min(1.0, self.seconds / 6))
            self.kills += 1
            self.platforms.server.kill()
            time.sleep(down_s)
            self.platforms.server.start()
            if memory is None and time.monotonic() > quarter:
                memory = self.memory()
        return memory if memory is not None else self.memory()

    def memory(self):
        with open("/proc/%d/statm" % self.platforms.shim.process.pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.platforms.shim.process.pid))


def check_records(platforms, clients):
    """What is stored is the last that was acknowledged, or one sent behind it."""
    native = platforms.native("access_token")
    for client in clients:
        record = native.call("customer.get", {"id": client.own["id"]})
        for form in client.formats:
            acknowledged = client.acknowledged[form.name]
            if acknowledged == 0:
                continue
            sent = client.sent[form.name]
            assert int(record[form.key]) in sent[sent.index(acknowledged):], (
                form.name, record[form.key], acknowledged)
    native.close()


def run(seconds, client_count, down_s):
    with Platforms("--concurrent-max", "0", "--core-dumps") as platforms:
        native = platforms.native("access_token")
        records = [native.call("customer.create", {
            "set": {"email": "soak%d@example.com" % i, "first_name": "S", "last_name": "K"},
            "want": "record"}) for i in range(client_count + 1)]
        native.close()
        before = Soak(platforms, 0).descriptors()
        soak = Soak(platforms, seconds)
        clients = [Client(soak, record, records[-1], seed)
                   for seed, record in enumerate(records[:-1])]
        for client in clients:
            client.start()
        memory = soak.shake(down_s)
        for client in clients:
            client.join()
        failures = [repr(client.failure) for client in clients if client.failure]
        assert not failures, "\n".join(failures)
        assert 200 in soak.counts, soak.counts
        wait_until(lambda: platforms.ask("GET", "/api/v3/1003/profile", ECWID).status == 200,
                   "customerd to be found again")
        check_records(platforms, clients)
        wait_until(lambda: soak.descriptors() <= before, "all connections to be gone")
        grown = soak.memory()
        print("%d requests, %d kills, %s, memory %d -> %d KiB" % (
            sum(soak.counts.values()), soak.kills, dict(sorted(soak.counts.items())),
            memory >> 10, grown >> 10))
        assert SANITIZED or grown <= memory * GROWTH + GROWTH_BYTES
        assert platforms.server.terminate() == 0
        assert platforms.server.verify()[0] == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--down-s", type=float, default=0.1)
    options = parser.parse_args()
    run(options.seconds, options.clients, options.down_s)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Anonymise customers, scrub, and look for their data in every raw byte.

    erasure.py [--customers N]

Each customer has a canary in every personal field that can hold one, is changed twice under
idempotency keys, whose answers are kept with the whole record, and leaves all that in the
change feed.  Between them stand others that stay.  When all have been anonymised, their
canaries must still be found in the files of the data directory, or else the search proves
nothing.  Then comes a scrub, and none may be found any more: while the server serves, after
kill -9 and a new start, and in a backup.  Those who stay must be as they were.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.customerd import (  # noqa: E402
    SCOPES, Server, describe, get, must_create, run, wait_until)

CANARY = "canary"
IN_FLIGHT = 50
STAY_EVERY = 10
PASSWORD_EVERY = 50   # they take their time


def personal(canary):
    """A canary in every personal field that can hold one."""
    fields = {
        field["key"]: canary[:field["max"]]
        for field in describe()["records"]["customer"]["fields"]
        if "PERSONAL" in field["flags"] and "READ_ONLY" not in field["flags"]
        and "SECRET" not in field["flags"] and field["kind"] in ("LINE", "TEXT")}
    return {**fields, "email": canary + "@example.com", "metadata": {"a": canary},
            "billing_address": {"name": canary}, "shipping_addresses": [{"city": canary}],
            "contacts": [{"type": "EMAIL", "contact": canary}],
            "form_fields": [{"name": "n", "value": canary}]}


def files_with(directory, word):
    """How often WORD is in the files of DIRECTORY."""
    found = 0
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            found += file.read().lower().count(word.encode())
    return found


def pipelined(c, calls):
    """The results of CALLS, each (method, arguments, meta)."""
    results = []
    for first in range(0, len(calls), IN_FLIGHT):
        sent = [c.send(method, arguments, **meta)
                for method, arguments, meta in calls[first:first + IN_FLIGHT]]
        results += [c.wait(msgid) for msgid in sent]
    return results


class Erasure:
    def __init__(self, server, customers):
        self.server = server
        self.operator = server.operator()
        store = self.operator.call("store.create", {"set": {
            "name": "Forgetful", "mode": "test", "anonymization_grace_ms": 0}})["id"]
        self.token = self.operator.call("token.create", {"set": {
            "name": "all", "store": store, "scopes": SCOPES, "user": {"id": "u"}}})["token"]
        self.c = server.dial(self.token)
        self.names = ["%s%dz" % (CANARY, n) for n in range(customers)]
        self.stay = [must_create(self.c, **personal("stays%dz" % n))
                     for n in range(customers // STAY_EVERY)]

    def live(self):
        made = pipelined(self.c, [
            ("customer.create", {"set": dict(
                personal(name), **({"password": name} if n % PASSWORD_EVERY == 0 else {})),
                "want": "record"}, {"idempotency_key": "create %d" % n})
            for n, name in enumerate(self.names)])
        for turn in ("first", "second"):
            pipelined(self.c, [
                ("customer.update", {"id": record["id"], "want": "record", "set": {
                    "company": "%s %s" % (name, turn), "notes": name + "n" * 1500}},
                 {"idempotency_key": "%s %d" % (turn, record["id"])})
                for record, name in zip(made, self.names)])
        self.ids = [record["id"] for record in made]

    def anonymise(self):
        pipelined(self.c, [("customer.anonymize", {"id": key, "anonymize": "request"}, {})
                           for key in self.ids])
        for key in self.ids:
            wait_until(lambda: get(self.c, {"id": key})["anonymization"]["status"] ==
                       "completed", "for the anonymisation")

    def must_be_gone(self, where, directory):
        found = files_with(directory, CANARY)
        if found:
            sys.exit("%d canaries %s" % (found, where))
        if not files_with(directory, "stays"):
            sys.exit("those who stay are not found, either, " + where)

    def run(self):
        self.live()
        self.anonymise()
        before = files_with(self.server.data, CANARY)
        if not before:
            sys.exit("no canary is found before the scrub: the search proves nothing")
        began = time.monotonic()
        self.operator.call("server.scrub")
        took = time.monotonic() - began
        self.must_be_gone("after a scrub", self.server.data)
        for record in self.stay:
            assert get(self.c, record) == record
        copy = os.path.join(self.server.root, "copy")
        self.operator.call("server.backup", {"directory": copy})
        self.must_be_gone("in a backup", copy)
        must_create(self.c, email="new@example.com")
        self.server.kill()
        self.server.start()
        self.must_be_gone("after a new start", self.server.data)
        c = self.server.dial(self.token)
        for record in self.stay:
            assert get(c, record) == record
        assert self.server.terminate() == 0
        for directory in (self.server.data, copy):
            status, said = run("verify", directory)
            assert status == 0, said
        print("%d customers anonymised: their canaries were in the files %d times, and after "
              "a scrub of %.2f s not once" % (len(self.ids), before, took))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1000)
    options = parser.parse_args()
    with Server() as server:
        Erasure(server, options.customers).run()


if __name__ == "__main__":
    main()

"""Requests that nobody would think of: thousands of random ones, then everything is checked.

Arguments are of the right kind most of the time, so that requests get far, and now and
then of a wrong one.  Whatever happens, each request has one answer of the documented form,
the revisions that were told are right, and `customerd verify` finds nothing.
"""

import os
import random
import time

import pytest

from support.customerd import Server, Shop, describe

REQUESTS = 3000
IN_FLIGHT = 40
SEED = int(os.environ.get("SEED", time.time()))

WORDS = ["", "a", "ada", "vip", "Ada Lovelace", "ada@example.com", "eve@example.com", "2000-02-29",
         "en", "fr", "DE", "192.0.2.1", "x" * 300, "ü\n", "a\0b", "\u202e", "request", "cancel",
         "record", "revision", "EMAIL", "PHONE", "test", "customers.read", "abcdefghij"]
NUMBERS = [0, 1, 2, 3, 5, 10, 100, -1, 2**31, 2**53 - 1, 2**53, 2**63, 2**64 - 1, -2**63]


def noise(rng, depth=0):
    """Any value at all."""
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind < 3:
        return rng.choice(NUMBERS)
    if kind < 5:
        return rng.choice(WORDS)
    if kind == 5:
        return rng.choice([0.5, -0.0, float("nan"), float("inf"), b"bytes", 1e300])
    if kind == 6:
        return [noise(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(WORDS): noise(rng, depth + 1) for _ in range(rng.randrange(4))}


def value(rng, field, shapes):
    """A value that may well do for FIELD."""
    if rng.random() < 0.02:
        return noise(rng)
    kind = field["kind"]
    if kind in ("INTEGER", "TIME"):
        return rng.choice([1, 2, 3, rng.randrange(1, 30), field["min"], field["max"]])
    if kind == "BOOL":
        return rng.random() < 0.5
    if kind == "NUMBER":
        return rng.choice([0, -1.5, 1e6])
    if kind == "EMAIL":
        return "%s%d@example.com" % (rng.choice("abc"), rng.randrange(20))
    if kind in ("WORD", "WORDS"):
        word = rng.choice(field["words"])
        return word if kind == "WORD" else rng.sample(field["words"], rng.randrange(1, 4))
    if kind == "OBJECT":
        return fields(rng, shapes[field["shape"]]["fields"], shapes, 0.3)
    if kind == "OBJECTS":
        return [fields(rng, shapes[field["shape"]]["fields"], shapes, 0.6)
                for _ in range(rng.randrange(4))]
    if kind in ("TAGS", "LINES", "LANGUAGES"):
        return rng.sample(["vip", "new", "old", "en", "fr", "nowhere"], rng.randrange(4))
    if kind == "INTEGERS":
        return [rng.randrange(9) for _ in range(rng.randrange(1, 4))]
    if kind == "MAP":
        return {rng.choice("abc"): noise(rng, 3) for _ in range(rng.randrange(3))}
    if kind == "PASSWORD" or field["key"] == "password":
        return rng.choice(["secret", "x"])
    good = {"DATE": "1990-01-15", "IP": "192.0.2.1", "COUNTRY": "DE", "TAG": "vip",
            "LANGUAGE": "en", "UID": "abcdefghij"}
    return good.get(kind) or rng.choice(["", "Ada", "Lovelace", "erp-7", "x" * field["max"]])


def fields(rng, rows, shapes, share):
    return {row["key"]: value(rng, row, shapes) for row in rows
            if rng.random() < (0.9 if "REQUIRED" in row["flags"] else share)
            and ("READ_ONLY" not in row["flags"] or rng.random() < 0.01)}


class Caller:
    """Makes up requests from the tables of the server."""

    def __init__(self, rng):
        self.rng = rng
        self.tables = describe()
        # Not those that would take the callers' own tokens away.
        self.methods = [m for m in self.tables["methods"]
                        if m["name"] != "hello" and not m["name"].startswith("token.")]
        self.arguments = {row["key"]: row for row in self.tables["arguments"]}

    def request(self, is_operator):
        while True:
            method = self.rng.choice(self.methods)
            if (method["scope"] == "operate") == is_operator or self.rng.random() < 0.02:
                break
        return method["name"], self.args(method), self.meta()

    def args(self, method):
        rng = self.rng
        args = {}
        for key in method["args"]:
            if rng.random() < self.likely(method, key):
                args[key] = self.argument(method, key)
        if rng.random() < 0.02:
            args[rng.choice(WORDS)] = noise(rng)
        args.pop("token", None)
        return args if rng.random() < 0.98 else None

    @staticmethod
    def likely(method, key):
        if key in ("set", "updates") or key == "id" and "set" not in method["args"]:
            return 0.95
        if key == "id":
            return 0.05 if method["name"].endswith("create") else 0.95
        return 0.02 if key == "uid" else 0.15

    def argument(self, method, key):
        rng = self.rng
        if rng.random() < 0.03:
            return noise(rng)
        if key == "set":
            return self.patch(method["record"])
        if key == "updates":
            return [{"id": rng.randrange(1, 20), "set": self.patch("customer")}
                    for _ in range(rng.randrange(1, 6))]
        if key in ("if_revision", "id"):
            return rng.randrange(1, 20)
        return value(rng, self.arguments[key], self.tables["shapes"])

    def patch(self, record):
        patch = fields(self.rng, self.tables["records"][record]["fields"],
                       self.tables["shapes"], 0.12)
        patch.pop("id", None)
        if self.rng.random() < 0.95:
            patch.pop("password", None)  # Slow.
        for key in patch:
            if self.rng.random() < 0.1:
                patch[key] = None
        return patch

    def meta(self):
        rng = self.rng
        meta = {}
        if rng.random() < 0.1:
            meta["idempotency_key"] = "key%d" % rng.randrange(10)
        if rng.random() < 0.1:
            meta["dry_run"] = True
        if rng.random() < 0.05:
            meta["timeout_ms"] = rng.choice([1, 1000])
        if rng.random() < 0.01:
            meta[rng.choice(["token", "timeout_ms", "x"])] = noise(rng)
        return meta


def check_form(tables, method, error, result):
    codes = {status["name"] for status in tables["statuses"]}
    rules = {rule["name"] for rule in tables["rules"]}
    if error is None:
        assert isinstance(result, dict), (method, result)
        return
    assert result is None
    assert error["code"] in codes - {"OK", "UNKNOWN", "DAMAGED", "STORAGE_FAILED", "NO_MEMORY"}, (
        method, error)
    assert isinstance(error["message"], str) and isinstance(error["retryable"], bool)
    for one in error.get("errors", []):
        assert one["code"] in rules and one["path"].isascii() and one["message"], (method, error)
    if error["code"] == "INVALID":
        assert error["errors"], (method, error)


def test_random_requests_are_all_answered_and_leave_a_sound_database():
    rng = random.Random(SEED)
    print("SEED=%d" % SEED)
    with Server("--loops", "2", "--password-workers", "2") as server:
        shops = [Shop(server, anonymization_grace_ms=0), Shop(server, languages=["en", "fr"])]
        user = {"id": "u1", "first_name": "Travis"}
        clients = [shop.dial(user=user) for shop in shops for _ in range(2)]
        for shop in shops:
            for name in ("vip", "new", "old"):
                shop.c.call("tag.create", {"set": {"name": name}})
                shop.c.call("group.create", {"set": {"name": name}})
            for n in range(15):
                shop.c.call("customer.create", {"set": {"email": "x%d@example.com" % n}})
        clients.append(server.operator())
        caller = Caller(rng)
        pending = {c: {} for c in clients}
        outcomes = {}
        for _ in range(REQUESTS):
            c = rng.choice(clients)
            method, args, meta = caller.request(c is clients[-1])
            pending[c][c.send(method, args, **meta)] = method
            while len(pending[c]) > IN_FLIGHT:
                take(c, pending[c], caller.tables, outcomes)
            if rng.random() < 0.02:
                c.notify("cancel", rng.choice(sorted(pending[c]) + [7]))
        for c in clients:
            while pending[c]:
                take(c, pending[c], caller.tables, outcomes)
        print(outcomes)
        assert outcomes["OK"] > REQUESTS / 10, outcomes
        for shop in shops:
            shop.close()
        assert server.terminate() == 0, "\n".join(server.log[-20:])
        status, said = server.verify()
        assert status == 0, said


def take(c, pending, tables, outcomes):
    while True:
        try:
            kind, msgid, *rest = c.receive()
        except ConnectionError:
            pytest.fail("SEED=%d: the connection broke" % SEED)
        if kind == 1:
            break
    c.answers.clear()
    error, result = rest
    check_form(tables, pending.pop(msgid), error, result)
    code = "OK" if error is None else error["code"]
    outcomes[code] = outcomes.get(code, 0) + 1

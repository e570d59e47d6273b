"""The change feed as tests see it: a follower, and what follows from the changes."""

# Of every record; the feed tells them beside the fields that were set.
COMMON = ("id", "uid", "revision", "created_at", "updated_at")


class Follower:
    """A subscription, and all that came of it."""

    def __init__(self, client, credit=1000, **args):
        self.c = client
        answer = client.call("change.subscribe", {"credit": credit, **args})
        self.number = answer["subscription"]
        self.next = answer["next"]
        self.last = answer["last"]
        self.items = []
        self.errors = []
        self.sizes = []  # how many came with each notification

    def take(self):
        """Sort out the notifications that have come."""
        for method, (body,) in self.c.notifications:
            assert body["subscription"] == self.number
            if method == "error":
                self.errors.append(body)
                continue
            assert method == "change"
            assert not self.errors, "nothing comes behind the end"
            assert body["next"] >= self.next and body["last"] >= body["next"]
            self.next, self.last = body["next"], body["last"]
            self.sizes.append(len(body["items"]))
            self.items += body["items"]
        self.c.notifications = []
        return self

    def until(self, condition):
        while not condition(self.take()):
            self.c.receive()
        return self

    def upto(self, sequence):
        return self.until(lambda f: f.next >= sequence)

    def end(self):
        """The error that ends it."""
        return self.until(lambda f: f.errors).errors[0]

    def quiet(self):
        """What was committed before has come: each answer takes a turn of the loop."""
        for _ in range(5):
            self.c.call("ping")
        return self.take()

    def credit(self, count):
        return self.c.call("change.credit", {"subscription": self.number,
                                             "credit": count})["credit"]

    def sequences(self):
        return [item["seq"] for item in self.items]


def read(c, **args):
    return c.call("change.read", args)


def last(c):
    return read(c, limit=1)["last"]


def touch(c, record, times, text=""):
    """Change RECORD so many times, pipelined."""
    ids = [c.send("customer.update", {"id": record["id"], "set": {
        "phone": str(n), **({"metadata": {"n": n, "text": text}} if text else {})}})
           for n in range(times)]
    for msgid in ids:
        c.wait(msgid)


def replay(items, records=None):
    """The customers that follow from the changes ITEMS."""
    records = {} if records is None else records
    for item in items:
        if item["kind"] != "customer":
            continue
        if item["op"] == "delete":
            del records[item["id"]]
            continue
        if item["op"] == "create":
            assert item["id"] not in records, "created twice"
            records[item["id"]] = {"revision": 0}
        record = records[item["id"]]
        assert item["revision"] == record["revision"] + 1, "missed or doubled"
        record["revision"] = item["revision"]
        for key, value in item["set"].items():
            if value is None:
                record.pop(key, None)
            else:
                record[key] = value
    return records


def all_customers(c):
    records, after = {}, 0
    while after is not None:
        page = c.call("customer.list", {"after": after, "limit": 1000})
        for record in page["items"]:
            records[record["id"]] = {key: value for key, value in record.items()
                                     if key not in COMMON or key == "revision"}
        after = page["next"]
    return records

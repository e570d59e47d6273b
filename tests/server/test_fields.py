"""Every field against every rule of its row, by a loop over the tables."""

import pytest

from support.customerd import Shop, describe, fresh, get, must_create, refused

RECORDS = ("customer", "group", "tag", "store")
BIG = 2**53 - 1

# A good value for each kind of value.
GOOD = {"LINE": "abc", "TEXT": "abc", "EMAIL": "x@example.com", "DATE": "2000-02-29",
        "UID": "abcdefghij", "IP": "192.0.2.1", "COUNTRY": "DE", "LANGUAGE": "en",
        "TAG": "vip", "BOOL": True, "INTEGER": 1, "TIME": 1, "NUMBER": 1.5, "MAP": {"a": 1},
        "LINES": ["a"], "TAGS": ["vip"], "LANGUAGES": ["en"], "INTEGERS": [1], "OBJECTS": [],
        "OBJECT": {}, "SCALARS": "blue"}

# What a kind refuses although its type and length are right.
BAD_FORMAT = {"EMAIL": ["ada", "@example.com", "a@b@example.com", "a b@example.com", "a@x",
                        ".a@example.com", "a..b@example.com", "a@exa_mple..com",
                        "a@b.example\r\nBcc: x"],
              "DATE": ["2001-02-29", "20000-1-01", "2000/01/01", "0000-01-01"],
              "IP": ["192.0.2", "1.2.3.256", "fe80::g"],
              "COUNTRY": ["de", "ZZ", "D1"],
              "LANGUAGE": ["e", "en__US", "en US", "1234"],
              "TAG": ["a b", "ä", "a.b"]}

TEXTS = ("LINE", "TEXT", "EMAIL", "DATE", "IP", "COUNTRY", "LANGUAGE", "TAG", "WORD")
LISTS = ("LINES", "TAGS", "LANGUAGES", "INTEGERS", "OBJECTS", "WORDS")
BAD_TEXT = ["a\0b", "a\x1bb", "a\u202eb", "a\uffffb"]


def rows(noun):
    return describe()["records"][noun]["fields"]


def settable(field):
    return not {"READ_ONLY", "CREATE_ONLY"} & set(field["flags"])


@pytest.fixture(scope="module")
def shop(server):
    shop = Shop(server)
    must_create(shop.c, "tag", name="vip")
    yield shop
    shop.close()


class Bench:
    """One record of a kind, on which fields are tried."""

    def __init__(self, shop, noun):
        self.noun = noun
        self.c = shop.operator if noun == "store" else shop.c
        self.record = self.create()

    def needed(self):
        return {"customer": lambda: {"email": fresh("x") + "@example.com"},
                "group": lambda: {"name": "g"}, "tag": lambda: {"name": fresh("t")},
                "store": lambda: {"name": "s", "mode": "test"}}[self.noun]()

    def create(self, **fields):
        return must_create(self.c, self.noun, **{**self.needed(), **fields})

    def take(self, key, value):
        self.c.call(self.noun + ".update", {"id": self.record["id"], "set": {key: value}})
        return get(self.c, self.record, self.noun)

    def refuse(self, key, value, *codes):
        refusal = refused(self.c, self.noun + ".update",
                          {"id": self.record["id"], "set": {key: value}}, "INVALID")
        path, code = next(iter(refusal.errors.items()))
        assert path.split(".")[:2] == ["set", key] and code in codes, "%s = %.60r: %s" % (
            key, value, refusal.errors)


@pytest.fixture(scope="module", params=RECORDS)
def bench(request, shop):
    return Bench(shop, request.param)


def writable(bench):
    return [f for f in rows(bench.noun) if settable(f)]


def wrong_types(kind):
    """Values of every type that a field of this kind is not."""
    values = {"nothing": [], "text": ["abc"], "integer": [7], "number": [1.25],
              "boolean": [True], "bytes": [b"abc"], "list": [[[]]], "map": [{"zz": 1}]}
    if kind in TEXTS:
        values.pop("text")
    elif kind in ("INTEGER", "TIME"):
        values.pop("integer")
    elif kind == "NUMBER":
        values.pop("integer"), values.pop("number")
    elif kind == "BOOL":
        values.pop("boolean")
    elif kind in LISTS:
        values["list"] = [[b"x"]]
    elif kind in ("MAP", "OBJECT"):
        values.pop("map")
    return [value for several in values.values() for value in several]


def test_a_field_takes_values_of_its_type_only(bench):
    for field in writable(bench):
        for value in wrong_types(field["kind"]):
            bench.refuse(field["key"], value, "WRONG_TYPE")


def test_a_text_is_bounded(bench):
    for field in writable(bench):
        key, kind, low, high = (field[k] for k in ("key", "kind", "min", "max"))
        if kind not in ("LINE", "TEXT"):
            continue
        bench.refuse(key, "x" * (high + 1), "TOO_LONG")
        if low > 0:
            bench.refuse(key, "", "TOO_SHORT", "REQUIRED")
        if "SECRET" in field["flags"]:
            continue
        assert bench.take(key, "ä" * high)[key] == "ä" * high
        assert bench.take(key, "x" * max(low, 1))[key] == "x" * max(low, 1)


def test_a_number_is_bounded(bench):
    for field in writable(bench):
        key, kind, low, high = (field[k] for k in ("key", "kind", "min", "max"))
        if kind not in ("INTEGER", "TIME"):
            continue
        bench.refuse(key, low - 1, "TOO_SMALL")
        for value in (high + 1, 2**63 - 1, 2**64 - 1):
            bench.refuse(key, value, "TOO_LARGE")
        bench.refuse(key, -2**63, "TOO_SMALL")
        if key != "group":
            assert bench.take(key, high)[key] == high


def test_a_list_is_bounded(bench):
    for field in writable(bench):
        if field["kind"] in LISTS:
            item = {"OBJECTS": {}, "INTEGERS": 1}.get(field["kind"], "abc")
            bench.refuse(field["key"], [item] * (field["max"] + 1), "TOO_MANY")
            if field["min"] > 0:
                bench.refuse(field["key"], [], "TOO_SHORT", "REQUIRED")


def test_a_map_is_bounded(bench):
    for field in writable(bench):
        if field["kind"] != "MAP":
            continue
        key = field["key"]
        bench.refuse(key, {"a": "x" * field["max"]}, "TOO_LONG", "TOO_LARGE")
        assert bench.take(key, {"a": "x" * (field["max"] - 20)})
        bench.refuse(key, {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, "TOO_DEEP")
        for bad in ({"a": b"x"}, {"a": float("nan")}, {"a": float("inf")}):
            bench.refuse(key, bad, "WRONG_TYPE", "TOO_LARGE")
        for good in ({}, {"a": [1, -1, 0.5, None, True, {"b": "ü"}]}, {"__proto__": 1}):
            assert bench.take(key, good).get(key, {}) == good


def test_a_text_has_its_format(bench):
    for field in writable(bench):
        for value in BAD_FORMAT.get(field["kind"], []):
            bench.refuse(field["key"], value, "BAD_FORMAT", "BAD_TEXT", "TOO_SHORT", "TOO_LONG")
        if field["kind"] == "WORD":
            bench.refuse(field["key"], "nonsense", "NOT_IN_LIST")
            for word in field["words"]:
                assert bench.take(field["key"], word)[field["key"]] == word


def test_a_text_is_clean(bench):
    for field in writable(bench):
        if field["kind"] in TEXTS:
            for value in BAD_TEXT:
                bench.refuse(field["key"], value, "BAD_TEXT", "BAD_FORMAT", "NOT_IN_LIST",
                             "TOO_SHORT", "TOO_LONG")


def test_line_breaks_are_for_texts_of_several_lines(shop):
    bench = Bench(shop, "customer")
    assert bench.take("notes", "a\r\n\tb")["notes"] == "a\r\n\tb"
    bench.refuse("company", "a\nb", "BAD_TEXT")


def test_a_field_that_the_server_sets_cannot_be_set(bench):
    for field in rows(bench.noun):
        flag = {"READ_ONLY", "CREATE_ONLY"} & set(field["flags"])
        if flag:
            bench.refuse(field["key"], GOOD.get(field["kind"]) or "x", *flag)


def test_a_required_field_is_there_and_stays(bench):
    for field in rows(bench.noun):
        if "REQUIRED" in field["flags"]:
            given = bench.needed()
            del given[field["key"]]
            refused(bench.c, bench.noun + ".create", {"set": given}, "INVALID",
                    {"set." + field["key"]: "REQUIRED"})
            if settable(field):
                bench.refuse(field["key"], None, "REQUIRED")


def test_nil_clears_every_other_field(bench):
    for field in writable(bench):
        if "REQUIRED" not in field["flags"]:
            bench.take(field["key"], None)
            assert get(bench.c, bench.record, bench.noun).get(field["key"]) in (None, 0, [])


def test_a_unique_field_belongs_to_one_record(bench):
    for field in rows(bench.noun):
        if "UNIQUE" not in field["flags"] or not settable(field):
            continue
        value = bench.needed().get(field["key"]) or (
            fresh("unique") if field["kind"] == "LINE" else 4_000_000_000)
        bench.create(**{field["key"]: value})
        bench.refuse(field["key"], value, "TAKEN")


def test_a_field_that_does_not_exist_is_refused_by_name(bench):
    for key in ("colour", "Email", "", "password_hash", "store_id", "role", "__proto__"):
        refused(bench.c, bench.noun + ".update",
                {"id": bench.record["id"], "set": {key: "x"}}, "INVALID",
                {"set." + key: "UNKNOWN_FIELD"})


def test_private_and_secret_fields_need_their_scopes(shop):
    bench = Bench(shop, "customer")
    clerk = shop.dial(["customers.read", "customers.write"])
    seen = 0
    for field in rows("customer"):
        if {"PRIVATE", "SECRET"} & set(field["flags"]):
            refused(clerk, "customer.update", {"id": bench.record["id"],
                                               "set": {field["key"]: "x"}}, "FORBIDDEN")
            bench.take(field["key"], "x")
            assert field["key"] not in get(clerk, bench.record)
            assert ("SECRET" in field["flags"]) == (field["key"] not in
                                                    get(bench.c, bench.record))
            seen += 1
    assert seen >= 2


# -- nested values --------------------------------------------------------------------------

NESTED = {"billing_address": "address", "shipping_addresses": "saved address",
          "contacts": "contact", "form_fields": "form field",
          "store_credit_amounts": "store credit"}
NEEDED = {"contact": {"type": "EMAIL", "contact": "x"}, "form field": {"name": "n", "value": "v"},
          "store credit": {"amount": 1}}


@pytest.mark.parametrize("key", NESTED)
def test_every_nested_field_obeys_its_row(shop, key):
    bench = Bench(shop, "customer")
    shape = NESTED[key]
    single = key == "billing_address"
    prefix = key if single else key + ".0"

    def refuse(item, path, *codes):
        refusal = refused(bench.c, "customer.update", {
            "id": bench.record["id"], "set": {key: item if single else [item]}}, "INVALID")
        assert refusal.errors.get("set.%s.%s" % (prefix, path)) in codes, (item, refusal.errors)

    def take(item):
        record = bench.take(key, item if single else [item])
        taken = record.get(key, {}) if single else record[key][0]
        assert item.items() <= taken.items()

    needed = NEEDED.get(shape, {})
    refuse({**needed, "colour": 1}, "colour", "UNKNOWN_FIELD")
    for field in describe()["shapes"][shape]["fields"]:
        name, kind = field["key"], field["kind"]
        for value in wrong_types(kind):
            if kind != "SCALARS":
                refuse({**needed, name: value}, name, "WRONG_TYPE")
        if kind in ("LINE", "TEXT"):
            refuse({**needed, name: "x" * (field["max"] + 1)}, name, "TOO_LONG")
            refuse({**needed, name: "a\0"}, name, "BAD_TEXT")
            take({**needed, name: "ä" * field["max"]})
        if kind in ("INTEGER", "TIME"):
            refuse({**needed, name: field["min"] - 1}, name, "TOO_SMALL")
            refuse({**needed, name: field["max"] + 1}, name, "TOO_LARGE")
            take({**needed, name: field["max"]})
        if kind == "NUMBER":
            refuse({**needed, name: field["max"] * 2}, name, "TOO_LARGE")
            refuse({**needed, name: float("nan")}, name, "WRONG_TYPE", "BAD_FORMAT")
            take({**needed, name: -12.5})
        if kind == "WORD":
            refuse({**needed, name: "nonsense"}, name, "NOT_IN_LIST")
        if "REQUIRED" in field["flags"]:
            refuse({k: v for k, v in needed.items() if k != name}, name, "REQUIRED")


@pytest.mark.parametrize("value, code", [
    ({}, "WRONG_TYPE"), (True, "WRONG_TYPE"), (b"x", "WRONG_TYPE"), ([1], "WRONG_TYPE"),
    ([["a"]], "WRONG_TYPE"), ("x" * 1001, "TOO_LONG"), (float("inf"), None)])
def test_a_form_field_holds_text_a_number_or_a_list_of_text(shop, value, code):
    bench = Bench(shop, "customer")
    refusal = refused(bench.c, "customer.update", {"id": bench.record["id"], "set": {
        "form_fields": [{"name": "n", "value": value}]}}, "INVALID")
    (path, found), = refusal.errors.items()
    assert path.startswith("set.form_fields.0.value") and (code is None or found == code)


def test_all_errors_of_a_request_come_together(shop):
    bench = Bench(shop, "customer")
    refused(bench.c, "customer.update", {
        "id": bench.record["id"], "want": "all", "add_tags": "vip", "colour": 1,
        "set": {"email": "x", "first_name": 7, "slug": "a", "size": 1,
                "contacts": [{"type": "FAX"}, {"type": "EMAIL", "contact": "x"}, 7]}},
        "INVALID", {"want": "NOT_IN_LIST", "add_tags": "WRONG_TYPE", "colour": "UNKNOWN_FIELD",
                    "set.email": "TOO_SHORT", "set.first_name": "WRONG_TYPE",
                    "set.slug": "READ_ONLY", "set.size": "UNKNOWN_FIELD",
                    "set.contacts.0.type": "NOT_IN_LIST",
                    "set.contacts.0.contact": "REQUIRED", "set.contacts.2": "WRONG_TYPE"})


def test_the_number_of_reported_errors_is_bounded(shop):
    bench = Bench(shop, "customer")
    refusal = refused(bench.c, "customer.update", {
        "id": bench.record["id"], "set": {"x%d" % n: 1 for n in range(1000)}}, "INVALID")
    assert len(refusal.errors) == 64


def test_every_field_at_its_longest_fits_the_record(shop):
    record = Bench(shop, "customer").create()
    longest = {}
    for field in rows("customer"):
        if settable(field) and field["kind"] in ("LINE", "TEXT") and "SECRET" not in field["flags"]:
            longest[field["key"]] = "\U0001d4b3" * field["max"]
    longest["metadata"] = longest["jwt_custom_claim"] = {"a": "x" * 8180}
    longest["billing_address"] = {
        f["key"]: "\U0001d4b3" * f["max"] for f in describe()["shapes"]["address"]["fields"]
        if f["kind"] == "LINE"}
    longest["channel_ids"] = [BIG - n for n in range(100)]
    result = shop.c.call("customer.update", {"id": record["id"], "set": longest,
                                             "want": "record"})
    assert longest.items() <= result.items()
    assert get(shop.c, record) == result

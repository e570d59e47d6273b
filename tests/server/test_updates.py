"""Patches, idempotency keys, dry runs, and updates of many customers at once."""

import itertools

import pytest

from support.customerd import (Refused, describe, fresh, get, must_create, must_update,
                               refused)


@pytest.fixture
def ada(c):
    return must_create(c, first_name="Ada", company="Engines", metadata={"a": 1, "b": 2})


# -- patches ---------------------------------------------------------------------------------


def test_an_absent_field_is_kept(c, ada):
    assert must_update(c, ada, phone="1")["company"] == "Engines"


def test_nil_clears_a_field(c, ada):
    assert "company" not in must_update(c, ada, company=None)


def test_clearing_what_is_not_there_changes_nothing(c, ada):
    answer = c.call("customer.update", {"id": ada["id"], "set": {"phone": None}})
    assert answer["changed"] is False and answer["revision"] == 1


def test_a_value_replaces_a_map_whole(c, ada):
    assert must_update(c, ada, metadata={"c": 3})["metadata"] == {"c": 3}
    must_update(c, ada, billing_address={"city": "Rome", "street": "a\nb"})
    assert must_update(c, ada, billing_address={"city": "Paris"})["billing_address"] == {
        "city": "Paris"}


def test_an_empty_text_is_a_value(c, ada):
    assert must_update(c, ada, company="")["company"] == ""


def test_one_refused_field_keeps_all_others_as_they_were(c, ada):
    refused(c, "customer.update", {"id": ada["id"], "set": {"company": "x", "email": "x@"}},
            "INVALID")
    assert get(c, ada) == ada


def test_an_update_may_name_the_uid(c, ada):
    answer = c.call("customer.update", {"uid": ada["uid"], "set": {"company": "x"}})
    assert answer["id"] == ada["id"] and answer["revision"] == 2


def test_the_time_of_an_update_is_kept(c, ada):
    record = must_update(c, ada, company="x")
    assert record["updated_at"] >= ada["updated_at"]
    assert record["created_at"] == ada["created_at"]


def test_reads_ignore_unknown_arguments_and_writes_refuse_them(c, ada):
    assert c.call("customer.get", {"id": ada["id"], "colour": 1})["id"] == ada["id"]
    refused(c, "customer.update", {"id": ada["id"], "set": {"company": "x"}, "colour": 1},
            "INVALID", {"colour": "UNKNOWN_FIELD"})
    refused(c, "customer.delete", {"id": ada["id"], "set": {}}, "INVALID",
            {"set": "UNKNOWN_FIELD"})


def test_nil_as_an_argument_is_no_argument(c, ada):
    record = c.call("customer.update", {"id": ada["id"], "uid": None, "if_revision": None,
                                        "set": {"company": "x"}, "add_tags": None,
                                        "want": "record", "anonymize": None})
    assert record["company"] == "x"


@pytest.mark.parametrize("value", [0, -1, 2**53, 2**64 - 1, "1", 1.0, True, []])
def test_an_id_is_a_positive_integer(c, value):
    for method, args in (("customer.get", {}), ("customer.delete", {}),
                         ("customer.update", {"set": {"company": "x"}})):
        refusal = refused(c, method, {**args, "id": value}, "INVALID")
        assert list(refusal.errors) == ["id"]


@pytest.mark.parametrize("value", ["", "abcdefghi", "abcdefghijk", "abcdefghi-", "abcdefgh\0j",
                                   "äbcdefghi", 1234567890])
def test_a_uid_is_ten_letters_and_digits(c, value):
    refusal = refused(c, "customer.get", {"uid": value}, "INVALID")
    assert list(refusal.errors) == ["uid"]


# -- idempotency keys --------------------------------------------------------------------------


def test_a_repeated_write_gets_the_first_answer_and_is_not_done_again(c, ada):
    update = {"id": ada["id"], "set": {"company": "x"}}
    first = c.call("customer.update", update, idempotency_key="k")
    must_update(c, ada, company="y")
    assert c.call("customer.update", update, idempotency_key="k") == first
    assert get(c, ada)["company"] == "y"


def test_a_repeated_creation_makes_one_customer(c):
    create = {"set": {"email": fresh("twice") + "@example.com"}, "want": "record"}
    first = c.call("customer.create", create, idempotency_key="k")
    assert c.call("customer.create", create, idempotency_key="k") == first
    assert c.call("customer.list")["total"] == 1


def test_a_repeated_delete_is_answered(c, ada):
    first = c.call("customer.delete", {"id": ada["id"]}, idempotency_key="k")
    assert c.call("customer.delete", {"id": ada["id"]}, idempotency_key="k") == first


def test_an_idempotency_key_names_one_request(c, ada):
    c.call("customer.update", {"id": ada["id"], "set": {"company": "x"}}, idempotency_key="k")
    for method, args in (("customer.update", {"id": ada["id"], "set": {"company": "y"}}),
                         ("customer.delete", {"id": ada["id"]})):
        refused(c, method, args, "IDEMPOTENCY_MISMATCH", idempotency_key="k")
    assert get(c, ada)["company"] == "x"


def test_a_refused_request_leaves_its_key_free(c, ada):
    refused(c, "customer.update", {"id": 2**53 - 1, "set": {"company": "x"}}, "NOT_FOUND",
            idempotency_key="k")
    c.call("customer.update", {"id": ada["id"], "set": {"company": "x"}}, idempotency_key="k")
    assert get(c, ada)["company"] == "x"


def test_idempotency_keys_belong_to_a_token(shop, c, ada):
    c.call("customer.update", {"id": ada["id"], "set": {"company": "x"}}, idempotency_key="k")
    other = shop.dial()
    other.call("customer.update", {"id": ada["id"], "set": {"company": "y"}},
               idempotency_key="k")
    assert get(c, ada)["company"] == "y"


def test_an_idempotency_key_works_on_another_connection(shop, ada):
    token = shop.token()
    update = {"id": ada["id"], "set": {"company": "x"}}
    first = shop.dial_token(token).call("customer.update", update, idempotency_key="k")
    assert shop.dial_token(token).call("customer.update", update, idempotency_key="k") == first


def test_requests_with_one_key_at_once_are_done_once(shop):
    token = shop.token()
    create = {"set": {"email": fresh("race") + "@example.com"}}
    clients = [shop.dial_token(token) for _ in range(8)]
    pending = [(c, c.send("customer.create", create, idempotency_key="k")) for c in clients]
    answers = [c.wait(msgid) for c, msgid in pending]
    assert all(answer == answers[0] for answer in answers)
    assert clients[0].call("customer.list")["total"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256, 7])
def test_an_idempotency_key_is_a_text_of_255_bytes(c, ada, key):
    refused(c, "customer.update", {"id": ada["id"], "set": {"company": "x"}}, "INVALID",
            idempotency_key=key)
    c.call("customer.update", {"id": ada["id"], "set": {"company": "x"}},
           idempotency_key="x" * 255)


def test_a_repeated_update_of_many_gets_the_first_answer(c, ada):
    call = {"updates": [{"id": ada["id"], "set": {"company": "x"}},
                        {"id": 2**53 - 1, "set": {"company": "x"}}]}
    first = c.call("customer.update_many", call, idempotency_key="k")
    assert first["updated"] == 1
    assert c.call("customer.update_many", call, idempotency_key="k") == first
    assert get(c, ada)["revision"] == 2


# -- dry runs -----------------------------------------------------------------------------------


def test_a_dry_run_answers_as_if_and_changes_nothing(c, ada):
    answer = c.call("customer.update", {"id": ada["id"], "set": {"company": "x"},
                                        "want": "record"}, dry_run=True)
    assert answer["company"] == "x" and answer["revision"] == 2
    assert get(c, ada) == ada
    c.call("customer.delete", {"id": ada["id"]}, dry_run=True)
    assert get(c, ada) == ada
    email = fresh("dry") + "@example.com"
    c.call("customer.create", {"set": {"email": email}}, dry_run=True)
    refused(c, "customer.find", {"email": email}, "NOT_FOUND")


def test_a_dry_run_is_judged_like_any_other(c, ada):
    refused(c, "customer.create", {"set": {"email": ada["email"]}}, "INVALID",
            {"set.email": "TAKEN"}, dry_run=True)
    refused(c, "customer.delete", {"id": ada["id"], "if_revision": 7}, "REVISION_MISMATCH",
            dry_run=True)


def test_a_dry_run_with_a_known_key_has_the_answer_that_is_kept(c, ada):
    create = {"set": {"email": fresh("known") + "@example.com"}}
    first = c.call("customer.create", create, idempotency_key="k")
    assert c.call("customer.create", create, idempotency_key="k", dry_run=True) == first
    refused(c, "customer.update", {"id": ada["id"], "set": {"company": "x"}},
            "IDEMPOTENCY_MISMATCH", idempotency_key="k", dry_run=True)


def test_a_dry_run_keeps_no_idempotency_key(c, ada):
    update = {"id": ada["id"], "set": {"company": "x"}}
    c.call("customer.update", update, dry_run=True, idempotency_key="k")
    c.call("customer.update", update, idempotency_key="k")
    assert get(c, ada)["company"] == "x"


def test_a_dry_run_among_many_writes_harms_none(c):
    pending = []
    emails = [fresh("mixed") + "@example.com" for _ in range(60)]
    for n, email in enumerate(emails):
        meta = {"dry_run": True} if n % 3 == 0 else {}
        pending.append(c.send("customer.create", {"set": {"email": email}}, **meta))
    for msgid in pending:
        c.wait(msgid)
    kept = {item["email"] for item in c.call("customer.list")["items"]}
    assert kept == {email for n, email in enumerate(emails) if n % 3}


# -- many at once ---------------------------------------------------------------------------------


@pytest.fixture
def three(c):
    return [must_create(c, company="Engines") for _ in range(3)]


def update_many(c, updates, **arguments):
    return c.call("customer.update_many", {"updates": updates, **arguments})


def test_many_customers_are_updated_in_one_call(c, three):
    answer = update_many(c, [{"id": r["id"], "set": {"company": "x"}} for r in three])
    assert answer["updated"] == 3
    for record, result in zip(three, answer["results"]):
        assert result["id"] == record["id"] and result["revision"] == 2
        assert result["changed"] is True
        assert get(c, record)["company"] == "x"


def test_many_records_are_answered_on_request(c, three):
    answer = update_many(c, [{"uid": r["uid"], "set": {"company": "x"}} for r in three],
                         want="record")
    assert answer["results"] == [get(c, record) for record in three]


def test_without_atomic_each_update_stands_for_itself(c, three):
    answer = update_many(c, [
        {"id": three[0]["id"], "set": {"company": "x"}},
        {"id": 2**53 - 1, "set": {"company": "x"}},
        {"id": three[1]["id"], "set": {"email": three[0]["email"]}},
        {"id": three[2]["id"], "if_revision": 7, "set": {"company": "x"}}])
    errors = [result.get("error", {}).get("code") for result in answer["results"]]
    assert errors == [None, "NOT_FOUND", "INVALID", "REVISION_MISMATCH"]
    assert answer["updated"] == 1 and answer["results"][3]["error"]["revision"] == 1
    assert [get(c, r)["company"] for r in three] == ["x", "Engines", "Engines"]


def test_with_atomic_one_refusal_refuses_all(c, three):
    refused(c, "customer.update_many", {"atomic": True, "updates": [
        {"id": three[0]["id"], "set": {"company": "x"}},
        {"id": 2**53 - 1, "set": {"company": "x"}},
        {"id": three[1]["id"], "set": {"email": three[0]["email"]}},
        {"id": three[2]["id"], "if_revision": 7, "set": {"company": "x"}}]}, "INVALID",
        {"updates.1.id": "MISSING", "updates.2.set.email": "TAKEN",
         "updates.3.if_revision": "CONFLICT"})
    assert [get(c, r) for r in three] == three


def test_with_atomic_all_updates_are_done(c, three):
    answer = update_many(c, [{"id": r["id"], "if_revision": 1, "set": {"company": "x"}}
                             for r in three], atomic=True)
    assert answer["updated"] == 3
    assert [get(c, r)["company"] for r in three] == ["x", "x", "x"]


def test_an_atomic_call_may_pass_an_email_on(c, three):
    one, two = three[:2]
    update_many(c, [{"id": one["id"], "set": {"email": fresh("n") + "@example.com"}},
                    {"id": two["id"], "set": {"email": one["email"]}}], atomic=True)
    assert get(c, two)["email"] == one["email"]


@pytest.mark.parametrize("atomic", [False, True])
def test_two_updates_cannot_take_the_same_email(c, three, atomic):
    email = fresh("n") + "@example.com"
    call = {"atomic": atomic, "updates": [{"id": r["id"], "set": {"email": email}}
                                          for r in three[:2]]}
    if atomic:
        refused(c, "customer.update_many", call, "INVALID", {"updates.1.set.email": "TAKEN"})
        assert [get(c, r) for r in three] == three
    else:
        answer = c.call("customer.update_many", call)
        assert answer["updated"] == 1 and "error" in answer["results"][1]


@pytest.mark.parametrize("atomic", [False, True])
def test_the_shape_of_every_update_is_judged_for_the_whole_call(c, three, atomic):
    refused(c, "customer.update_many", {"atomic": atomic, "updates": [
        {"id": three[0]["id"], "set": {"company": "x"}},
        {"id": three[1]["id"], "set": {"colour": "x", "company": 7}},
        {"set": {"company": "x"}}, {"id": three[2]["id"], "want": "record", "set": {}}]},
        "INVALID", {"updates.1.set.colour": "UNKNOWN_FIELD",
                    "updates.1.set.company": "WRONG_TYPE", "updates.2.id": "REQUIRED",
                    "updates.3.want": "UNKNOWN_FIELD"})
    assert [get(c, r) for r in three] == three


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("first, second", itertools.product(("id", "uid"), repeat=2))
def test_a_customer_is_named_once_in_a_call(c, three, atomic, first, second):
    one = three[0]
    refused(c, "customer.update_many", {"atomic": atomic, "updates": [
        {first: one[first], "set": {"company": "x"}},
        {second: one[second], "set": {"phone": "1"}}]},
        "INVALID", {"updates.1.id": "DUPLICATE"})
    assert get(c, one) == one


def test_a_hundred_updates_fit_a_call_and_one_more_does_not(c):
    pending = [c.send("customer.create", {"set": {"email": fresh("m") + "@example.com"}})
               for _ in range(101)]
    updates = [{"id": c.wait(msgid)["id"], "set": {"company": "x"}} for msgid in pending]
    assert update_many(c, updates[:100], atomic=True)["updated"] == 100
    refused(c, "customer.update_many", {"updates": updates}, "INVALID", {"updates": "TOO_MANY"})
    refused(c, "customer.update_many", {"updates": []}, "INVALID")


def test_update_many_takes_what_an_update_takes(c, three):
    """Every argument of customer.update but want is one of an item, too."""
    methods = {m["name"]: m for m in describe()["methods"]}
    tag = must_create(c, "tag", name=fresh("tag"))["name"]
    values = {"if_revision": 1, "set": {"company": "x"}, "add_tags": [tag],
              "remove_tags": ["nothing"], "ignore_unknown_tags": True, "anonymize": None}
    assert sorted(methods["customer.update"]["args"]) == sorted([*values, "id", "uid", "want"])
    answer = update_many(c, [{"id": three[0]["id"], **values}], want="record")
    assert answer["results"][0]["tags"] == [tag]


def test_a_dry_run_of_many_changes_nothing(c, three):
    answer = c.call("customer.update_many", {"updates": [
        {"id": r["id"], "set": {"company": "x"}} for r in three]}, dry_run=True)
    assert answer["updated"] == 3
    assert [get(c, r) for r in three] == three


def test_a_poison_request_among_many_fails_alone(c, ada):
    """Writes that gather in one commit are judged one by one."""
    emails = (fresh("neighbour") + "@example.com" for _ in itertools.count())
    pending = []
    for n in range(120):
        email = ada["email"] if n % 10 == 5 else next(emails)
        pending.append(c.send("customer.create", {"set": {"email": email}}))
    codes = []
    for msgid in pending:
        try:
            c.wait(msgid)
            codes.append("OK")
        except Refused as refusal:
            codes.append(refusal.code)
    assert codes == ["INVALID" if n % 10 == 5 else "OK" for n in range(120)]


# -- many at once: creating --------------------------------------------------------------


def new(**fields):
    return {"set": {"email": fresh("many") + "@example.com", **fields}}


def test_many_are_created_in_one_call(c):
    creates = [new(first_name=name) for name in ("Ada", "Grace", "Wei")]
    results = c.call("customer.create_many", {"creates": creates})["results"]
    assert [one["revision"] for one in results] == [1, 1, 1]
    assert [get(c, one)["first_name"] for one in results] == ["Ada", "Grace", "Wei"]
    (record,) = c.call("customer.create_many", {"creates": [new(notes="n")],
                                                "want": "record"})["results"]
    assert record == get(c, record)


def test_all_are_created_or_none(shop, c):
    before = c.call("customer.list", {"limit": 1})["total"]
    there = must_create(c)
    one, other = new(), new()
    refused(c, "customer.create_many", {"creates": [
        one, {"set": {"email": there["email"]}}, {"set": {"email": "x"}, "uid": "short"},
        {"x": 1}]}, "INVALID",
        {"creates.2.set.email": "TOO_SHORT", "creates.2.uid": "BAD_FORMAT",
         "creates.3.x": "UNKNOWN_FIELD", "creates.3.set.email": "REQUIRED"})
    refused(c, "customer.create_many", {"creates": [
        one, {"set": {"email": there["email"].upper()}}, other,
        {"set": {"email": fresh("g") + "@example.com", "group": 999}}]}, "INVALID",
        {"creates.1.set.email": "TAKEN", "creates.3.set.group": "MISSING"})
    refused(c, "customer.create_many", {"creates": [one, other, one]}, "INVALID",
            {"creates.2.set.email": "TAKEN"})
    assert c.call("customer.list", {"limit": 1})["total"] == before + 1


def test_creating_many_has_the_bounds_of_updating_many(c):
    refused(c, "customer.create_many", {"creates": [new() for _ in range(101)]}, "INVALID",
            {"creates": "TOO_MANY"})
    refused(c, "customer.create_many", {"creates": []}, "INVALID")
    refused(c, "customer.create_many", {}, "INVALID", {"creates": "REQUIRED"})
    refused(c, "customer.create_many", {"creates": [new(password="p") for _ in range(11)]},
            "INVALID", {"creates": "TOO_MANY"})


def test_ids_of_many_are_for_imports(shop, c):
    clerk = shop.dial(["customers.write"])
    refused(clerk, "customer.create_many", {"creates": [new(), {**new(), "id": 9}]}, "FORBIDDEN")
    (one, other) = c.call("customer.create_many", {
        "creates": [{**new(), "id": 5_000_000, "uid": "Many000001"}, new()]})["results"]
    assert (one["id"], one["uid"]) == (5_000_000, "Many000001") and other["id"] == 5_000_001
    refused(c, "customer.create_many", {"creates": [new(), {**new(), "id": 5_000_000}]},
            "INVALID", {"creates.1.id": "TAKEN"})


def test_creating_many_again_with_its_key_creates_nothing(c):
    call = {"creates": [new(), new()]}
    key = fresh("key")
    first = c.call("customer.create_many", call, idempotency_key=key)
    before = c.call("customer.list", {"limit": 1})["total"]
    assert c.call("customer.create_many", call, idempotency_key=key) == first
    c.call("customer.create_many", {"creates": [new()]}, dry_run=True)
    assert c.call("customer.list", {"limit": 1})["total"] == before

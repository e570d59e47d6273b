"""Records of every kind: create, get, find, list, update, delete."""

import time

import pytest

from support.customerd import Shop, fresh, get, must_create, must_update, refused

EVERY_KIND = pytest.mark.parametrize("noun", ["customer", "group", "tag"])


def fields(noun):
    """What a new record of this kind needs."""
    if noun == "customer":
        return {"email": fresh("someone") + "@example.com"}
    return {"name": fresh("name")}


def other_fields(noun):
    """A change that every record of this kind can take."""
    return {"first_name": fresh("Ada")} if noun == "customer" else {"name": fresh("name")}


@EVERY_KIND
def test_a_new_record_is_read_back_by_id_and_uid(c, noun):
    record = must_create(c, noun, **fields(noun))
    assert get(c, record, noun) == record
    assert c.call(noun + ".get", {"uid": record["uid"]}) == record


@EVERY_KIND
def test_a_new_record_has_revision_one_and_the_time_of_now(c, noun):
    record = must_create(c, noun, **fields(noun))
    assert record["revision"] == 1
    assert record["created_at"] == record["updated_at"]
    assert abs(record["created_at"] - time.time() * 1000) < 60_000
    assert len(record["uid"]) == 10 and record["uid"].isalnum()


@EVERY_KIND
def test_creation_answers_the_revision_unless_the_record_is_wanted(c, noun):
    answer = c.call(noun + ".create", {"set": fields(noun)})
    assert sorted(answer) == ["changed", "id", "revision", "uid", "updated_at"]
    record = get(c, answer, noun)
    assert answer.pop("changed") is True
    assert answer.items() <= record.items()


@EVERY_KIND
def test_ids_go_up_and_are_not_used_again(c, noun):
    first, second = (must_create(c, noun, **fields(noun)) for _ in range(2))
    assert first["id"] < second["id"]
    c.call(noun + ".delete", {"id": second["id"]})
    third = must_create(c, noun, **fields(noun))
    assert third["id"] > second["id"] and third["uid"] != second["uid"]


@EVERY_KIND
def test_a_missing_record_is_not_found(c, noun):
    for key in ({"id": 2**53 - 1}, {"uid": "zzzzzzzzzz"}):
        refused(c, noun + ".get", key, "NOT_FOUND")
        refused(c, noun + ".delete", key, "NOT_FOUND")
        refused(c, noun + ".update", {**key, "set": other_fields(noun)}, "NOT_FOUND")


@EVERY_KIND
def test_a_record_is_named_by_exactly_one_of_id_and_uid(c, noun):
    record = must_create(c, noun, **fields(noun))
    both = {"id": record["id"], "uid": record["uid"]}
    for method, args in (("get", {}), ("delete", {}), ("update", {"set": other_fields(noun)})):
        refused(c, "%s.%s" % (noun, method), args, "INVALID", {"id": "REQUIRED"})
        refused(c, "%s.%s" % (noun, method), {**args, **both}, "INVALID", {"uid": "CONFLICT"})
    assert get(c, record, noun) == record


@EVERY_KIND
def test_a_deleted_record_is_gone_for_every_method(c, noun):
    record = must_create(c, noun, **fields(noun))
    answer = c.call(noun + ".delete", {"id": record["id"]})
    assert answer == {"id": record["id"], "uid": record["uid"], "revision": 1}
    for key in ({"id": record["id"]}, {"uid": record["uid"]}):
        refused(c, noun + ".get", key, "NOT_FOUND")
    refused(c, noun + ".delete", {"id": record["id"]}, "NOT_FOUND")
    items = c.call(noun + ".list")["items"]
    assert record["id"] not in [item["id"] for item in items]


@EVERY_KIND
def test_an_update_counts_the_revision_up_by_one(c, noun):
    record = must_create(c, noun, **fields(noun))
    for revision in (2, 3, 4):
        answer = c.call(noun + ".update", {"id": record["id"], "set": other_fields(noun)})
        assert answer["revision"] == revision and answer["changed"] is True
    assert get(c, record, noun)["revision"] == 4


@EVERY_KIND
def test_an_update_that_changes_nothing_keeps_the_revision(c, noun):
    record = must_create(c, noun, **fields(noun))
    change = other_fields(noun)
    changed = must_update(c, record, noun, **change)
    answer = c.call(noun + ".update", {"id": record["id"], "set": change})
    assert answer["changed"] is False and answer["revision"] == 2
    assert get(c, record, noun) == changed


@EVERY_KIND
def test_an_update_of_another_revision_is_refused(c, noun):
    record = must_create(c, noun, **fields(noun))
    update = {"id": record["id"], "if_revision": 1, "set": other_fields(noun)}
    assert c.call(noun + ".update", update)["revision"] == 2
    refusal = refused(c, noun + ".update", {**update, "set": other_fields(noun)},
                      "REVISION_MISMATCH")
    assert refusal.revision == 2
    assert refused(c, noun + ".delete", {"id": record["id"], "if_revision": 1},
                   "REVISION_MISMATCH").revision == 2
    c.call(noun + ".delete", {"id": record["id"], "if_revision": 2})


@EVERY_KIND
def test_a_store_may_require_revisions(server, noun):
    shop = Shop(server, revision_required=True)
    record = must_create(shop.c, noun, **fields(noun))
    update = {"id": record["id"], "set": other_fields(noun)}
    refused(shop.c, noun + ".update", update, "REVISION_REQUIRED")
    refused(shop.c, noun + ".delete", {"id": record["id"]}, "REVISION_REQUIRED")
    shop.c.call(noun + ".update", {**update, "if_revision": 1})
    shop.c.call(noun + ".delete", {"id": record["id"], "if_revision": 2})
    shop.close()


@EVERY_KIND
def test_an_update_needs_something_to_do(c, noun):
    record = must_create(c, noun, **fields(noun))
    refused(c, noun + ".update", {"id": record["id"]}, "INVALID", {"set": "REQUIRED"})


@EVERY_KIND
def test_a_list_is_paged_by_ascending_id(server, noun):
    shop = Shop(server)
    ids = [must_create(shop.c, noun, **fields(noun))["id"] for _ in range(7)]
    seen, after, pages = [], None, 0
    while True:
        page = shop.c.call(noun + ".list", {"limit": 3, "after": after})
        assert page["total"] == 7
        seen += [item["id"] for item in page["items"]]
        pages += 1
        after = page["next"]
        if after is None:
            break
    assert seen == ids and pages == 3
    shop.close()


@EVERY_KIND
def test_a_new_store_has_empty_lists(server, noun):
    shop = Shop(server)
    assert shop.c.call(noun + ".list") == {"items": [], "next": None, "total": 0}
    shop.close()


@EVERY_KIND
def test_an_import_keeps_id_uid_and_creation(c, noun):
    given = {"id": 177737165, "uid": "XAyRWNUzyN", "created_at": 1514808000000}
    record = c.call(noun + ".create", {**given, "set": fields(noun), "want": "record"})
    assert given.items() <= record.items()
    refused(c, noun + ".create", {"id": given["id"], "set": fields(noun)}, "INVALID",
            {"id": "TAKEN"})
    refused(c, noun + ".create", {"uid": given["uid"], "set": fields(noun)}, "INVALID",
            {"uid": "TAKEN"})
    assert must_create(c, noun, **fields(noun))["id"] > given["id"]


@EVERY_KIND
def test_only_the_scope_import_gives_ids(shop, noun):
    clerk = shop.dial(["customers.write", "groups.write", "tags.write"])
    for given in ({"id": 9}, {"uid": "abcdefghij"}, {"created_at": 1}):
        refused(clerk, noun + ".create", {**given, "set": fields(noun)}, "FORBIDDEN")


def test_pages_by_number_leave_out_an_offset(shop):
    group = must_create(shop.c, "group", name="g")["id"]
    made = [must_create(shop.c, group=group)["id"] for _ in range(5)]

    def page(**args):
        answer = shop.c.call("customer.list", args)
        return [r["id"] for r in answer["items"]], answer["next"], answer["total"]

    assert page(offset=1, limit=2) == (made[1:3], made[2], 5)
    assert page(offset=3, limit=2) == (made[3:], None, 5)
    assert page(offset=5) == ([], None, 5)
    assert page(offset=1, after=made[0], limit=1) == (made[2:3], made[2], 5)
    must_create(shop.c)
    assert page(offset=0, group=group, limit=2) == (made[:2], made[1], 5)
    assert page(offset=4, group=group, limit=2) == (made[4:], None, 5)
    assert page(offset=9, group=group) == ([], None, 5)
    assert page(group=group, limit=2) == (made[:2], made[1], None)
    refused(shop.c, "customer.list", {"offset": 100001}, "INVALID", {"offset": "TOO_LARGE"})


def test_a_list_is_bounded(c):
    for limit, code in ((0, "TOO_SMALL"), (1001, "TOO_LARGE"), ("5", "WRONG_TYPE")):
        refused(c, "customer.list", {"limit": limit}, "INVALID", {"limit": code})


def test_a_list_takes_one_filter(c):
    group = must_create(c, "group", name="VIP")["id"]
    tag = must_create(c, "tag", name=fresh("tag"))["name"]
    both = {"group": group, "tag": tag}
    refusal = refused(c, "customer.list", both, "INVALID")
    assert list(refusal.errors.values()) == ["CONFLICT"]


@pytest.mark.parametrize("filter", ["group", "tag", "reference"])
def test_a_filtered_list_is_paged_without_a_total(server, filter):
    shop = Shop(server)
    group = must_create(shop.c, "group", name="VIP")["id"]
    must_create(shop.c, "tag", name="vip")
    fields = {"group": group, "tags": ["vip"], "reference": "erp"}
    ids = [must_create(shop.c, **fields)["id"] for _ in range(5)]
    must_create(shop.c)
    argument = {"group": group, "tag": "VIP", "reference": "erp"}[filter]
    first = shop.c.call("customer.list", {filter: argument, "limit": 3})
    rest = shop.c.call("customer.list", {filter: argument, "limit": 3, "after": first["next"]})
    assert [item["id"] for item in first["items"] + rest["items"]] == ids
    assert first["total"] is None and rest["next"] is None
    shop.close()


def test_a_list_ends_early_rather_than_grow_without_bound(server):
    shop = Shop(server)
    big = {str(n): "x" * 1000 for n in range(8)}
    ids = [must_create(shop.c, metadata=big, jwt_custom_claim=big, want="revision")["id"]
           for _ in range(100)]
    page = shop.c.call("customer.list", {"limit": 1000})
    assert 0 < len(page["items"]) < 100 and page["next"] == page["items"][-1]["id"]
    rest = shop.c.call("customer.list", {"limit": 1000, "after": page["next"]})
    assert [item["id"] for item in page["items"] + rest["items"]] == ids
    shop.close()


@pytest.mark.parametrize("noun, key, value", [
    ("customer", "email", "Ada@Example.com"), ("customer", "slug", "ada-lovelace"),
    ("customer", "reference", "erp-1"), ("group", "reference", "erp-1"), ("tag", "name", "vip")])
def test_a_record_is_found_by_its_keys(server, noun, key, value):
    shop = Shop(server)
    if noun == "customer":
        record = must_create(shop.c, email="ada@example.com", first_name="Ada",
                             last_name="Lovelace", reference="erp-1")
    elif noun == "group":
        record = must_create(shop.c, noun, name="VIP", reference="erp-1")
    else:
        record = must_create(shop.c, noun, name="VIP")
    assert shop.c.call(noun + ".find", {key: value}) == record
    refused(shop.c, noun + ".find", {key: "nobody@example.com" if key == "email" else "nobody"},
            "NOT_FOUND")
    shop.c.call(noun + ".delete", {"id": record["id"]})
    refused(shop.c, noun + ".find", {key: value}, "NOT_FOUND")
    shop.close()


def test_of_several_customers_with_one_reference_the_first_is_found(c):
    reference = fresh("erp")
    first, second = (must_create(c, reference=reference) for _ in range(2))
    assert c.call("customer.find", {"reference": reference})["id"] == first["id"]
    c.call("customer.delete", {"id": first["id"]})
    assert c.call("customer.find", {"reference": reference})["id"] == second["id"]


def test_find_takes_exactly_one_key(c):
    refusal = refused(c, "customer.find", {}, "INVALID")
    assert "REQUIRED" in refusal.errors.values()
    refusal = refused(c, "customer.find", {"email": "a@example.com", "slug": "a"}, "INVALID")
    assert list(refusal.errors.values()) == ["CONFLICT"]


# -- what happens to the others -----------------------------------------------------------


def test_deleting_a_group_takes_its_customers_out_of_it(c):
    group = must_create(c, "group", name="VIP")
    members = [must_create(c, group=group["id"]) for _ in range(3)]
    c.call("group.delete", {"id": group["id"]})
    for member in members:
        record = get(c, member)
        assert "group" not in record and record["revision"] == 2


def test_renaming_a_tag_renames_it_at_its_customers(c):
    tag = must_create(c, "tag", name=fresh("tag"))
    customer = must_create(c, tags=[tag["name"]])
    name = fresh("new")
    must_update(c, tag, "tag", name=name)
    record = get(c, customer)
    assert record["tags"] == [name] and record["revision"] == 2
    assert c.call("customer.list", {"tag": tag["name"]})["items"] == []
    assert len(c.call("customer.list", {"tag": name})["items"]) == 1


def test_deleting_a_tag_takes_it_from_its_customers(c):
    keep, drop = (must_create(c, "tag", name=fresh("tag")) for _ in range(2))
    customer = must_create(c, tags=[keep["name"], drop["name"]])
    c.call("tag.delete", {"id": drop["id"]})
    record = get(c, customer)
    assert record["tags"] == [keep["name"]] and record["revision"] == 2


def test_a_tag_name_belongs_to_one_tag(c):
    one, two = (must_create(c, "tag", name=fresh("tag")) for _ in range(2))
    refused(c, "tag.create", {"set": {"name": one["name"].upper()}}, "INVALID",
            {"set.name": "TAKEN"})
    refused(c, "tag.update", {"id": two["id"], "set": {"name": one["name"]}}, "INVALID",
            {"set.name": "TAKEN"})


def test_a_group_with_too_many_customers_is_locked(server):
    shop = Shop(server)
    group = must_create(shop.c, "group", name="VIP")["id"]
    pending = [shop.c.send("customer.create", {
        "set": {"email": "c%d@example.com" % n, "group": group}}) for n in range(1001)]
    for msgid in pending:
        shop.c.wait(msgid)
    refused(shop.c, "group.delete", {"id": group}, "LOCKED")
    first = shop.c.call("customer.list", {"limit": 1})["items"][0]
    must_update(shop.c, first, group=None)
    shop.c.call("group.delete", {"id": group})
    assert all("group" not in item for item in
               shop.c.call("customer.list", {"limit": 1000})["items"])
    shop.close()


# -- stores and tokens --------------------------------------------------------------------


def test_an_operator_makes_finds_and_changes_stores(shop):
    hash = fresh("hash")
    names = {"ecwid_id": 10**9 + int(hash[4:]), "bigcommerce_hash": hash,
             "commercelayer_organization_id": fresh("org")}
    store = must_create(shop.operator, "store", name="Sample", mode="live", **names)
    for key, value in names.items():
        assert shop.operator.call("store.find", {key: value})["id"] == store["id"]
        refused(shop.operator, "store.create", {"set": {"name": "x", "mode": "test", key: value}},
                "INVALID", {"set." + key: "TAKEN"})
    changed = must_update(shop.operator, store, "store", languages=["en", "pt_BR"])
    assert changed["languages"] == ["en", "pt_BR"] and changed["revision"] == 2
    listed = shop.operator.call("store.list", {"after": store["id"] - 1, "limit": 1})
    assert listed["items"] == [changed]


def test_a_token_reads_its_own_store(server, shop, c):
    store = c.call("store.get")
    assert store["id"] == shop.store and store["mode"] == "test"
    assert c.call("store.get", {"id": shop.store}) == store
    other = Shop(server)
    refused(c, "store.get", {"id": other.store}, "NOT_FOUND")
    other.close()


def test_the_secret_of_a_token_is_shown_once(shop):
    token = shop.operator.call("token.create", {"set": {
        "name": "t", "store": shop.store, "scopes": ["customers.read"]}})
    assert token["token"].startswith("cst_")
    record = get(shop.operator, token, "token")
    assert "token" not in record and token["token"] not in str(record)
    listed = shop.operator.call("token.list", {"store": shop.store})
    assert token["token"] not in str(listed)
    assert record in listed["items"]


def test_a_given_secret_is_taken_over(shop):
    secret = fresh("given-secret-")
    arguments = {"token": secret, "set": {"name": "t", "store": shop.store,
                                          "scopes": ["customers.read"]}}
    shop.operator.call("token.create", arguments)
    assert shop.dial_token(secret).call("customer.list")["items"] == []
    refusal = refused(shop.operator, "token.create", arguments, "INVALID")
    assert refusal.errors == {"token": "TAKEN"}


def test_the_answer_with_a_secret_is_not_kept_for_an_idempotency_key(shop):
    refused(shop.operator, "token.create", {"set": {
        "name": "t", "store": shop.store, "scopes": ["customers.read"]}}, "INVALID",
        {"meta.idempotency_key": "FORBIDDEN"}, idempotency_key="k")


def test_a_token_needs_its_store_and_customer(shop):
    base = {"name": "t", "store": shop.store, "scopes": ["customers.read"]}
    for change, errors in (({"store": 2**32 - 1}, {"set.store": "MISSING"}),
                           ({"customer": 2**53 - 1}, {"set.customer": "MISSING"}),
                           ({"scopes": ["operate"]}, {"set.scopes": "FORBIDDEN"}),
                           ({"scopes": ["root"]}, {"set.scopes.0": "NOT_IN_LIST"}),
                           ({"scopes": []}, None)):
        refused(shop.operator, "token.create", {"set": {**base, **change}}, "INVALID", errors)


def test_the_store_of_a_token_is_fixed(shop):
    shop.token()
    refused(shop.operator, "token.update", {"id": shop.last_token["id"], "set": {"store": 1}},
            "INVALID", {"set.store": "CREATE_ONLY"})

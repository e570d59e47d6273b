"""What comes with a Commerce Layer group whose customers are to be included."""

import pytest

from support.customerd import Shop
from support.rest import JSON_API

IN_ALL, INCLUDED = 30, 25


@pytest.fixture(scope="module")
def shop(platforms):
    """A store with a group of many, one of two and one of none."""
    shop = Shop(platforms.server)
    shop.groups = {}
    for name, count in (("many", IN_ALL), ("two", 2), ("none", 0)):
        group = shop.c.call("group.create", {"set": {"name": name}, "want": "record"})
        shop.groups[name] = group["uid"]
        for i in range(count):
            shop.c.call("customer.create", {"set": {
                "email": "%s%d@example.com" % (name, i), "group": group["id"]}})
    yield shop
    shop.close()


@pytest.fixture
def ask(platforms, shop):
    def ask(method, target, body=None, scopes=None):
        answer = platforms.ask(method, target, {
            "Authorization": "Bearer " + shop.token(scopes), "Content-Type": JSON_API}, body)
        assert answer.status in (200, 201), answer
        return answer.json
    return ask


def emails(document):
    return [record["attributes"]["email"] for record in document["included"]]


def names(name, count):
    return ["%s%d@example.com" % (name, i) for i in range(count)]


def assert_linked(group, included):
    """The document's linkage names what it includes."""
    linkage = group["relationships"]["customers"]["data"]
    assert linkage == [{"type": "customers", "id": record["id"]} for record in included]


def test_the_customers_of_a_group_come_with_it(shop, ask):
    answer = ask("GET", "/api/customer_groups/%s?include=customers" % shop.groups["two"])
    assert emails(answer) == names("two", 2)
    assert_linked(answer["data"], answer["included"])
    assert "meta" not in answer["data"]["relationships"]["customers"]


def test_of_very_many_the_first_come_and_that_there_are_more(shop, ask):
    answer = ask("GET", "/api/customer_groups/%s?include=customers" % shop.groups["many"])
    assert emails(answer) == names("many", INCLUDED)
    assert_linked(answer["data"], answer["included"])
    assert answer["data"]["relationships"]["customers"]["meta"] == {"has_more": True}


def test_they_come_with_each_group_of_a_list(shop, ask):
    answer = ask("GET", "/api/customer_groups?include=customers&sort=name")
    many, none, two = answer["data"]
    assert emails(answer) == names("many", INCLUDED) + names("two", 2)
    assert_linked(many, answer["included"][:INCLUDED])
    assert_linked(none, [])
    assert_linked(two, answer["included"][INCLUDED:])


def test_they_come_with_a_group_that_was_changed(shop, ask):
    uid = shop.groups["two"]
    answer = ask("PATCH", "/api/customer_groups/%s?include=customers" % uid, {"data": {
        "type": "customer_groups", "id": uid, "attributes": {"reference": "changed"}}})
    assert answer["data"]["attributes"]["reference"] == "changed"
    assert emails(answer) == names("two", 2)


def test_none_come_with_a_new_group(ask):
    answer = ask("POST", "/api/customer_groups?include=customers", {"data": {
        "type": "customer_groups", "attributes": {"name": "new"}}})
    assert answer["included"] == []
    assert_linked(answer["data"], [])


def test_none_come_unless_asked_for(shop, ask):
    answer = ask("GET", "/api/customer_groups/" + shop.groups["two"])
    assert "included" not in answer
    assert "data" not in answer["data"]["relationships"]["customers"]


def test_who_may_not_read_customers_is_told_nothing_of_them(shop, ask):
    answer = ask("GET", "/api/customer_groups/%s?include=customers" % shop.groups["two"],
                 scopes=["groups.read", "store.read"])
    assert answer["included"] == []
    assert list(answer["data"]["relationships"]["customers"]) == ["links"]

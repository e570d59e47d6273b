"""Searches read all records of a store, page after page, up to a bound."""

import pytest

from support.customerd import Shop
from support.rest import Platforms

COUNT = 1100    # more than the server gives in one page
BOUND = 1200


@pytest.fixture(scope="module")
def shop():
    with Platforms("--search-max", str(BOUND)) as platforms:
        shop = Shop(platforms.server, ecwid_id=7)
        headers = {"Authorization": "Bearer " + shop.token()}
        add(shop, range(COUNT))

        def ask(query):
            return platforms.ask("GET", "/api/v3/7/customers?" + query, headers)

        yield shop, ask
        shop.close()


def add(shop, numbers):
    """Customers whose names are in the order opposite to that of their ids."""
    sent = []
    for i in numbers:
        sent.append(shop.c.send("customer.create", {"set": {
            "email": "n%d@example.com" % i, "first_name": "%06d" % (999999 - i)}}))
        if len(sent) == 100:
            while sent:
                shop.c.wait(sent.pop())
    while sent:
        shop.c.wait(sent.pop())


def test_what_is_on_every_page_is_found(shop):
    _, ask = shop
    answer = ask("keyword=99@example&limit=3&offset=9").json
    wanted = [99 + 100 * i for i in range(COUNT // 100)]
    assert (answer["total"], answer["allCustomerCount"]) == (len(wanted), COUNT)
    assert [item["email"] for item in answer["items"]] == [
        "n%d@example.com" % i for i in wanted[9:12]]


def test_an_order_is_that_of_all(shop):
    _, ask = shop
    answer = ask("sortBy=NAME_ASC&limit=2&offset=%d" % (COUNT - 3)).json
    assert answer["total"] == COUNT
    assert [item["email"] for item in answer["items"]] == ["n2@example.com", "n1@example.com"]


def test_in_a_larger_store_a_search_is_refused(shop):
    shop, ask = shop
    add(shop, range(COUNT, BOUND + 1))
    for query in ("keyword=n1", "sortBy=EMAIL_ASC"):
        answer = ask(query)
        assert answer.status == 400 and answer.json["errorCode"] == "WRONG_PARAMETER"
    answer = ask("email=n1@example.com&useExactEmailMatch=true")
    assert answer.status == 200 and answer.json["allCustomerCount"] == BOUND + 1
    assert ask("limit=1").json["total"] == BOUND + 1

"""Lists: upwards and downwards, of some ids, of what matches."""

import time

import pytest

from support.customerd import Shop, fresh, must_create, must_update, refused

NEWEST = 2**53 - 1


@pytest.fixture(scope="module")
def people(server):
    """Five customers, by their first names, of a store of their own."""
    shop = Shop(server)
    group = must_create(shop.c, "group", name="VIP")["id"]
    rows = {
        "Ada": {"last_name": "Lovelace", "company": "Analytical Engines", "phone": "+44 1"},
        "Grace": {"last_name": "Hopper", "company": "Navy", "group": group},
        "Jürgen": {"last_name": "GROSS", "company": "navy", "group": group},
        "Wei": {"company": "Straße 7", "registration_ip_address": "192.0.2.7"},
        "Zoë": {"last_name": "O'Neil", "phone": "+44 1", "tags": []},
    }
    made = {name: must_create(shop.c, first_name=name, **row) for name, row in rows.items()}
    yield shop, group, made
    shop.close()


def names(shop, **args):
    return [item["first_name"] for item in shop.c.call("customer.list", args)["items"]]


@pytest.mark.parametrize("match, expected", [
    ({"company": ["navy"]}, ["Grace", "Jürgen"]),
    ({"company": ["NAVY", "analytical engines"]}, ["Ada", "Grace", "Jürgen"]),
    ({"company": ["nav"]}, []),
    ({"company": ["STRASSE 7"]}, ["Wei"]),
    ({"name": ["ada lovelace", "jürgen gross", "wei"]}, ["Ada", "Jürgen", "Wei"]),
    ({"name": ["ada"]}, []),
    ({"name_part": ["a l", "O'N"]}, ["Ada", "Zoë"]),
    ({"name_part": ["RACE"]}, ["Grace"]),
    ({"phone": ["+44 1"]}, ["Ada", "Zoë"]),
    ({"registration_ip_address": ["192.0.2.7", "192.0.2.8"]}, ["Wei"]),
    ({"phone": ["+44 1"], "name_part": ["zo"]}, ["Zoë"]),
    ({"phone": ["+44 1"], "company": ["navy"]}, []),
])
def test_a_list_has_who_matches(people, match, expected):
    shop, _, _ = people
    answer = shop.c.call("customer.list", {"match": match})
    assert [item["first_name"] for item in answer["items"]] == expected
    assert answer["next"] is None and answer["total"] == len(expected)
    assert names(shop, match=match, before=NEWEST) == expected[::-1]


def test_matching_goes_together_with_the_other_arguments(people):
    shop, group, made = people
    ids = [made[name]["id"] for name in ("Zoë", "Ada", "Grace")]
    assert names(shop, match={"phone": ["+44 1"]}, ids=ids) == ["Ada", "Zoë"]
    assert names(shop, match={"name_part": ["j"]}, group=group) == ["Jürgen"]
    assert names(shop, match={"group": [group]}) == ["Grace", "Jürgen"]
    assert names(shop, match={"group": [group + 1]}) == []
    first = shop.c.call("customer.list", {"match": {"name_part": ["e"]}, "limit": 1,
                                          "offset": 1})
    assert [item["first_name"] for item in first["items"]] == ["Grace"]
    assert first["total"] == 2 and first["next"] == made["Grace"]["id"]
    assert names(shop, match={"name_part": ["e"]}, after=first["next"]) == [
        "Jürgen", "Wei", "Zoë"]


def test_times_match_inclusively(server):
    shop = Shop(server)
    for time_ms in (1000, 2000, 3000):
        shop.c.call("customer.create", {"created_at": time_ms,
                                        "set": {"email": fresh("t") + "@example.com",
                                                "first_name": str(time_ms)}})
    assert names(shop, match={"created_from": 2000}) == ["2000", "3000"]
    assert names(shop, match={"created_to": 2000}) == ["1000", "2000"]
    assert names(shop, match={"created_from": 1001, "created_to": 2999}) == ["2000"]
    late = shop.c.call("customer.list", {"limit": 1})["items"][0]
    must_update(shop.c, late, company="changed")
    changed = shop.c.call("customer.get", {"id": late["id"]})["updated_at"]
    assert names(shop, match={"updated_from": changed, "company": ["changed"]}) == ["1000"]
    assert names(shop, match={"updated_to": 999}) == []
    assert names(shop, match={"updated_from": int(time.time() * 1000) + 3_600_000}) == []
    shop.close()


def test_a_list_goes_downwards_below_an_id(people):
    shop, group, made = people
    first = shop.c.call("customer.list", {"before": NEWEST, "limit": 2})
    assert [item["first_name"] for item in first["items"]] == ["Zoë", "Wei"]
    assert first["next"] == made["Wei"]["id"] and first["total"] == 5
    rest = shop.c.call("customer.list", {"before": first["next"], "limit": 3})
    assert [item["first_name"] for item in rest["items"]] == ["Jürgen", "Grace", "Ada"]
    assert rest["next"] is None
    assert names(shop, before=made["Jürgen"]["id"], group=group) == ["Grace"]
    assert names(shop, before=NEWEST, offset=3) == ["Grace", "Ada"]
    refused(shop.c, "customer.list", {"before": 9, "after": 1}, "INVALID",
            {"before": "CONFLICT"})


def test_a_list_of_ids_has_those_that_there_are(people):
    shop, group, made = people
    ids = [made["Wei"]["id"], NEWEST, made["Ada"]["id"], made["Wei"]["id"], 0]
    answer = shop.c.call("customer.list", {"ids": ids})
    assert [item["first_name"] for item in answer["items"]] == ["Ada", "Wei"]
    assert answer["next"] is None and answer["total"] is None
    assert names(shop, ids=ids, before=NEWEST) == ["Wei", "Ada"]
    counted = shop.c.call("customer.list", {"ids": ids, "offset": 1, "limit": 1})
    assert counted["total"] == 2 and counted["items"][0]["first_name"] == "Wei"
    refused(shop.c, "customer.list", {"ids": [1], "group": group}, "INVALID",
            {"ids": "CONFLICT"})
    refused(shop.c, "customer.list", {"ids": list(range(251))}, "INVALID",
            {"ids": "TOO_MANY"})


def test_what_to_match_is_checked(shop):
    refused(shop.c, "customer.list", {"match": {"company": []}}, "INVALID",
            {"match.company": "TOO_SHORT"})
    refused(shop.c, "customer.list", {"match": {"company": ["x"] * 51}}, "INVALID",
            {"match.company": "TOO_MANY"})
    refused(shop.c, "customer.list", {"match": {"name": "ada", "x": 1}}, "INVALID",
            {"match.name": "WRONG_TYPE", "match.x": "UNKNOWN_FIELD"})


def test_nobody_matches_across_stores(people, shop):
    assert names(shop, match={"company": ["navy"]}) == []
    _, _, made = people
    assert names(shop, ids=[record["id"] + 1_000_000 for record in made.values()]) == []


def test_an_answer_looks_at_so_many_records_and_says_where_it_stopped(server):
    shop = Shop(server)
    updates = [{"set": {"email": "c%d@example.com" % i, "company": "even" if i % 2 else "odd"}}
               for i in range(4500)]
    for begin in range(0, len(updates), 100):
        for msgid in [shop.c.send("customer.create", args)
                      for args in updates[begin:begin + 100]]:
            shop.c.wait(msgid)
    first = shop.c.call("customer.list", {"match": {"company": ["nobody"]}})
    assert first["items"] == [] and first["next"] == 4096 and first["total"] == 0
    rest = shop.c.call("customer.list", {"match": {"company": ["nobody"]}, "after": 4096})
    assert rest == {"items": [], "next": None, "total": 0}
    counted = shop.c.call("customer.list", {"match": {"company": ["even"]}, "offset": 100000})
    assert counted["items"] == [] and counted["total"] == 2048 and counted["next"] == 4096
    down = shop.c.call("customer.list", {"match": {"company": ["even"]}, "offset": 100000,
                                         "before": NEWEST})
    assert down["total"] == 2048 and down["next"] == 4500 - 4096 + 1
    shop.close()

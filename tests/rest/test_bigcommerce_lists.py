"""BigCommerce's lists: every filter, order and way of paging that its page names."""

import urllib.parse

import pytest

from support.customerd import fresh
from support.rest import BC, Platforms

LIST = "/stores/store_hash/v3/customers"
ROWS = [  # first name, last name, and what else is different
    ("Ada", "Lovelace", {"company": "Analytical, Engines", "phone": "555-1"}),
    ("Grace", "hopper", {"company": "Navy", "customer_group_id": 1}),
    ("Jürgen", "Gross", {"company": "navy", "customer_group_id": 2}),
    ("Wei", "", {"phone": "555-1", "customer_group_id": 2}),
    ("Zoë", "O'Neil", {"notes": "n"}),
]


@pytest.fixture(scope="module")
def shop():
    """The shim before a server whose store has these customers and no other."""
    with Platforms() as platforms:
        ids = [one["id"] for one in platforms.ask("GET", LIST, BC).json["data"]]
        native = platforms.native("access_token")
        for id in ids:
            native.call("customer.delete", {"id": id})
        for place, (first, last, more) in enumerate(ROWS):
            set = {"email": "c%d@example.com" % place, "first_name": first,
                   "registration_ip_address": "192.0.2.%d" % (place % 2)}
            if last:
                set["last_name"] = last
            group = more.get("customer_group_id")
            set.update({key: value for key, value in more.items() if key in ("company", "phone")})
            native.call("customer.create", {"set": {**set, "group": group}})
        native.close()
        yield platforms


def ask(shop, status=200, **query):
    query = {key.replace("__", ":"): value for key, value in query.items()}
    answer = shop.ask("GET", LIST + "?" + urllib.parse.urlencode(query), BC)
    assert answer.status == status, answer
    return answer.json


def names(answer):
    return [one["first_name"] for one in answer["data"]]


@pytest.mark.parametrize("query, expected", [
    ({"company__in": "navy"}, ["Grace", "Jürgen"]),
    ({"company__in": "navy,other"}, ["Grace", "Jürgen"]),
    ({"company__in": "nav"}, []),
    ({"name__in": "ada lovelace,Wei"}, ["Ada", "Wei"]),
    ({"name__in": "Ada"}, []),
    ({"name__like": "LOVE,gen g"}, ["Ada", "Jürgen"]),
    ({"phone__in": "555-1"}, ["Ada", "Wei"]),
    ({"registration_ip_address__in": "192.0.2.1"}, ["Grace", "Wei"]),
    ({"customer_group_id__in": "2"}, ["Jürgen", "Wei"]),
    ({"customer_group_id__in": "1,2"}, ["Grace", "Jürgen", "Wei"]),
    ({"customer_group_id__in": "0"}, ["Ada", "Zoë"]),
    ({"customer_group_id__in": "0,1"}, ["Ada", "Grace", "Zoë"]),
    ({"customer_group_id__in": "2", "company__in": "navy"}, ["Jürgen"]),
    ({"phone__in": "555-1", "name__like": "wei"}, ["Wei"]),
    ({"email__in": "c4@example.com,C0@example.com,x@example.com,no email"}, ["Ada", "Zoë"]),
    ({"email__in": "c4@example.com,c1@example.com", "company__in": "navy"}, ["Grace"]),
    ({"email__in": "c4@example.com", "customer_group_id__in": "2"}, []),
    ({"email__in": ""}, []),
    ({"id__in": ""}, []),
    ({"date_created__min": "2001-01-01"}, ["Ada", "Grace", "Jürgen", "Wei", "Zoë"]),
    ({"date_created__max": "2001-01-01"}, []),
    ({"date_modified__min": "2999-01-01T00:00:00"}, []),
    ({"date_modified": "2001-01-01"}, []),
])
def test_a_filter_leaves_who_fits(shop, query, expected):
    answer = ask(shop, **query)
    assert names(answer) == expected
    assert answer["meta"]["pagination"]["total"] == len(expected)
    assert names(ask(shop, sort="date_created:desc", **query)) == expected[::-1]


def test_ids_and_other_filters_go_together(shop):
    by_name = {one["first_name"]: one["id"] for one in ask(shop)["data"]}
    both = "%d,%d,999999999" % (by_name["Zoë"], by_name["Grace"])
    assert names(ask(shop, id__in=both)) == ["Grace", "Zoë"]
    assert names(ask(shop, id__in=both, company__in="navy")) == ["Grace"]
    assert names(ask(shop, id__in=both, customer_group_id__in="1")) == ["Grace"]
    assert names(ask(shop, id__in=both, email__in="c4@example.com,c0@example.com")) == ["Zoë"]


@pytest.mark.parametrize("sort, expected", [
    ("date_created:asc", ["Ada", "Grace", "Jürgen", "Wei", "Zoë"]),
    ("date_created:desc", ["Zoë", "Wei", "Jürgen", "Grace", "Ada"]),
    ("last_name:asc", ["Wei", "Jürgen", "Grace", "Ada", "Zoë"]),
    ("last_name:desc", ["Zoë", "Ada", "Grace", "Jürgen", "Wei"]),
])
def test_a_list_has_the_order_that_is_asked_for(shop, sort, expected):
    assert names(ask(shop, sort=sort)) == expected
    pages = [names(ask(shop, sort=sort, limit=2, page=page)) for page in (1, 2, 3, 4)]
    assert pages == [expected[0:2], expected[2:4], expected[4:], []]


def test_who_was_changed_last_is_last(shop):
    ada = ask(shop, email__in="c0@example.com")["data"][0]
    changed = shop.ask("PUT", LIST, BC, [{"id": ada["id"], "notes": fresh("n")}])
    modified = changed.json["data"][0]["date_modified"]
    assert names(ask(shop, sort="date_modified:asc"))[-1] == "Ada"
    assert names(ask(shop, sort="date_modified:desc"))[0] == "Ada"
    # As it was printed it finds the record again.
    assert "Ada" in names(ask(shop, date_modified=modified))
    assert "Ada" in names(ask(shop, date_modified__min=modified))
    assert "Ada" in names(ask(shop, date_modified__max=modified))
    assert "Ada" in names(ask(shop, date_modified=modified[:10]))
    assert "Ada" in names(ask(shop, date_modified=modified.replace("Z", "+00:00")))
    assert "Ada" not in names(ask(shop, date_modified__max=modified, date_modified__min="2999"
                                  "-01-01"))


def follow(shop, target, link):
    """The first names of all pages from TARGET on, along LINK of either pagination."""
    pages, seen = [], 0
    while target is not None:
        answer = shop.ask("GET", LIST + target, BC)
        assert answer.status == 200, answer
        pages.append(names(answer.json))
        target = link(answer.json["meta"])
        seen += 1
        assert seen < 10, "the links go round"
    return pages


@pytest.mark.parametrize("query, expected", [
    ("", ["Ada", "Grace", "Jürgen", "Wei", "Zoë"]),
    ("&sort=date_created%3Adesc", ["Zoë", "Wei", "Jürgen", "Grace", "Ada"]),
    ("&customer_group_id:in=1,2", ["Grace", "Jürgen", "Wei"]),
    ("&customer_group_id:in=2", ["Jürgen", "Wei"]),
    ("&name:like=e&include=formfields", ["Ada", "Grace", "Jürgen", "Wei", "Zoë"]),
])
def test_links_lead_through_the_whole_list(shop, query, expected):
    pages = [expected[i:i + 2] for i in range(0, len(expected), 2)]
    first = "?limit=2" + query
    assert follow(shop, first, lambda meta: meta["pagination"]["links"].get("next")) == pages
    assert follow(shop, first,
                  lambda meta: meta["cursor_pagination"]["links"].get("next")) == pages


def test_cursors_lead_back(shop):
    first = ask(shop, limit=2)["meta"]
    second = ask(shop, limit=2, after=first["cursor_pagination"]["end_cursor"])
    assert names(second) == ["Jürgen", "Wei"] and "pagination" not in second["meta"]
    back = second["meta"]["cursor_pagination"]
    assert back["count"] == 2 and back["per_page"] == 2
    again = ask(shop, limit=2, before=back["start_cursor"])
    assert names(again) == ["Ada", "Grace"]
    assert again["meta"]["cursor_pagination"]["links"].keys() == {"next"}
    down = ask(shop, limit=1, before=back["start_cursor"], sort="date_created:desc")
    assert names(down) == ["Wei"]
    assert "cursor_pagination" not in ask(shop, page=2)["meta"]


@pytest.mark.parametrize("query, title", [
    ({"foo__like": "1"}, "The filter(s): foo:like are not valid filter parameter(s)."),
    ({"id__in": "1,x"}, 'Query parameter "id:in" value may contain only integer values. '
                        'For input string: "x".'),
    ({"date_created": "yesterday"}, "The query parameter date_created has a wrong value."),
    ({"date_created__min": "2024-02-30x"},
     "The query parameter date_created:min has a wrong value."),
    ({"customer_group_id__in": "a"},
     "The query parameter customer_group_id:in has a wrong value."),
    ({"sort": "email:asc"}, "The query parameter sort has a wrong value."),
    ({"sort": "last_name:asc", "after": "1"}, "The query parameter sort has a wrong value."),
    ({"after": "1", "before": "2"}, "The query parameter before has a wrong value."),
    ({"before": "x"}, "The query parameter before has a wrong value."),
    ({"page": "0"}, "The query parameter page has a wrong value."),
    ({"page": "-1"}, "The query parameter page has a wrong value."),
    ({"limit": "0"}, "The query parameter limit has a wrong value."),
    ({"company__in": ""}, "The query parameter company:in has a wrong value."),
    ({"company__in": ",".join("x" * 51)}, "The query parameter company:in has too many values."),
    ({"id__in": ",".join("1" * 251)}, "The query parameter id:in has too many values."),
    ({"email__in": ",".join("x" * 251)}, "The query parameter email:in has too many values."),
])
def test_what_cannot_be_asked_is_told(shop, query, title):
    assert ask(shop, 422, **query)["title"] == title


def test_a_large_limit_is_the_largest_that_there_is(shop):
    assert ask(shop, limit=10**9)["meta"]["pagination"]["per_page"] == 250


def test_nothing_is_deleted_by_a_filter_that_deletes_do_not_know(shop):
    for query in ("email:in=c0@example.com", "id:in=1&company:in=navy", "name:like=a",
                  "id:in=1&customer_group_id:in=2"):
        assert shop.ask("DELETE", LIST + "?" + query, BC).status == 422
    assert len(ask(shop)["data"]) == len(ROWS)


def test_a_filter_looks_at_more_than_the_server_does_at_once():
    with Platforms() as platforms:
        native = platforms.native("access_token")
        before = len(platforms.ask("GET", LIST, BC).json["data"])
        for begin in range(0, 4200, 100):
            for msgid in [native.send("customer.create", {"set": {
                    "email": "many%d@example.com" % i, "first_name": "F%d" % i,
                    "company": "even" if i % 2 == 0 else "odd"}})
                    for i in range(begin, begin + 100)]:
                native.wait(msgid)
        page = ask(platforms, company__in="even", limit=250, page=9)
        assert names(page) == ["F%d" % i for i in range(4000, 4200, 2)]
        assert page["meta"]["pagination"]["total"] == 2100
        page = ask(platforms, company__in="even", limit=2, page=1)
        assert names(page) == ["F0", "F2"] and page["meta"]["pagination"]["total"] == 2100
        last = ask(platforms, name__in="F4199 ,F4199")
        assert names(last) == ["F4199"]
        down = ask(platforms, company__in="odd", limit=2, sort="date_created:desc")
        assert names(down) == ["F4199", "F4197"]
        end = ask(platforms, after="0", name__in="F4199")
        assert names(end) == ["F4199"] and "next" not in end["meta"]["cursor_pagination"]["links"]
        assert ask(platforms)["meta"]["pagination"]["total"] == before + 4200
        # Other orders than that of the ids are made by reading everything, within a bound.
        assert "too many" in ask(platforms, 422, sort="last_name:asc")["title"]
        assert len(ask(platforms, sort="last_name:asc", name__like="F41")["data"]) == 50
        native.close()

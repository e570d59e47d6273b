"""Bounds: how much, how deep, how many, how often; and how each format says so."""

import pytest

from support.customerd import fresh
from support.rest import BC, CL, DJANGO, ECWID, Platforms

# Of each format: headers, a read, an update, and what may be sent to make it too deep.
FORMATS = {
    "commercelayer": (CL, "/api/customers/XAyRWNUzyN", "PATCH", "/api/customers/XAyRWNUzyN",
                      '{"data":{"type":"customers","id":"XAyRWNUzyN","attributes":'
                      '{"metadata":%s}}}'),
    "django": (DJANGO, "/api/v1/customers/123/", "PUT", "/api/v1/customers/123/",
               '{"email":"john.doe@example.com","address":%s}'),
    "bigcommerce": (BC, "/stores/store_hash/v3/customers?id:in=1", "PUT",
                    "/stores/store_hash/v3/customers", '[{"id":1,"x":%s}]'),
    "ecwid": (ECWID, "/api/v3/1003/customers/1", "PUT", "/api/v3/1003/customers/1",
              '{"billingPerson":%s}'),
}

# What tells a client of each how it stands: always, and when it has asked too often.
LIMITS = {
    "commercelayer": ("x-ratelimit-limit", "x-ratelimit-interval", "x-ratelimit-remaining"),
    "django": (),
    "bigcommerce": ("x-rate-limit-time-window-ms", "x-rate-limit-time-reset-ms",
                    "x-rate-limit-requests-quota", "x-rate-limit-requests-left"),
    "ecwid": (),
}
RETRY = {"django": "retry-after", "bigcommerce": "x-retry-after", "ecwid": "retry-after"}
LEFT = {"commercelayer": "x-ratelimit-remaining", "bigcommerce": "x-rate-limit-requests-left"}


@pytest.fixture(params=FORMATS)
def form(request):
    return request.param


@pytest.fixture(scope="module")
def counting():
    with Platforms("--rate-max", "3", "--rate-window-ms", "600000") as platforms:
        yield platforms


def test_limits_are_told_though_none_is_set(platforms, form):
    headers, read, *_ = FORMATS[form]
    for _ in range(5):
        answer = platforms.ask("GET", read, headers)
        assert answer.status == 200, answer
    for name in LIMITS[form]:
        assert int(answer.headers[name]) > 0, name
    assert RETRY.get(form) not in answer.headers


def test_a_token_that_asks_too_often_is_told_to_wait(counting, form):
    headers, read, *_ = FORMATS[form]
    for left in (2, 1, 0):
        answer = counting.ask("GET", read, headers)
        assert answer.status == 200, answer
        if form in LEFT:
            assert answer.headers[LEFT[form]] == str(left)
    answer = counting.ask("GET", read, headers)
    assert answer.status == 429 and answer.json, answer
    if form in RETRY:
        assert 1 <= int(answer.headers[RETRY[form]]) <= 600
    # Another token is another client, even one that nobody knows.
    other = {key: value.replace("oken", "oken" + fresh("x")).replace("TOKEN", "TOKENx")
             if key in ("Authorization", "X-Auth-Token") else value
             for key, value in headers.items()}
    assert counting.ask("GET", read, other).status in (401, 403)


def test_the_window_passes():
    with Platforms("--rate-max", "1", "--rate-window-ms", "100") as platforms:
        headers, read, *_ = FORMATS["ecwid"]
        statuses = set()
        for _ in range(10000):
            statuses.add(platforms.ask("GET", read, headers).status)
            if len(statuses) == 2 and platforms.ask("GET", read, headers).status == 200:
                break
        assert statuses == {200, 429}


def test_a_body_has_a_length_and_a_depth(platforms, form):
    headers, _, method, target, template = FORMATS[form]
    deep = template % ('{"a":' * 40 + "1" + "}" * 40)
    answer = platforms.ask(method, target, headers, deep.encode())
    assert answer.status in (400, 422) and answer.json, answer
    long = template % ('{"a":"' + "x" * 300000 + '"}')
    answer = platforms.ask(method, target, headers, long.encode())
    assert answer.status == 413 and answer.json, answer
    # Where the key means nothing it is skipped, elsewhere it is too much.
    for item in ("0,", "[],", "{},"):
        many = template % ('{"a":[' + item * (200000 // len(item)) + "0]}")
        answer = platforms.ask(method, target, headers, many.encode())
        assert answer.status in (200, 400, 413, 422) and answer.json, (item, answer)


def test_a_head_has_a_length(platforms, form):
    headers, read, *_ = FORMATS[form]
    assert platforms.ask("GET", read, {**headers, "X": "x" * 40000}).status == 431
    assert platforms.ask("GET", read + ("&" if "?" in read else "?") + "x=" + "x" * 9000,
                         headers).status == 414


def test_a_call_has_ten_customers_at_most(platforms):
    target = "/stores/store_hash/v3/customers"
    assert platforms.ask("PUT", target, BC, [{"id": i} for i in range(1, 11)]).status != 413
    for method in ("PUT", "POST"):
        answer = platforms.ask(method, target, BC, [{"id": i} for i in range(1, 12)])
        assert answer.status == 413, answer
        assert answer.json["status"] == 413 and answer.json["errors"] == {}

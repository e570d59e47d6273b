"""/docs as it is sent; test_browser.py opens it."""

import base64
import hashlib
import html
import re

import pytest

from support.rest import CL, Platforms, request


def page_of(platforms):
    answer = platforms.ask("GET", "/docs")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer, answer.body.decode()


def test_the_policy_permits_what_stands_in_the_page_and_nothing_else(platforms):
    answer, page = page_of(platforms)
    policy = answer.headers["content-security-policy"]
    for element, source in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall("<%s>(.*?)</%s>" % (element, element), page, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert "%s 'sha256-%s';" % (source, digest) in policy
    assert "unsafe" not in policy and policy.startswith("default-src 'none';")
    assert not re.search(r'\sstyle="|\son\w+="|<script src|<link rel="stylesheet"', page)


def test_the_page_names_no_other_host(platforms):
    _, page = page_of(platforms)
    assert set(re.findall(r"https?://[^/'\"<\s]*", page)) == {"http://localhost:7480"}


def test_the_host_of_a_request_stays_text_in_the_page_and_in_a_shell(platforms):
    answer = platforms.shim.ask(request("GET", "/docs", {"Host": "a&b'c:1"}, None))
    assert answer.status == 200
    assert b"'http://a&amp;b'\\''c:1<span" in answer.body


def test_the_page_has_every_request_of_the_documents(platforms):
    _, page = page_of(platforms)
    ids = re.findall(r'<details id="([^"]*)"', page)
    wanted = []
    for name, path in platforms.ask("GET", "/openapi").json.items():
        for item in platforms.ask("GET", path).json["paths"].values():
            wanted += [name + "-" + operation["operationId"] for operation in item.values()]
    assert sorted(ids) == sorted(wanted)


def test_a_field_is_shown_with_type_bound_and_meaning(platforms):
    _, page = page_of(platforms)
    words = html.unescape(re.sub(r"<[^>]*>", "|", page))
    row = re.search(r"\|postal_code\|.*", words[words.index("address.||postal_code"):]).group()
    assert "integer or string" in row and "The postal code" in row and "required" in row
    assert "prospect, acquired, repeat" in words
    assert "3 to 254 characters" in words


@pytest.mark.parametrize("target", ["/docs", "/openapi", "/openapi/ecwid.json"])
def test_documents_are_only_read(platforms, target):
    head = platforms.ask("HEAD", target)
    assert head.status == 200 and head.headers["content-length"] != "0"
    answer = platforms.ask("POST", target, {}, b"")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("target", [
    "/docs/", "/docs/page.js", "/openapi/", "/openapi/.json", "/openapi/nonsense.json"])
def test_beside_the_documents_is_nothing(platforms, target):
    assert platforms.ask("GET", target).status == 404


def test_the_documents_can_be_switched_off():
    with Platforms("--no-docs") as platforms:
        for target in ("/docs", "/openapi", "/openapi/ecwid.json"):
            assert platforms.ask("GET", target).status == 404
        assert platforms.ask("GET", "/api/customers/XAyRWNUzyN", CL).status == 200

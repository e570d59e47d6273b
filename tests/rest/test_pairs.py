"""Requests and their answers, from the files tests/rest/FORMAT/*.http.

A file is a dialogue on a server of its own with the sample data: exchanges between lines
of "===".  An exchange is a request and an answer as HTTP prints them; Host and
Content-Length are added.  Lines with # before the request say what it shows.

In an answer the headers named must be there as they stand, and those with the value "-"
must not be.  A body must be equal, the order of keys included; "*" in place of a value
stands for any, and a key "..." for any further keys.
"""

import glob
import json
import os

import pytest

from support.customerd import ROOT
from support.rest import Platforms

FILES = sorted(glob.glob(os.path.join(ROOT, "tests", "rest", "*", "*.http")))


def parse_head(lines):
    first, *rest = lines
    return first, dict(line.split(": ", 1) for line in rest)


def split_part(text):
    """The lines of a head, and the body or None."""
    head, _, body = text.strip("\n").partition("\n\n")
    return parse_head(head.split("\n")) + (body.strip("\n") or None,)


def exchanges(path):
    with open(path, encoding="utf-8") as file:
        blocks = file.read().split("\n===\n")
    for block in blocks:
        lines = [line for line in block.split("\n")]
        while lines and (not lines[0] or lines[0].startswith("#")):
            lines.pop(0)
        text = "\n".join(lines)
        request, answer = text.split("\nHTTP/1.1 ", 1)
        yield split_part(request), split_part("HTTP/1.1 " + answer)


def pairs(text):
    """JSON with the order of keys kept and repeated keys seen."""
    return json.loads(text, object_pairs_hook=lambda items: ("object", items))


def assert_like(expected, found, path="body"):
    if expected == "*":
        return
    if isinstance(expected, tuple):
        assert isinstance(found, tuple), path
        names = [key for key, _ in expected[1]]
        if "..." in names:
            wanted = {key: value for key, value in expected[1] if key != "..."}
            there = dict(found[1])
            assert wanted.keys() <= there.keys(), path
            for key, value in wanted.items():
                assert_like(value, there[key], path + "." + key)
            return
        assert names == [key for key, _ in found[1]], path
        for (key, value), (_, other) in zip(expected[1], found[1]):
            assert_like(value, other, path + "." + key)
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), path
        for i, (value, other) in enumerate(zip(expected, found)):
            assert_like(value, other, "%s.%d" % (path, i))
    else:
        assert (type(found), found) == (type(expected), expected), path


def check(expected, answer):
    status, headers, body = expected
    assert answer.status == int(status.split(" ")[1]), answer
    for name, value in headers.items():
        found = answer.headers.get(name.lower())
        assert found == (None if value == "-" else value), name
    if body is None:
        assert answer.body == b"", answer
    elif body.startswith(("{", "[", "\"")):
        assert_like(pairs(body), pairs(answer.body))
    else:
        assert answer.body.decode().strip("\n") == body


@pytest.mark.parametrize("path", FILES, ids=[
    os.path.relpath(path, os.path.join(ROOT, "tests", "rest")) for path in FILES])
def test_pairs(path):
    with Platforms() as platforms:
        for number, (request, expected) in enumerate(exchanges(path), 1):
            first, headers, body = request
            method, target = first.split(" ", 1)
            answer = platforms.ask(method, target, headers,
                                   body.encode() if body is not None else None)
            try:
                check(expected, answer)
            except AssertionError as failure:
                raise AssertionError("%d. %s: %s\n%r" % (
                    number, first, failure, answer)) from None


def test_there_are_pairs_of_every_format():
    folders = {os.path.basename(os.path.dirname(path)) for path in FILES}
    assert {"bigcommerce", "commercelayer", "django", "ecwid"} <= folders

"""PROTOCOL.md tells the truth: its tables are the code's, its exchanges happen."""

import itertools

import msgpack
import pytest

from support import document
from support.customerd import SCOPES, Server, describe


@pytest.fixture(scope="module")
def prepared():
    """The server that section 9 of the document describes."""
    with Server() as server:
        operator = server.operator()
        store = operator.call("store.create", {
            "set": {"name": "Example", "mode": "test", "languages": ["en", "fr"]}})
        operator.call("token.create", {
            "token": "example-token",
            "set": {"name": "example", "store": store["id"], "scopes": SCOPES,
                    "user": {"id": "u1"}}})
        c = server.dial("example-token")
        c.call("group.create", {"set": {"name": "VIP"}})
        c.call("tag.create", {"set": {"name": "vip"}})
        yield server


def test_the_tables_are_those_of_the_code():
    text = document.read()
    assert document.with_tables(text, describe()) == text, \
        "run tests/protocol/protocol_tables.py --write"


def test_the_bytes_are_those_of_the_json_above_them():
    text = document.read()
    assert document.with_hex(text) == text, "run tests/protocol/protocol_tables.py --write"


def test_every_exchange_happens_as_printed(prepared):
    replay = Replay(prepared, document.blocks(document.read()))
    replay.run()
    assert replay.messages > 50


def test_every_method_has_an_exchange():
    text = document.read()
    for method in describe()["methods"]:
        assert ', "%s", [' % method["name"] in text, method["name"]


class Replay:
    """Send what clients send, and compare what the server answers byte for byte.

    A wildcard that some client sends back is remembered when it is first answered,
    and must stay the same; every other stands for any value.
    """

    def __init__(self, server, blocks):
        self.server = server
        self.blocks = blocks
        self.values = {}
        self.messages = 0
        everything = itertools.chain.from_iterable(messages for _, messages in blocks)
        self.bound = {token for message in everything if message.direction == ">"
                      for token in message.tokens if isinstance(token, document.Wildcard)}

    def run(self):
        for options, messages in self.blocks:
            c = self.server.operator() if "operator" in options else self.server.dial()
            self.received = b""
            for message in messages:
                self.messages += 1
                if message.tokens is None:
                    assert self.received == b"" and c.sock.recv(1) == b""
                elif message.direction == ">":
                    c.send_raw(b"".join(self.values[t] if isinstance(t, document.Wildcard)
                                        else t for t in message.tokens))
                else:
                    self.expect(c, message)
            assert self.received == b"", "more than printed: %r" % self.received
            c.close()

    def expect(self, c, message):
        answer = self.take(c)
        at = 0
        for token in message.tokens:
            if isinstance(token, document.Wildcard):
                value = first_value(answer[at:])
                if token in self.bound:
                    assert self.values.setdefault(token, value) == value, message.notation
                at += len(value)
            else:
                assert answer[at:at + len(token)] == token, "printed:  %s\nanswered: %r" % (
                    message.notation, msgpack.unpackb(answer))
                at += len(token)
        assert at == len(answer)

    def take(self, c):
        """The bytes of one whole message."""
        while True:
            value = first_value(self.received)
            if value:
                self.received = self.received[len(value):]
                return value
            data = c.sock.recv(1 << 16)
            assert data, "closed instead of answering"
            self.received += data


def first_value(data):
    """The bytes of the first MessagePack value of DATA, or b"" if it is not all there."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    try:
        unpacker.skip()
    except msgpack.OutOfData:
        return b""
    return data[:unpacker.tell()]

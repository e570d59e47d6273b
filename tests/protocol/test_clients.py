"""MessagePack-RPC clients in wide use call customerd as they are."""

import os
import re
import shutil
import subprocess

import msgpack
import pynvim.msgpack_rpc
import pytest

from support.customerd import PATIENCE_S, describe, fresh

NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")


class PynvimError(Exception):
    """What pynvim raises for an error map."""


@pytest.fixture(params=["tcp", "unix"])
def session(request, server):
    if request.param == "tcp":
        session = pynvim.msgpack_rpc.tcp_session(*server.address)
    else:
        session = pynvim.msgpack_rpc.socket_session(server.unix)
    session.error_wrapper = PynvimError
    yield session
    session.close()


def test_pynvim_calls_in_spite_of_how_it_introduces_itself(session):
    """It begins with a notification that we do not know, whose method is bin."""
    assert session.request("ping", {})["time"] > 0


def test_pynvim_creates_updates_and_reads(session, shop):
    identity = session.request("hello", {"token": shop.token()})["identity"]
    assert identity["store"] == shop.store
    email = fresh("pynvim") + "@example.com"
    record = session.request("customer.create", {"set": {"email": email}, "want": "record"})
    assert record["email"] == email
    answer = session.request("customer.update", {"id": record["id"],
                                                 "set": {"metadata": {"a": [1, None]}}})
    assert answer["revision"] == 2
    assert session.request("customer.get", {"id": record["id"]})["metadata"] == {"a": [1, None]}


def test_pynvim_sees_every_error(session, shop):
    session.request("hello", {"token": shop.token()})
    for method, args, code in (("customer.get", {"id": 2**53 - 1}, "NOT_FOUND"),
                               ("nonsense", {}, "UNKNOWN_METHOD"),
                               ("customer.create", {"set": {}}, "INVALID")):
        with pytest.raises(PynvimError) as error:
            session.request(method, args)
        assert error.value.args[0]["code"] == code
    assert session.request("ping")["time"] > 0


def test_pynvim_sees_what_the_server_says_of_its_own(session):
    session.request("customer.delete", {"id": 1}, async_=True)
    kind, method, params = session.next_message()
    assert (kind, method, params[0]["code"]) == ("notification", "error", "MALFORMED")


def test_a_client_that_decodes_strictly_can_read_every_answer(shop, c):
    """No ext, no bin, text keys, integers within 2^53: for every method there is."""
    record = c.call("customer.create", {"set": {
        "email": fresh("strict") + "@example.com", "total_orders_count": 2**53 - 1,
        "contacts": [{"type": "EMAIL", "contact": "x"}], "metadata": {"a": 1.5}}})

    def walk(value):
        if isinstance(value, dict):
            for key, item in value.items():
                assert isinstance(key, str)
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
        else:
            assert value is None or isinstance(value, (str, bool, int, float)), value
            assert not isinstance(value, int) or abs(value) <= 2**53 - 1

    for method in describe()["methods"]:
        client = shop.operator if method["scope"] == "operate" else c
        client.send_raw(msgpack.packb([0, 7, method["name"], [
            {"id": record["id"]} if "id" in method["args"] else {}, {"dry_run": True}]]))
        message = client.receive()
        walk(message)
        client.answers.clear()
        assert (message[2] is None) != (message[3] is None)


@pytest.mark.parametrize("script", sorted(
    name for name in os.listdir(NODE) if name.endswith(".test.js")))
def test_node(server, shop, script):
    """Every test of the script passes; what it prints is shown if not."""
    if not shutil.which("node"):
        pytest.skip("no node")
    if not os.path.isdir(os.path.join(NODE, "node_modules")):
        pytest.skip("no node_modules: run npm ci in tests/protocol/node")
    host, port = server.address
    done = subprocess.run(
        ["node", "--test", script], cwd=NODE, timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(os.environ, CUSTOMERD_HOST=host, CUSTOMERD_PORT=str(port),
                 CUSTOMERD_TOKEN=shop.token()))
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, text
    passed = re.search(r"^\W*pass (\d+)", text, re.MULTILINE)
    assert passed and int(passed[1]) >= 1, text

"""REST clients in wide use work on the shim as they do on their platforms.

Each script of node/ is a client, and runs on a store of its own.
"""

import os
import re
import shutil
import subprocess

import pytest

from support.customerd import PATIENCE_S, Shop, fresh
from support.rest import Platforms

NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
SCRIPTS = sorted(name for name in os.listdir(NODE) if name.endswith((".test.js", ".test.mjs")))
ECWID_ID = 5000  # of the first store; each gets the next


@pytest.fixture(scope="module")
def platforms():
    with Platforms() as platforms:
        yield platforms


@pytest.fixture
def store(request, platforms):
    """A store, and in the terms of every platform how to reach it."""
    index = SCRIPTS.index(request.param)
    shop = Shop(platforms.server, ecwid_id=ECWID_ID + index, bigcommerce_hash="hash%d" % index,
                commercelayer_organization_id="organizat%d" % index, languages=["en", "fr"])
    yield request.param, {
        "REST_ORIGIN": "http://127.0.0.1:%d" % platforms.shim.address[1],
        "REST_ECWID_ID": str(ECWID_ID + index),
        "REST_HASH": "hash%d" % index,
        # One client insists on how its tokens begin.
        "REST_TOKEN": imported(shop, user={"id": "u", "first_name": "Ada",
                                           "last_name": "Byron", "email": "ada@example.com"}),
        "REST_READER": imported(shop, ["customers.read", "store.read"]),
    }
    shop.close()


def imported(shop, scopes=None, **fields):
    """A token whose secret we choose."""
    secret = fresh("secret_%s_" % shop.store)
    shop.operator.call("token.create", {"token": secret, "set": {
        "name": "client", "store": shop.store,
        "scopes": ALL if scopes is None else scopes, **fields}})
    return secret


ALL = ["customers.read", "customers.write", "customers.delete", "customers.private",
       "customers.password", "customers.anonymize", "groups.read", "groups.write",
       "tags.read", "tags.write", "store.read"]


@pytest.mark.parametrize("store", SCRIPTS, indirect=True)
def test_client(store):
    """Every test of the script passes; what it prints is shown if not."""
    script, variables = store
    if not shutil.which("node"):
        pytest.skip("no node")
    if not os.path.isdir(os.path.join(NODE, "node_modules")):
        pytest.skip("no node_modules: run npm ci in tests/rest/node")
    done = subprocess.run(
        ["node", "--test", script], cwd=NODE, timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **variables})
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, text
    passed = re.search(r"^\W*pass (\d+)", text, re.MULTILINE)
    assert passed and int(passed[1]) >= 1, text

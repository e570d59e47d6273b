"""Clients from npm, against the shim; what they do is in node/clients.test.mjs."""

import os
import re
import shutil
import subprocess

import pytest

from support.customerd import PATIENCE_S, SCOPES
from support.rest import Platforms

NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
USER = {"id": "u1", "first_name": "T", "last_name": "M", "email": "t@example.com"}


def test_the_clients_of_the_platforms():
    if not shutil.which("node"):
        pytest.skip("no node")
    if not os.path.isdir(os.path.join(NODE, "node_modules")):
        pytest.skip("no node_modules: run npm ci in tests/rest/node")
    with Platforms() as platforms:
        operator = platforms.native()
        tokens = {name: operator.call("token.create", {"token": text, "set": {
            "name": name, "store": 1, "scopes": SCOPES, "user": USER}})["token"]
            for name, text in (("CL_TOKEN", "commerce-layer-all"), ("BC_TOKEN", "bigcommerce-all"),
                               ("ECWID_TOKEN", "secret_ecwid_all"))}
        operator.close()
        done = subprocess.run(
            ["node", "--test", "--test-reporter=spec", "clients.test.mjs"], cwd=NODE,
            env=dict(os.environ, SHIM="%s:%d" % platforms.shim.address, **tokens),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=PATIENCE_S)
        text = done.stdout.decode()
        assert done.returncode == 0, text
        assert int(re.search(r"^\S+ pass (\d+)$", text, re.M)[1]) >= 15, text

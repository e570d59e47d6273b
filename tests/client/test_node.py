"""The tests of client/node/customerd.js, which are written in JavaScript themselves."""

import os
import re
import shutil
import subprocess
import threading

import pytest

from support.customerd import PATIENCE_S, Shop

NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")


def environment(server, shop):
    return dict(os.environ, NODE_PATH=os.path.join(NODE, "node_modules"),
                CUSTOMERD_ADDRESS="customerd://%s:%d" % server.address,
                CUSTOMERD_TOKEN=shop.token(), CUSTOMERD_UNIX="unix:" + server.unix)


def run(script, env, on_line=lambda: None):
    """Every test of the script passes; what it prints is shown if not."""
    if not shutil.which("node"):
        pytest.skip("no node")
    if not os.path.isdir(os.path.join(NODE, "node_modules")):
        pytest.skip("no node_modules: run npm ci in tests/client/node")
    process = subprocess.Popen(
        ["node", "--test-reporter=spec", script], cwd=NODE, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    timer = threading.Timer(PATIENCE_S, process.kill)
    timer.start()
    text = ""
    for line in process.stdout:
        text += line
        if "please kill the server" in line:
            on_line()
    timer.cancel()
    assert process.wait() == 0, text
    passed = re.search(r"^\S+ pass (\d+)$", text, re.MULTILINE)
    assert passed and int(passed[1]) >= 1, text


def test_calls_and_connections(server, shop):
    run("customerd.test.js", environment(server, shop))


def test_a_server_that_is_killed(own_server):
    """The script says when."""
    def kill():
        own_server.kill()
        own_server.start()

    run("killed.test.js", environment(own_server, Shop(own_server)), kill)

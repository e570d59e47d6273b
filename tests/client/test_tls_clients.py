"""TLS in the clients: the C library under customerctl, Python and Node."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from support.customerctl import CUSTOMERCTL, ctl
from support.customerd import PATIENCE_S, ROOT, Shop
from support.tls import Authority, TlsServer, context

sys.path.insert(0, os.path.join(ROOT, "client", "python"))
import customerd

NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, clients):
    running = TlsServer(tmp_path_factory.mktemp("tls"), clients=clients)
    yield running
    assert running.terminate() == 0
    running.remove()


@pytest.fixture(scope="module")
def shop(server):
    return Shop(server)


@pytest.fixture(scope="module")
def service(shop, clients):
    """A certificate that may read, and follow the feed."""
    made = clients.issue("service")
    shop.token(["customers.read", "changes.read"],
               public_key_sha256=made.public_key_sha256())
    return made


def address(server, host="localhost"):
    return "customerds://%s:%d" % (host, server.tls_address[1])


def trusting(server, *arguments, host="localhost", **more):
    return ctl("--connect", address(server, host), "--tls-ca",
               server.authority.certificate, *arguments, **more)


# ---- the C library ----

def test_calls_go_over_tls(server, shop):
    made = trusting(server, "customer", "create", "email=tls@example.com", "--json",
                    token=shop.token()).json()
    for host in ("localhost", "127.0.0.1"):
        shown = trusting(server, "customer", "show", str(made["id"]), "--json", host=host,
                         token=shop.token()).json()
        assert shown["email"] == "tls@example.com"


def test_large_answers_go_over_tls(server, shop, tmp_path):
    """And many calls at once: an export is asynchronous."""
    rows = tmp_path / "customers.ndjson"
    rows.write_text("".join('{"email": "bulk-%d@example.com", "notes": "%s"}\n'
                            % (i, "é" * 1000) for i in range(1500)))
    token = shop.token()
    assert trusting(server, "import", str(rows), "--quiet", token=token).status == 0
    out = tmp_path / "out.ndjson"
    assert trusting(server, "export", str(out), "--quiet", token=token).status == 0
    assert sum(1 for line in open(out) if "bulk-" in line) == 1500


def test_a_certificate_stands_for_a_token(server, service):
    shows = ("--tls-certificate", service.certificate, "--tls-key", service.key)
    assert trusting(server, *shows, "customer", "list").status == 0
    assert "UNAUTHENTICATED" in trusting(server, "customer", "list").said
    denied = trusting(server, *shows, "customer", "create", "email=no@example.com")
    assert "FORBIDDEN" in denied.said


def test_the_environment_names_the_files(server, service, monkeypatch):
    monkeypatch.setenv("CUSTOMERD_ADDRESS", address(server))
    monkeypatch.setenv("CUSTOMERD_TLS_CA", server.authority.certificate)
    monkeypatch.setenv("CUSTOMERD_TLS_CERTIFICATE", service.certificate)
    monkeypatch.setenv("CUSTOMERD_TLS_KEY", service.key)
    assert ctl("customer", "list").status == 0


def test_the_feed_comes_over_tls(server, shop, service):
    follower = subprocess.Popen(
        [CUSTOMERCTL, "--connect", address(server), "--tls-ca",
         server.authority.certificate, "--tls-certificate", service.certificate,
         "--tls-key", service.key, "--json", "change", "follow", "--kind", "tag", "--after", "0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    giving_up = threading.Timer(PATIENCE_S, follower.kill)
    giving_up.start()
    for i in range(3):
        shop.c.call("tag.create", {"set": {"name": "over-tls-%d" % i}})
        assert b"over-tls-%d" % i in follower.stdout.readline()
    giving_up.cancel()
    follower.kill()
    follower.wait()
    follower.stdout.close()


def test_a_server_that_is_not_to_be_believed_is_refused(server, tmp_path):
    late = TlsServer(tmp_path)
    late.certificate = late.authority.issue("localhost", days=-1)   # and over the old files
    late.restart()
    for said, what in (
            ("unable to get local issuer certificate", ctl("--connect", address(server), "ping")),
            ("certificate has expired", trusting(late, "ping")),
            ("IP address mismatch", trusting(server, "ping", host="127.0.0.2")),
            ("BAD_TLS", ctl("--connect", address(server), "--tls-ca", "/nonexistent", "ping")),
            ("No such file", ctl("--connect", address(server), "--tls-ca", "/nonexistent", "ping"))):
        assert what.status != 0 and said in what.said, what
    late.remove()


def test_a_server_without_tls_is_found_out(server):
    plain = "customerds://localhost:%d" % server.address[1]
    said = ctl("--connect", plain, "ping").said
    assert "TLS_FAILED" in said and "wrong version number" in said
    tls = "customerd://localhost:%d" % server.tls_address[1]
    assert ctl("--connect", tls, "ping").status != 0


def test_a_server_that_never_shakes_hands_costs_the_time_to_connect():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = ctl("--connect", "customerds://127.0.0.1:%d" % silent.getsockname()[1],
                   "--timeout-ms", "200", "ping").said
        assert "no answer in time" in said


def test_a_certificate_that_the_server_refuses_is_named(server, tmp_path_factory):
    other = Authority(tmp_path_factory.mktemp("others")).issue("elsewhere")
    said = trusting(server, "--tls-certificate", other.certificate, "--tls-key", other.key,
                    "ping").said
    assert "unknown ca" in said


# ---- Python ----

def test_python_goes_over_tls(server, shop, service):
    trusted = context(server.authority)
    with customerd.connect(address(server), shop.token(), tls=trusted) as c:
        made = c.customer.create(set={"email": "python@example.com"})
        with c.pipeline() as p:
            futures = [p.customer.get(id=made["id"]) for _ in range(500)]
        assert all(f.result()["email"] == "python@example.com" for f in futures)
        large = c.customer.list(limit=1000)["items"]
        assert large
        changes = c.changes(after=0)
        assert next(iter(changes))["seq"] == 1
    with customerd.connect(address(server), tls=context(server.authority, service)) as c:
        assert c.customer.list(limit=1)
    with pytest.raises(customerd.Disconnected, match="certificate verify failed"):
        customerd.connect(address(server), shop.token(), retries=0)
    with pytest.raises(customerd.Disconnected, match="mismatch"):
        customerd.connect(address(server, "127.0.0.2"), shop.token(), retries=0, tls=trusted)


# ---- Node ----

SCRIPT = """
const fs = require('node:fs');
const assert = require('node:assert');
const { connect, Disconnected } = require(process.argv[2]);
const [, , , address, ca, cert, key, token] = process.argv;
(async () => {
  const tls = { ca: fs.readFileSync(ca) };
  const c = await connect(address, { token, tls });
  const { id } = await c.customer.create({ set: { email: 'node@example.com' } });
  assert.equal((await c.customer.get({ id })).email, 'node@example.com');
  assert((await c.customer.list({ limit: 1000 })).items.length > 0);
  for await (const change of c.changes({ after: 0 })) { assert.equal(change.seq, 1); break; }
  c.close();
  const service = await connect(address, { tls: { ...tls, cert: fs.readFileSync(cert),
    key: fs.readFileSync(key) } });
  await service.customer.list({ limit: 1 });
  service.close();
  await assert.rejects(connect(address, { token, retries: 0 }), (error) =>
    error instanceof Disconnected && /unable to verify|self.signed/.test(error.message));
  await assert.rejects(connect(address.replace('localhost', '127.0.0.2'),
    { token, retries: 0, tls }), /IP: 127.0.0.2|altnames/);
  console.log('done');
})();
"""


def test_node_goes_over_tls(server, shop, service, tmp_path):
    if not os.path.isdir(os.path.join(NODE, "node_modules")):
        pytest.skip("no node_modules: run npm ci in tests/client/node")
    script = tmp_path / "tls.js"
    script.write_text(SCRIPT)
    done = subprocess.run(
        ["node", str(script), os.path.join(ROOT, "client", "node", "customerd.js"),
         address(server), server.authority.certificate, service.certificate, service.key,
         shop.token()], env=dict(os.environ, NODE_PATH=os.path.join(NODE, "node_modules")),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout == "done\n", done.stderr

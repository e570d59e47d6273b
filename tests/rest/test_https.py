"""HTTPS: the shim with TLS towards its clients, and towards the server."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from support.customerctl import DONE, SAMPLE, ctl_unix
from support.customerd import PATIENCE_S, wait_until
from support.http import CUSTOMERD_REST, Dialogue, Shim
from support.rest import CL, request
from support.tls import Authority, TlsServer, context


class Https:
    """The sample data behind the shim, with TLS on either side of it."""

    def __init__(self, folder, *options, clients=None):
        self.server = TlsServer(folder)
        assert ctl_unix(self.server, "load", SAMPLE).status == DONE
        self.authority = self.server.authority
        self.certificate = self.authority.issue("shim", "DNS:localhost")
        if clients:
            options += ("--tls-client-ca", clients.certificate)
        self.shim = Shim(
            "--server-ca", self.authority.certificate, "--tls-listen", "127.0.0.1:0",
            "--tls-certificate", self.certificate.certificate, "--tls-key", self.certificate.key,
            *options, server="customerds://localhost:%d" % self.server.tls_address[1])
        wait_until(lambda: self.shim.events("upstream_ready"), "the shim finds the server")
        (ready,) = self.shim.events("ready")
        self.port = int(ready["tls_listen"].rpartition(":")[2])

    def dial(self, certificate=None):
        """A Dialogue over TLS."""
        dialogue = Dialogue(("127.0.0.1", self.port))
        dialogue.sock = context(self.authority, certificate).wrap_socket(
            dialogue.sock, server_hostname="localhost")
        return dialogue

    def close(self):
        assert self.shim.terminate() == 0
        self.shim.__exit__()
        self.server.remove()


@pytest.fixture(scope="module")
def https(tmp_path_factory):
    running = Https(tmp_path_factory.mktemp("https"))
    yield running
    running.close()


GET = request("GET", "/api/customers/XAyRWNUzyN", dict(CL), None)


def test_a_platform_is_served_over_https(https):
    connection = http.client.HTTPSConnection("localhost", https.port, timeout=PATIENCE_S,
                                             context=context(https.authority))
    for path in ("/api/customers/XAyRWNUzyN", "/api/customers", "/api/customers/XAyRWNUzyN"):
        connection.request("GET", path, headers=CL)
        answer = connection.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["data"]
    connection.request("GET", "/docs")   # many records of TLS
    assert len(connection.getresponse().read()) > 30000
    connection.close()


def test_links_lead_to_https(https):
    with https.dial() as dialogue:
        answer = dialogue.send(GET).answer()
    assert b"https://localhost:7480/api/customers/XAyRWNUzyN" in answer.body
    assert b"http://" not in answer.body
    assert b"http://localhost:7480/api/customers/XAyRWNUzyN" in https.shim.ask(GET).body


def test_requests_may_be_pipelined(https):
    with https.dial() as dialogue:
        dialogue.send(GET * 200)
        assert [dialogue.answer().status for _ in range(200)] == [200] * 200


def test_a_body_of_many_records_arrives_whole(https):
    body = json.dumps({"data": {"type": "customers", "attributes": {
        "email": "https@example.com", "metadata": {"k%d" % i: "v" * 100 for i in range(40)}}}})
    with https.dial() as dialogue:
        body = body.encode() + b" " * 150000
        answer = dialogue.send(request("POST", "/api/customers", dict(CL), body)).answer()
    assert answer.status == 201


def test_node_speaks_https_with_it(https):
    script = """
const https = require('node:https');
const [, , port, ca] = process.argv;
https.get({ host: 'localhost', port, family: 4, ca: require('fs').readFileSync(ca),
  path: '/api/customers/XAyRWNUzyN', headers: { Authorization: 'Bearer your-access-token' } },
  (answer) => { console.log(answer.statusCode); answer.resume(); });
"""
    done = subprocess.run(["node", "-e", script, "-", str(https.port),
                           https.authority.certificate], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout == "200\n", done.stderr


@pytest.mark.parametrize("garbage", [GET, b"\x00" * 100, b"\x94\x00\x01\xa4ping\x90"],
                         ids=["http", "zeros", "messagepack"])
def test_what_is_no_handshake_is_hung_up_on(https, garbage):
    before = len(https.shim.events("tls_failed"))
    with Dialogue(("127.0.0.1", https.port)) as dialogue:
        answer = b""
        try:
            dialogue.send(garbage)
            while more := dialogue.sock.recv(65536):
                answer += more
        except ConnectionError:
            pass
        assert answer[:1] in (b"", b"\x15")
    wait_until(lambda: len(https.shim.events("tls_failed")) > before, "the log to tell of it")


def test_a_client_that_ends_its_side_still_gets_its_answer(https):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(https.authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", https.port), PATIENCE_S) as sock:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        tls.write(GET)
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()
        sock.sendall(outgoing.read())
        while more := sock.recv(65536):
            incoming.write(more)
        assert tls.read(65536).startswith(b"HTTP/1.1 200 ")


def test_a_handshake_that_stalls_ends_at_the_deadline_of_a_head(tmp_path):
    https = Https(tmp_path, "--head-timeout-ms", "300")
    for begun in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with Dialogue(("127.0.0.1", https.port)) as dialogue:
            assert dialogue.send(begun).sock.recv(1) == b""
    with https.dial() as dialogue:
        assert dialogue.send(b"GET /").answer().status == 408
    https.close()


def test_a_hundred_handshakes_at_once_all_succeed(https):
    def ask(done):
        with https.dial() as dialogue:
            done.append(dialogue.send(GET).answer().status)

    done = []
    threads = [threading.Thread(target=ask, args=(done,)) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert done == [200] * 100


def test_only_clients_with_a_certificate_are_let_in_if_that_is_asked_for(tmp_path):
    os.mkdir(tmp_path / "clients")
    clients = Authority(tmp_path / "clients")
    https = Https(tmp_path, clients=clients)
    with https.dial(clients.issue("a-shop")) as dialogue:
        assert dialogue.send(GET).answer().status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        https.dial().send(GET).answer()
    assert https.shim.ask(GET).status == 200   # plain HTTP on this machine
    https.close()


def test_sighup_reads_the_certificate_again_and_drops_nobody(tmp_path):
    https = Https(tmp_path)
    before = https.dial()
    https.authority.issue("shim", "DNS:localhost")   # over the old files
    https.shim.process.send_signal(signal.SIGHUP)
    wait_until(lambda: https.shim.events("tls_files_read"), "the files are read")
    after = https.dial()
    serials = {dialogue.sock.getpeercert()["serialNumber"] for dialogue in (before, after)}
    assert len(serials) == 2
    assert before.send(GET).answer().status == after.send(GET).answer().status == 200
    os.unlink(https.certificate.key)
    https.shim.process.send_signal(signal.SIGHUP)
    wait_until(lambda: https.shim.events("tls_files_not_read"), "the log to tell of it")
    with https.dial() as dialogue:
        assert dialogue.send(GET).answer().status == 200
    before.close()
    after.close()
    https.close()


def test_sighup_without_tls_ends_nothing():
    with Shim() as shim:
        wait_until(lambda: shim.events("ready"), "the shim is ready")
        shim.process.send_signal(signal.SIGHUP)
        wait_until(lambda: shim.events("hangup_ignored"), "the log to tell of it")
        assert shim.admin("/live").status == 200


def test_a_server_that_is_not_to_be_believed_is_not_used(https, tmp_path):
    stranger = Authority(tmp_path)
    with Shim("--server-ca", stranger.certificate,
              server="customerds://localhost:%d" % https.server.tls_address[1]) as shim:
        wait_until(lambda: shim.events("upstream_gone"), "the shim gives up")
        assert "issuer" in shim.events("upstream_gone")[0]["why"]
        assert shim.ask(GET).status == 503


def refused(*options, fds=()):
    done = subprocess.run([CUSTOMERD_REST, "--admin", "", *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S, pass_fds=fds)
    assert done.returncode == 1
    return done.stderr


def test_what_cannot_be_used_is_named(tmp_path):
    made = Authority(tmp_path).issue("localhost")
    assert "--tls-certificate" in refused("--tls-listen", "127.0.0.1:0")
    assert "/nonexistent" in refused("--tls-listen", "127.0.0.1:0", "--tls-certificate",
                                     made.certificate, "--tls-key", "/nonexistent")
    assert "/nonexistent" in refused("--server", "customerds://localhost", "--server-ca",
                                     "/nonexistent")


def test_an_inherited_socket_that_others_can_reach_is_refused():
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        said = refused("--listen-fd", str(everywhere.fileno()), fds=[everywhere.fileno()])
    assert "0.0.0.0:" in said and "--tls-listen" in said and "--allow-plain-http" in said

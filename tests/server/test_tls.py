"""TLS on the native port: what it is for, and what peers do to it."""

import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading

import msgpack
import pytest

from support.customerd import CUSTOMERD, PATIENCE_S, Client, Refused, Server, Shop, StartFailed, refused
from support.feed import Follower
from support.tls import Authority, Certificate, TlsServer, context

HELLO = msgpack.packb([0, 1, "ping", []])


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """The authority of the clients' certificates."""
    return Authority(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, clients):
    running = TlsServer(tmp_path_factory.mktemp("tls"), "--loops", "2", clients=clients)
    yield running
    assert running.terminate() == 0
    running.remove()


@pytest.fixture(scope="module")
def shop(server):
    return Shop(server)


def token_for(shop, certificate, **more):
    """A token that CERTIFICATE shows; its id."""
    shop.token(**{"scopes": ["customers.read"],
                  "public_key_sha256": certificate.public_key_sha256(), **more})
    return shop.last_token["id"]


def read_to_end(sock):
    """Until the server hangs up."""
    data = b""
    try:
        while True:
            more = sock.recv(65536)
            if not more:
                return data
            data += more
    except ConnectionResetError:
        return data


# ---- what it is for ----

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_everything_goes_over_tls_as_over_tcp(server, shop, version):
    made = context(server.authority)
    made.minimum_version = made.maximum_version = version
    c = Client(made.wrap_socket(server.dial_bare(), server_hostname="localhost"), shop.token())
    note = "é" * 1500
    ids = [c.send("customer.create", {"set": {"email": "%s-%d@example.com" % (version.name, i),
                                              "notes": note}, "want": "record"})
           for i in range(120)]
    assert all(c.wait(i)["notes"] == note for i in ids)
    page = c.call("customer.list", {"limit": 100})
    assert len(page["items"]) == 100   # 300 KB: some 20 records of TLS in one answer
    c.close()


def test_an_answer_that_fills_the_socket_arrives_whole(server, shop):
    c = server.dial_tls(shop.token())
    for i in range(60):
        c.call("customer.create", {"set": {"email": "large-%d@example.com" % i,
                                           "notes": "x" * 1500}})
    ids = [c.send("customer.list", {"limit": 60}) for _ in range(60)]   # and read nothing
    answers = [c.wait(i)["items"] for i in ids]
    assert all(answer == answers[0] for answer in answers)


def test_the_server_shows_its_own_certificate(server):
    for name in ("localhost", "127.0.0.1"):
        assert server.dial_tls(name=name).call("ping")["time"] > 0
    with pytest.raises(ssl.SSLCertVerificationError, match="[Hh]ostname mismatch"):
        server.dial_tls(name="another.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        context().wrap_socket(server.dial_bare(), server_hostname="localhost")


def test_openssl_itself_can_talk_to_it(server):
    host, port = server.tls_address
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", "%s:%d" % (host, port), "-CAfile",
             server.authority.certificate, "-verify_return_error", "-quiet"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as peer:
        peer.stdin.write(HELLO)
        peer.stdin.flush()
        assert next(msgpack.Unpacker(peer.stdout, read_size=1))[:3] == [1, 1, None]
        peer.kill()


def test_a_peer_that_ends_its_side_still_gets_its_answers(server):
    made = context(server.authority)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = made.wrap_bio(incoming, outgoing, server_hostname="localhost")
    sock = server.dial_bare()
    shake(tls, incoming, outgoing, sock.sendall, sock.recv)
    tls.write(HELLO)
    try:
        tls.unwrap()   # says farewell, and does not wait for the server's
    except ssl.SSLWantReadError:
        pass
    sock.sendall(outgoing.read())
    incoming.write(read_to_end(sock))
    assert msgpack.unpackb(tls.read())[:3] == [1, 1, None]


# ---- certificates of clients ----

def test_a_certificate_that_a_token_names_is_as_good_as_its_secret(server, shop, clients):
    service = clients.issue("service")
    token_for(shop, service)
    c = server.dial_tls(certificate=service)
    assert c.call("customer.list", {"limit": 1})["items"] is not None
    refused(c, "customer.create", {"set": {"email": "no@example.com"}}, "FORBIDDEN")
    identity = server.dial_tls(certificate=service).call("hello")["identity"]
    assert (identity["store"], identity["scopes"]) == (shop.store, ["customers.read"])


def test_a_token_goes_over_the_certificate(server, shop, clients):
    service = clients.issue("both")
    token_for(shop, service)
    c = server.dial_tls(certificate=service)
    assert "customers.write" in c.call("hello", {"token": shop.token()})["identity"]["scopes"]
    assert c.call("hello")["identity"]["scopes"] == ["customers.read"]
    refused(c, "hello", {"token": "nobody's token"}, "UNAUTHENTICATED")
    refused(c, "customer.list", {}, "UNAUTHENTICATED")
    assert c.call("hello")["identity"]["scopes"] == ["customers.read"]


def test_a_new_certificate_for_the_same_key_is_the_same_service(server, shop, clients):
    service = clients.issue("renewed")
    token_for(shop, service)
    again = clients.issue("renewed-2", key=service.key)
    server.dial_tls(certificate=again).call("customer.list", {"limit": 1})


def test_a_certificate_that_no_token_names_is_nobody(server, clients):
    c = server.dial_tls(certificate=clients.issue("stranger"))
    assert c.call("hello")["identity"] is None
    for _ in range(20):   # and it does not guess
        refused(c, "customer.list", {}, "UNAUTHENTICATED")


def test_deleting_the_token_revokes_the_certificate_at_once(server, shop, clients):
    service = clients.issue("revoked")
    token = token_for(shop, service)
    c = server.dial_tls(certificate=service)
    c.call("customer.list", {"limit": 1})
    shop.operator.call("token.delete", {"id": token})
    refused(c, "customer.list", {}, "UNAUTHENTICATED")
    token_for(shop, service)
    c.call("customer.list", {"limit": 1})


def test_taking_the_key_from_the_token_ends_a_subscription(server, shop, clients):
    service = clients.issue("subscriber")
    token = token_for(shop, service, scopes=["changes.read"])
    c = server.dial_tls(certificate=service)
    follower = Follower(c, after=0, credit=1000000)
    shop.operator.call("token.update", {"id": token, "set": {"public_key_sha256": None}})
    shop.c.call("tag.create", {"set": {"name": "after-the-key"}})
    assert follower.end()["code"] == "UNAUTHENTICATED"


def test_two_tokens_do_not_share_a_key(server, shop, clients):
    service = clients.issue("shared")
    token_for(shop, service)
    with pytest.raises(Refused) as error:
        token_for(shop, service)
    assert error.value.errors == {"set.public_key_sha256": "TAKEN"}
    for bad in ("00", "G" * 64, service.public_key_sha256().upper()):
        with pytest.raises(Refused) as error:
            shop.operator.call("token.create", {"set": {
                "name": "bad", "store": shop.store, "scopes": ["customers.read"],
                "public_key_sha256": bad}})
        assert error.value.errors == {"set.public_key_sha256": "BAD_FORMAT"}


def test_a_certificate_that_is_not_to_be_believed_is_turned_away(
        server, clients, tmp_path_factory):
    other = Authority(tmp_path_factory.mktemp("others"))
    before = len(server.events("tls_failed"))
    for certificate in (clients.issue("late", days=-1), other.issue("elsewhere")):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            server.dial_tls(certificate=certificate).call("ping")
    assert {"certificate has expired", "unable to get local issuer certificate"} <= {
        line["why"] for line in server.wait_for("tls_failed", before + 2)}


def test_a_certificate_may_be_required(tmp_path, clients):
    server = TlsServer(tmp_path, clients=clients, required=True)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.dial_tls().call("ping")
    server.dial_tls(certificate=clients.issue("required")).call("ping")
    assert server.dial().call("ping")   # plain TCP on this machine is another matter
    server.remove()


# ---- hostile and slow peers ----

def shake(tls, incoming, outgoing, send, receive):
    """The handshake, by whatever SEND and RECEIVE are."""
    while True:
        try:
            tls.do_handshake()
            send(outgoing.read())
            return
        except ssl.SSLWantReadError:
            send(outgoing.read())
            incoming.write(receive(65536))


def test_a_handshake_may_come_one_byte_at_a_time(server):
    sock = server.dial_bare()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def drip(data):
        for i in range(len(data)):
            sock.sendall(data[i:i + 1])

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(server.authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    shake(tls, incoming, outgoing, drip, sock.recv)
    tls.write(HELLO)
    drip(outgoing.read())
    while True:
        try:
            assert msgpack.unpackb(tls.read())[:3] == [1, 1, None]
            break
        except ssl.SSLWantReadError:
            incoming.write(sock.recv(65536))


@pytest.mark.parametrize("garbage", [
    HELLO, b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, bytes(range(256)) * 300,
    b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"], ids=["plain", "http", "zeros", "all", "wrong"])
def test_what_is_no_handshake_is_hung_up_on(server, garbage):
    sock = server.dial_bare()
    before = len(server.events("tls_failed"))
    try:
        sock.sendall(garbage)
        answer = read_to_end(sock)
    except ConnectionError:
        answer = b""
    assert len(answer) < 20 and answer[:1] in (b"", b"\x15")   # an alert at most
    server.wait_for("tls_failed", before + 1)
    assert server.dial_tls().call("ping")


def test_a_greeting_that_claims_to_be_long_gets_no_memory(server):
    sock = server.dial_bare()
    hello = b"\x01" + (120 * 1024).to_bytes(3, "big") + b"\x03\x03"
    sock.sendall(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello)
    read_to_end(sock)   # hung up on, although nothing was wrong yet


def test_tls_on_the_plain_port_is_hung_up_on(server):
    made = context(server.authority)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        made.wrap_socket(socket.create_connection(server.address), server_hostname="localhost")
    assert server.dial().call("ping")


def test_a_peer_may_not_renegotiate(server):
    host, port = server.tls_address
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", "%s:%d" % (host, port), "-tls1_2", "-CAfile",
             server.authority.certificate, "-verify_return_error"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as peer:
        out, _ = peer.communicate(b"R\n", PATIENCE_S)
    assert b"Verification: OK" in out and b"no renegotiation" in out


def test_old_versions_are_not_spoken(server):
    host, port = server.tls_address
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % (host, port), "-tls1_1", "-cipher",
         "DEFAULT@SECLEVEL=0"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode != 0 and b"protocol version" in done.stderr


def test_a_handshake_that_stalls_ends_at_the_deadline_of_the_first_message(tmp_path):
    server = TlsServer(tmp_path, "--first-frame-timeout-ms", "300")
    silent, begun = server.dial_bare(), server.dial_bare()
    begun.sendall(b"\x16\x03\x01\x02\x00\x01")
    assert read_to_end(silent) == read_to_end(begun) == b""
    done = server.dial_tls()   # a handshake is no first message
    assert done.closed()
    assert done.notifications[0][1][0]["code"] == "DEADLINE"
    server.remove()


def test_peers_that_stop_within_their_handshake_keep_nobody_waiting(server):
    halves = []
    for _ in range(100):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context(server.authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        halves.append((server.dial_bare(), outgoing.read()))
    plain = server.dial()
    for sock, hello in halves:
        sock.sendall(hello)
    for _ in range(100):
        plain.call("ping")
    assert server.dial_tls().call("ping")
    for sock, _ in halves:
        assert sock.recv(1)   # each was greeted, and may yet go on
        sock.close()


def test_a_hundred_handshakes_at_once_all_succeed(server):
    def connect(done):
        done.append(server.dial_tls().call("ping"))

    done = []
    threads = [threading.Thread(target=connect, args=(done,)) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(done) == 100


def test_too_many_connections_are_closed_without_a_word(tmp_path):
    server = TlsServer(tmp_path, "--connections-max", "1")
    first = server.dial_tls()
    first.call("ping")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.dial_tls()
    server.remove()


# ---- files and options ----

def replace(server, issued):
    """Put ISSUED in the place of the server's certificate."""
    for old, new in ((server.certificate.certificate, issued.certificate),
                     (server.certificate.key, issued.key)):
        with open(new, "rb") as file, open(old, "wb") as out:
            out.write(file.read())


def serial(connection):
    return connection.sock.getpeercert()["serialNumber"]


def test_sighup_reads_the_certificate_again_and_drops_nobody(tmp_path):
    server = TlsServer(tmp_path, "--loops", "2")
    before = server.dial_tls()
    replace(server, server.authority.issue("next", "DNS:localhost"))
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("tls_files_read")
    after = server.dial_tls()
    assert serial(before) != serial(after)
    assert before.call("ping") and after.call("ping")

    with open(server.certificate.key, "w") as file:
        file.write("no key")
    server.process.send_signal(signal.SIGHUP)
    (line,) = server.wait_for("tls_files_not_read")
    assert server.certificate.key in line["why"]
    assert serial(server.dial_tls()) == serial(after)
    server.remove()


def fails_to_start(*options):
    server = Server(*options, start=False)
    try:
        with pytest.raises(StartFailed) as error:
            server.start()
        assert error.value.status != 0
        return error.value.text
    finally:
        server.remove()


def test_what_cannot_be_used_is_named(tmp_path):
    ca = Authority(tmp_path)
    good, other = ca.issue("localhost"), ca.issue("other")
    locked = Certificate(good.certificate, str(tmp_path / "locked.key"))
    subprocess.run(["openssl", "ec", "-in", good.key, "-aes128", "-passout", "pass:x", "-out",
                    locked.key], check=True, capture_output=True)
    for certificate, key, named in (
            (good.certificate, other.key, other.key), (good.certificate, "/nonexistent", "No such"),
            ("/nonexistent", good.key, "/nonexistent"), (good.key, good.key, good.key),
            (good.certificate, locked.key, locked.key)):
        assert named in fails_to_start("--tls-listen", "127.0.0.1:0", "--tls-certificate",
                                       certificate, "--tls-key", key)
    assert "--tls-key" in fails_to_start("--tls-certificate", good.certificate)
    assert "--tls-certificate" in fails_to_start("--tls-listen", "127.0.0.1:0")
    assert "--tls-client-ca" in fails_to_start(
        "--tls-client-required", "--tls-certificate", good.certificate, "--tls-key", good.key)


# ---- plain TCP ----

def inherited(*options):
    """Start with a socket on every address; what is said, or nothing if it serves."""
    server = Server(*options, start=False)
    server.listener.close()
    server.listener = socket.create_server(("0.0.0.0", 0))
    try:
        server.start()
        return ""
    except StartFailed as failed:
        return failed.text
    finally:
        server.remove()


def test_an_inherited_socket_that_others_can_reach_is_refused_unless_asked_for():
    text = inherited()
    assert "0.0.0.0:" in text and "--tls-listen" in text and "--allow-plain-tcp" in text
    assert inherited("--allow-plain-tcp") == ""


class FromSystemd(TlsServer):
    """Gets its first socket as systemd passes one that is called "tls"."""

    def __init__(self, folder, *options):
        super().__init__(folder, *options, listens=False)
        self.listener.close()
        self.listener = socket.create_server(("0.0.0.0", 0), backlog=128)
        self.start()

    def command(self):
        # LISTEN_PID must be that of the process itself, so Python says it and becomes it.
        say = ("import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update("
               "LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='tls'); "
               "os.execv(sys.argv[2], sys.argv[2:])")
        return [sys.executable, "-c", say, str(self.listener.fileno()), CUSTOMERD, "--data",
                self.data, "--unix", self.unix, *self.options]


def test_a_socket_that_systemd_calls_tls_speaks_tls(tmp_path):
    server = FromSystemd(tmp_path)
    assert int(server.ready["tls_listen"].rpartition(":")[2]) == server.listener.getsockname()[1]
    assert server.ready["listen"] == ""   # which was not asked for
    assert server.dial_tls().call("ping")
    server.remove()


def test_such_a_socket_without_a_certificate_is_refused(tmp_path):
    server = FromSystemd.__new__(FromSystemd)
    Server.__init__(server, start=False)
    with pytest.raises(StartFailed, match="--tls-certificate"):
        server.start()
    server.remove()

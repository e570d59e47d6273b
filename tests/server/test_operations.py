"""What an operator meets: full disks, files gone wrong, systemd, signals, other users."""

import os
import signal
import socket
import stat
import subprocess

import pytest

from support.customerd import (CUSTOMERD, PATIENCE_S, Client, Refused, Server, Shop, StartFailed,
                               describe, get, must_create, must_update, refused, wait_until)

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


# -- memory for what is read ---------------------------------------------------------------


@pytest.mark.parametrize("options, is_kept", [
    ([], True), (["--cache-bytes-max", "64K"], True), (["--cache-bytes-max", "0"], False),
    (["--loops", "2", "--cache-bytes-max", "100K"], False)])   # too little for each of both
def test_what_is_read_again_comes_from_memory_as_far_as_that_goes(options, is_kept):
    with Server(*options) as server:
        shop = Shop(server)
        ada = must_create(shop.c)
        for n in range(10):
            assert get(shop.c, ada) == ada
            assert get(shop.c, ada) == ada
            ada = must_update(shop.c, ada, company=str(n))
        counters = shop.operator.call("server.status")["counters"]
        assert (counters["cache_hits"] >= 10) == is_kept
        assert (counters["cache_misses"] >= 10) == is_kept
        assert (counters["cache_bytes"] > 0) == is_kept
        assert counters["cache_bytes"] <= 64 * 1024
        shop.close()


# -- a full database ------------------------------------------------------------------------


@pytest.fixture
def small(own_server):
    """A shop on a server that may keep two mebibytes."""
    own_server.terminate()
    own_server.options = ("--db-bytes-max", "2M")
    own_server.start()
    shop = Shop(own_server)
    yield shop
    shop.close()


def fill(shop):
    """Create customers until there is no room; those that were made."""
    made = []
    while True:
        try:
            made.append(must_create(shop.c, metadata={"a": "x" * 8000}))
        except Refused as refusal:
            assert refusal.code == "STORAGE_FULL" and refusal.retryable
            return made


def test_a_full_database_refuses_writes_by_name_and_goes_on_reading(small):
    made = fill(small)
    assert len(made) > 10
    for _ in range(20):
        refused(small.c, "customer.update", {"id": made[0]["id"], "set": {
            "jwt_custom_claim": {"a": "x" * 8000}}}, "STORAGE_FULL")
        assert get(small.c, made[-1]) == made[-1]
    assert small.c.call("customer.list", {"limit": 1})["total"] == len(made)


def test_deletes_make_room_in_a_full_database_and_writes_resume(small):
    for _ in range(5):
        made = fill(small)
        for record in made:
            small.c.call("customer.delete", {"id": record["id"]})

        def has_room():
            try:
                must_create(small.c)
                return True
            except Refused as refusal:
                assert refusal.code == "STORAGE_FULL"
                return False
        wait_until(has_room, "for room after deletes")
    small.server.terminate()
    assert small.server.verify()[0] == 0


def test_a_full_database_starts_again(small):
    made = fill(small)
    with pytest.raises(Refused):
        small.token()
    small.server.restart()
    operator = small.server.operator()
    assert operator.call("store.list")["items"][0]["id"] == small.store
    status = operator.call("server.status")
    assert status["storage"]["bytes_used"] <= status["storage"]["bytes_max"]
    assert made
    operator.close()


# -- files ----------------------------------------------------------------------------------


@pytest.fixture
def stopped(own_server):
    shop = Shop(own_server)
    must_create(shop.c)
    shop.close()
    own_server.terminate()
    own_server.file = os.path.join(own_server.data, "data.mdb")
    return own_server


def start_refused(server):
    with pytest.raises(StartFailed) as failed:
        server.start()
    server.process = None
    assert failed.value.status == 1 and "Sanitizer" not in failed.value.text
    return failed.value.text


def test_a_directory_in_place_of_the_file_is_refused(stopped):
    os.unlink(stopped.file)
    os.mkdir(stopped.file)
    assert "data.mdb" in start_refused(stopped)


def test_a_symbolic_link_in_place_of_the_file_is_refused(stopped):
    os.rename(stopped.file, stopped.file + ".real")
    os.symlink(stopped.file + ".real", stopped.file)
    assert "data.mdb" in start_refused(stopped)


def test_a_file_that_others_may_read_is_refused_or_closed_to_them(stopped):
    os.chmod(stopped.file, 0o644)
    try:
        stopped.start()
    except StartFailed as failed:
        stopped.process = None
        assert "data.mdb" in failed.text
    else:
        # The directory keeps them out in any case.
        assert stat.S_IMODE(os.stat(stopped.data).st_mode) == 0o700


@AS_ROOT
def test_a_directory_of_another_user_is_refused(stopped):
    os.chown(stopped.data, 65534, -1)
    assert stopped.data in start_refused(stopped)
    os.chown(stopped.data, 0, -1)


def test_whatever_lies_beside_the_database_does_no_harm(stopped):
    for name in os.listdir(stopped.data):
        if name != "data.mdb":
            os.unlink(os.path.join(stopped.data, name))
    with open(os.path.join(stopped.data, "lock.mdb"), "wb") as file:
        file.write(b"garbage" * 100)
    os.mkdir(os.path.join(stopped.data, "lost+found"))
    try:
        stopped.start()
        assert len(stopped.operator().call("store.list")["items"]) == 1
    except StartFailed as failed:
        stopped.process = None
        assert stopped.data in failed.text or "lock.mdb" in failed.text


# -- systemd --------------------------------------------------------------------------------


def test_systemd_hands_a_socket_over_and_is_told_when_all_is_ready(own_server):
    own_server.terminate()
    notify_path = os.path.join(own_server.root, "notify")
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(notify_path)
    notify.settimeout(PATIENCE_S)
    fd = own_server.listener.fileno()

    def become_a_service():
        os.dup2(fd, 3)
        os.environ["LISTEN_PID"] = str(os.getpid())

    # LISTEN_PID must be that of the process itself, so a shell says it and becomes it.
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" --data "$1"', CUSTOMERD,
         own_server.data],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=become_a_service,
        close_fds=False, env=dict(os.environ, NOTIFY_SOCKET=notify_path))
    try:
        assert b"READY=1" in notify.recv(4096)
        c = own_server.dial()
        assert c.call("ping")["time"] > 0
        c.close()
        process.terminate()
        assert b"STOPPING=1" in notify.recv(4096)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        notify.close()


def test_a_descriptor_that_is_no_listening_socket_is_refused(tmp_path):
    os.chmod(tmp_path, 0o700)
    with open(os.devnull, "rb") as null:
        done = subprocess.run(
            [CUSTOMERD, "--data", str(tmp_path), "--listen-fd", str(null.fileno())],
            pass_fds=[null.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            timeout=PATIENCE_S)
    assert done.returncode == 1 and b"listening socket" in done.stderr


# -- signals ----------------------------------------------------------------------------------


def test_signals_during_load_do_no_harm(own_server):
    shop = Shop(own_server)
    ada = must_create(shop.c)
    pending = []
    for n in range(100):
        pending.append(shop.c.send("customer.update", {"id": ada["id"],
                                                       "set": {"company": str(n)}}))
        if n % 10 == 0:
            own_server.process.send_signal(signal.SIGPIPE)
            own_server.process.send_signal(signal.SIGHUP)
    for msgid in pending:
        shop.c.wait(msgid)
    assert get(shop.c, ada)["revision"] == 101
    shop.close()


def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(own_server):
    shop = Shop(own_server)
    token = shop.token()
    ada = must_create(shop.c)
    own_server.process.send_signal(signal.SIGTERM)
    own_server.process.send_signal(signal.SIGINT)
    own_server.wait()
    own_server.start()
    assert get(own_server.dial(token), ada) == ada
    shop.close()


def test_a_server_that_was_suspended_goes_on(own_server):
    shop = Shop(own_server)
    ada = must_create(shop.c)
    own_server.process.send_signal(signal.SIGSTOP)
    msgid = shop.c.send("customer.update", {"id": ada["id"], "set": {"company": "x"}})
    shop.c.sock.settimeout(0.3)
    with pytest.raises(socket.timeout):
        shop.c.receive()
    shop.c.sock.settimeout(PATIENCE_S)
    own_server.process.send_signal(signal.SIGCONT)
    assert shop.c.wait(msgid)["revision"] == 2
    shop.close()


# -- other users of the machine ------------------------------------------------------------------


def call_as(uid, path, method, args, **meta):
    """Call METHOD over the unix socket as another user: the code, or OK."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = "nothing"
        try:
            os.setgid(65534)
            os.setuid(uid)
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            try:
                Client(sock).call(method, args, **meta)
                code = "OK"
            except Refused as refusal:
                code = refusal.code
        except OSError as error:
            code = os.strerror(error.errno)
        finally:
            os.write(writing, code.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        code = answer.read()
    os.waitpid(child, 0)
    return code


def open_to_all(server):
    """Let every user of the machine reach the server's unix socket."""
    os.chmod(server.root, 0o755)
    os.chmod(server.unix, 0o777)


@pytest.fixture
def public_socket(own_server):
    open_to_all(own_server)
    return own_server


@AS_ROOT
def test_another_user_on_the_unix_socket_is_nobody(public_socket):
    for method in ("store.list", "server.status", "token.list"):
        assert call_as(65534, public_socket.unix, method, {}) == "UNAUTHENTICATED"
    assert call_as(65534, public_socket.unix, "ping", {}) == "OK"


@AS_ROOT
def test_another_user_on_the_unix_socket_may_show_a_token(public_socket):
    shop = Shop(public_socket)
    assert call_as(65534, public_socket.unix, "customer.list", {}, token=shop.token()) == "OK"
    shop.close()


@AS_ROOT
def test_another_user_can_be_named_operator():
    with Server("--admin-uid", "65534") as server:
        open_to_all(server)
        assert call_as(65534, server.unix, "store.list", {}) == "OK"
        assert call_as(65533, server.unix, "store.list", {}) == "UNAUTHENTICATED"


# -- what it says about itself ---------------------------------------------------------------------


def test_the_status_counts_what_happens(own_server):
    shop = Shop(own_server)
    ada = must_create(shop.c)
    before = shop.operator.call("server.status")
    for n in range(10):
        must_update(shop.c, ada, company=str(n))
        get(shop.c, ada)
    refused(shop.c, "customer.get", {"id": 2**53 - 1}, "NOT_FOUND")
    after = shop.operator.call("server.status")
    assert after["sequence"] == before["sequence"] + 10
    calls = {name: after["methods"][name]["calls"] - before["methods"][name]["calls"]
             for name in after["methods"]}
    assert calls["customer.update"] == 10 and calls["customer.get"] == 11
    assert (after["methods"]["customer.get"]["errors"] -
            before["methods"]["customer.get"]["errors"]) == 1
    assert after["writer"]["commits"] > before["writer"]["commits"]
    assert after["uptime_ms"] >= before["uptime_ms"]
    assert set(after["methods"]) == {m["name"] for m in describe()["methods"]}
    shop.close()


def test_hello_announces_the_limits_of_the_code(server):
    c = server.dial()
    hello = c.call("hello", {"proto": 1, "client": {"name": "test", "version": "1"}})
    tables = describe()
    assert hello["proto"] == tables["proto"] and hello["version"] == tables["version"]
    assert hello["limits"].items() <= tables["limits"].items()
    assert {"ordered", "cancel", "idempotency_key", "dry_run"} <= set(hello["features"])
    other = server.dial()
    assert other.call("hello")["conn"] != hello["conn"]
    c.close()
    other.close()


@pytest.mark.parametrize("args, errors", [
    ({"proto": 2}, {"proto": "NOT_IN_LIST"}), ({"proto": "1"}, {"proto": "WRONG_TYPE"}),
    ({"client": "x"}, {"client": "WRONG_TYPE"}), ({"ordered": 1}, {"ordered": "WRONG_TYPE"})])
def test_a_bad_hello_is_refused_by_name(server, args, errors):
    c = server.dial()
    refused(c, "hello", args, "INVALID", errors)
    assert c.call("ping")["time"] > 0
    c.close()

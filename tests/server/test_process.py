"""The process: starting, refusing to start, stopping, restarting, verifying, logging."""

import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess

import msgpack
import pytest

from support.customerd import (CUSTOMERD, PATIENCE_S, Client, Refused, Server, Shop, StartFailed,
                               describe, fresh, get, must_create, must_update, refused, run)


def start_refused(server):
    """Starting must fail with a sentence; the sentence."""
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert failed.value.status == 1, failed.value
    assert "Sanitizer" not in failed.value.text
    server.process = None
    return failed.value.text


def fill(server):
    """A little of everything; what is needed to look at it again."""
    shop = Shop(server)
    group = must_create(shop.c, "group", name="VIP")
    must_create(shop.c, "tag", name="vip")
    ada = must_create(shop.c, first_name="Ada", group=group["id"], tags=["vip"],
                      password="secret", metadata={"a": [1, 2.5, None]})
    return shop, ada


def must_be_sound(server):
    """Everything that is stored fits together; the server ends for it."""
    if server.process:
        assert server.terminate() == 0
    assert server.verify() == (0, server.data + " is sound\n")


# -- starting ---------------------------------------------------------------------------------


def test_a_new_data_directory_has_no_tokens_and_no_stores(own_server):
    operator = own_server.operator()
    assert operator.call("store.list")["items"] == []
    assert operator.call("token.list")["items"] == []
    operator.close()


def test_the_data_is_for_its_owner_only(own_server):
    for name in os.listdir(own_server.data):
        mode = os.stat(os.path.join(own_server.data, name)).st_mode
        assert stat.S_IMODE(mode) & 0o077 == 0, name


def test_the_ready_line_says_where(own_server):
    assert own_server.ready["pid"] == own_server.process.pid
    assert own_server.ready["unix"] == own_server.unix
    assert str(own_server.address[1]) in own_server.ready["listen"]


def test_the_server_makes_its_own_sockets(own_server):
    own_server.terminate()
    process = subprocess.Popen(
        [CUSTOMERD, "--data", own_server.data, "--listen", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        ready = next(line for line in map(json.loads, process.stderr)
                     if line["event"] == "ready")
        host, _, port = ready["listen"].rpartition(":")
        c = Client(socket.create_connection((host, int(port))))
        assert c.call("ping")["time"] > 0
        c.close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_second_server_on_the_directory_is_refused(own_server):
    second = Server(start=False)
    shutil.rmtree(second.data)
    os.symlink(own_server.data, second.data)
    said = start_refused(second)
    assert "another" in said or "already" in said or "in use" in said, said
    os.unlink(second.data)
    os.mkdir(second.data, 0o700)
    assert own_server.dial().call("ping")["time"] > 0
    second.remove()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777])
def test_a_directory_that_others_may_enter_is_refused(own_server, mode):
    own_server.terminate()
    os.chmod(own_server.data, mode)
    said = start_refused(own_server)
    assert own_server.data in said and "chmod" in said, said
    os.chmod(own_server.data, 0o700)
    own_server.start()


def test_a_missing_directory_is_refused_or_made_for_the_owner_only(own_server):
    own_server.terminate()
    shutil.rmtree(own_server.data)
    try:
        own_server.start()
        assert stat.S_IMODE(os.stat(own_server.data).st_mode) == 0o700
    except StartFailed as failed:
        own_server.process = None
        assert own_server.data in failed.text


def test_a_file_instead_of_a_directory_is_refused(own_server):
    own_server.terminate()
    shutil.rmtree(own_server.data)
    with open(own_server.data, "w", encoding="ascii"):
        pass
    assert own_server.data in start_refused(own_server)
    os.unlink(own_server.data)
    os.mkdir(own_server.data, 0o700)


# -- damage -------------------------------------------------------------------------------------


def data_file(server):
    """The one large file of the database."""
    files = [os.path.join(server.data, name) for name in os.listdir(server.data)]
    return next(path for path in files if os.path.basename(path) == "data.mdb")


def truncate(path, size):
    os.truncate(path, size)


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


DAMAGE = {
    "half": lambda p: truncate(p, os.path.getsize(p) // 8192 * 4096),
    "all but a page": lambda p: truncate(p, 4096),
    "all but a byte": lambda p: truncate(p, 1),
    "everything": lambda p: truncate(p, 0),
    "garbage": lambda p: overwrite(p, 0, os.urandom(os.path.getsize(p))),
    "both meta pages": lambda p: overwrite(p, 0, bytes(8192)),
    "text": lambda p: (truncate(p, 0), overwrite(p, 0, b"hello\n" * 2000)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_with_a_sentence(own_server, damage):
    fill(own_server)[0].close()
    own_server.terminate()
    DAMAGE[damage](data_file(own_server))
    said = start_refused(own_server)
    assert "data.mdb" in said and "backup" in said, said
    status, said = own_server.verify()
    assert status == 1 and "data.mdb" in said and "backup" in said, said


def test_a_newer_file_is_refused_with_a_sentence(own_server):
    """The version of the format stands in LMDB's table and in ours; LMDB's is at 20."""
    own_server.terminate()
    path = data_file(own_server)
    with open(path, "rb") as file:
        page = file.read(8192)
    for offset in (0, 4096):
        magic, version = struct.unpack_from("<II", page, offset + 16)
        assert (magic, version) == (0xBEEFC0DE, 1)
        overwrite(path, offset + 20, struct.pack("<I", 9999))
    assert "version" in start_refused(own_server)


def test_a_damaged_value_is_never_answered(own_server):
    """One bit in a customer's own text: DAMAGED, and verify names it."""
    shop = Shop(own_server)
    token = shop.token()
    needle = fresh("needle-") * 3
    ada, eve = must_create(shop.c, company=needle), must_create(shop.c)
    shop.close()
    own_server.terminate()
    path = data_file(own_server)
    with open(path, "rb") as file:
        data = file.read()
    at = data.find(needle.encode())
    assert at > 0
    while at > 0:
        overwrite(path, at, bytes([data[at] ^ 1]))
        at = data.find(needle.encode(), at + 1)
    status, said = own_server.verify()
    assert status != 0 and needle not in said
    own_server.start()
    c = own_server.dial(token)
    refused(c, "customer.get", {"id": ada["id"]}, "DAMAGED")
    assert get(c, eve) == eve
    assert c.call("ping")["time"] > 0
    c.close()


# -- stopping and restarting -----------------------------------------------------------------------


def test_a_restart_keeps_everything(own_server):
    shop, ada = fill(own_server)
    token = shop.token()
    before = {noun: shop.c.call(noun + ".list") for noun in ("customer", "group", "tag")}
    tokens = shop.operator.call("token.list")
    update = {"id": ada["id"], "set": {"company": "x"}}
    first = shop.dial_token(token).call("customer.update", update, idempotency_key="k")
    shop.close()
    own_server.restart()
    c = own_server.dial(token)
    assert c.call("customer.update", update, idempotency_key="k") == first
    assert get(c, ada)["company"] == "x"
    must_update(c, ada, company=None)
    for noun, expected in before.items():
        answer = c.call(noun + ".list")
        for item in answer["items"] + expected["items"]:
            if noun == "customer":
                del item["revision"], item["updated_at"]
        assert answer == expected
    assert c.call("customer.verify_password", {"id": ada["id"], "password": "secret"})["matches"]
    assert own_server.operator().call("token.list") == tokens
    must_be_sound(own_server)


def test_ids_are_not_used_again_after_a_restart(own_server):
    shop, ada = fill(own_server)
    token = shop.token()
    last = must_create(shop.c)
    shop.c.call("customer.delete", {"id": last["id"]})
    shop.close()
    own_server.restart()
    c = own_server.dial(token)
    assert must_create(c)["id"] > last["id"]
    c.close()


def test_a_clean_stop_answers_what_is_committed_and_refuses_the_rest(own_server):
    """Under full load: every OK is there afterwards, every refusal is not."""
    shop = Shop(own_server)
    token = shop.token()
    clients = [shop.dial() for _ in range(4)]
    emails = {}
    for c in clients:
        for _ in range(120):
            email = fresh("stop") + "@example.com"
            emails[c, c.send("customer.create", {"set": {"email": email}})] = email
    clients[0].receive()
    assert own_server.terminate() == 0
    done, refused_emails, unanswered = set(), set(), set()
    for (c, msgid), email in emails.items():
        try:
            c.wait(msgid)
            done.add(email)
        except Refused as refusal:
            assert refusal.code == "SHUTTING_DOWN" and refusal.retryable
            refused_emails.add(email)
        except OSError:
            unanswered.add(email)
    own_server.start()
    c = own_server.dial(token)
    there = {item["email"] for item in c.call("customer.list", {"limit": 1000})["items"]}
    assert done and done <= there
    assert not there & refused_emails
    assert there <= done | unanswered
    must_be_sound(own_server)


def test_idle_connections_do_not_hold_up_a_stop(own_server):
    idle = [own_server.dial() for _ in range(20)]
    half = own_server.dial()
    for c in idle + [half]:
        c.call("ping")
    half.send_raw(b"\x94\x00\x01")
    assert own_server.terminate() == 0
    for c in idle + [half]:
        assert c.closed()


def test_interrupt_stops_as_cleanly_as_terminate(own_server):
    own_server.process.send_signal(signal.SIGINT)
    assert own_server.wait() == 0
    must_be_sound(own_server)


def test_a_killed_server_starts_again(own_server):
    shop, ada = fill(own_server)
    token = shop.token()
    own_server.kill()
    own_server.start()
    c = own_server.dial(token)
    assert get(c, ada) == ada
    must_be_sound(own_server)


# -- the other commands ------------------------------------------------------------------------------


def test_verify_walks_a_good_directory(own_server):
    fill(own_server)[0].close()
    must_be_sound(own_server)


def test_a_directory_that_is_served_is_not_verified(own_server):
    status, said = own_server.verify()
    assert status == 1 and own_server.data in said, said


def test_verify_of_nothing_fails(tmp_path):
    status, said = run("verify", str(tmp_path / "nowhere"))
    assert status == 1 and "nowhere" in said


def test_version_names_the_program():
    status, said = run("--version")
    assert status == 0 and said.startswith("customerd ")


def test_help_names_every_option():
    status, said = run("--help")
    assert status == 0
    for option in describe()["options"]:
        assert "--" + option["name"] in said


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["--loops", "0"], ["--loops", "x"], ["--data"], ["extra"],
    ["--loops", "2", "--loops", "2"], ["--listen", "nowhere"], ["--listen", "0.0.0.0:1"],
    ["--db-bytes-max", "1"], ["--listen-fd", "999"], ["--log-level", "loud"]])
def test_a_bad_option_is_refused_with_a_sentence(tmp_path, arguments):
    os.chmod(tmp_path, 0o700)
    status, said = run("--data", str(tmp_path), *arguments)
    assert status != 0 and said.strip(), arguments
    assert "Sanitizer" not in said


def test_without_a_directory_nothing_starts():
    status, said = run()
    assert status != 0 and "data" in said


# -- the configuration file ------------------------------------------------------------------------------


def test_the_file_gives_what_flags_do_not(own_server, tmp_path):
    own_server.terminate()
    path = tmp_path / "customerd.conf"
    path.write_text("# a comment\nloops = 3\nlog-level = debug\n")
    own_server.options = ("--config", str(path), "--log-level", "info")
    own_server.start()
    assert own_server.dial().call("ping")["time"] > 0


@pytest.mark.parametrize("text, line", [
    ("colour = red\n", 1), ("\nloops = 0\n", 2), ("loops = 2\nloops = 2\n", 2),
    ("loops\n", 1), ("[section]\nloops = 2\n", 2), ("help = yes\n", 1),
    ("loops = " + "1" * 5000 + "\n", 1)])
def test_a_wrong_line_of_the_file_is_refused_by_its_number(tmp_path, text, line):
    path = tmp_path / "customerd.conf"
    path.write_text(text)
    status, said = run("--data", str(tmp_path), "--config", str(path))
    assert status == 2 and "%s:%d: " % (path, line) in said, said


def test_a_missing_file_is_refused(tmp_path):
    status, said = run("--data", str(tmp_path), "--config", str(tmp_path / "nowhere"))
    assert status != 0 and "nowhere" in said


# -- the log ------------------------------------------------------------------------------------------------


def test_every_log_line_is_a_json_object(own_server):
    fill(own_server)[0].close()
    own_server.terminate()
    assert own_server.log
    for line in own_server.log:
        entry = json.loads(line)
        assert {"time", "level", "event"} <= set(entry), line
        assert line.isascii()


def test_no_personal_data_and_no_secret_is_logged(own_server):
    own_server.terminate()
    own_server.options = ("--log-level", "debug")
    own_server.start()
    canary = fresh("canary")
    shop = Shop(own_server, name=canary)
    ada = must_create(shop.c, email=canary + "@example.com", first_name=canary,
                      password=canary, metadata={canary: canary}, reference=canary)
    secrets = [canary, shop.token(), shop.token()]
    for method, args in (("customer.find", {"email": canary + "@example.com"}),
                         ("customer.verify_password", {"id": ada["id"], "password": canary}),
                         ("customer.get", {"uid": canary}), (canary, {}),
                         ("customer.create", {"set": {canary: canary, "email": canary}}),
                         ("hello", {"token": canary + "-token"}),
                         ("customer.list", {})):
        try:
            shop.c.call(method, args, idempotency_key=canary, traceparent=canary)
        except Refused:
            pass
    for raw in (b"\xc1" + canary.encode(), msgpack.packb([2, canary, [canary]]),
                msgpack.packb([0, 1, canary])):
        c = own_server.dial()
        c.send_raw(raw)
        c.sock.shutdown(socket.SHUT_WR)
        assert c.closed()
    shop.close()
    own_server.terminate()
    log = "\n".join(own_server.log)
    for secret in secrets:
        assert secret not in log

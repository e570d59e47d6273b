"""Tokens and passwords are in no log line, file, change or backup, nor left in memory."""

import os

import msgpack
import pytest

from support.customerd import (SCOPES, Refused, Server, Shop, fresh, must_create, wait_until)

PASSWORDS = ["passwordcanary %d" % n for n in range(3)]
LONG_END = "the end of the passwordcanary"     # behind what other requests overwrite
LONG = 300 * "x" + LONG_END
GIVEN = "tokencanary0123456789"
REGION_BYTES_MAX = 256 << 20


def memory_has(pid, words):
    """Which of WORDS are in the writable memory of the process: what a core dump holds."""
    found = set()
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            place, access = line.split()[:2]
            begin, end = (int(number, 16) for number in place.split("-"))
            if "w" not in access or end - begin > REGION_BYTES_MAX:
                continue
            memory.seek(begin)
            try:
                region = memory.read(end - begin)
            except OSError:
                continue    # gone since, or not ours
            found |= {word for word in words if word.encode() in region}
    return found


def files_have(directory, words):
    found = set()
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            content = file.read()
        found |= {word for word in words if word.encode() in content}
    return found


def use_secrets(shop, token):
    """Everything that is done with a token and with passwords, rightly and wrongly."""
    c = shop.server.dial()
    c.call("hello", {"token": token})
    c.call("customer.list", token=token)
    with pytest.raises(Refused):
        c.call("customer.list", token=token[:-1] + "!")
    email = fresh("ada") + "@example.com"
    ada = c.call("customer.create", {"set": {"email": email, "password": PASSWORDS[0]}},
                 idempotency_key=fresh("key"))
    c.call("customer.update_many", {"updates": [
        {"id": ada["id"], "set": {"password": PASSWORDS[1]}}]})
    for password, matches in ((PASSWORDS[1], True), (PASSWORDS[2], False)):
        assert c.call("customer.verify_password", {
            "email": email, "password": password})["matches"] is matches
    with pytest.raises(Refused):
        c.call("customer.create", {"set": {"email": "bad", "password": PASSWORDS[0]}})
    c.close()


def send_in_two_parts(shop, method, arguments):
    """As a network may; on a connection that stays."""
    c = shop.c
    request = msgpack.packb(c.request(1000, method, arguments))
    c.send_raw(request[:-5])
    shop.operator.call("ping")     # the same loop: what came before has been read
    c.send_raw(request[-5:])
    c.wait(1000)


@pytest.fixture
def shop():
    # Dumpable, so that who is not root may look as well.
    with Server("--log-level", "debug", "--core-dumps") as server:
        yield Shop(server)


def test_secrets_are_kept_nowhere(shop):
    made = shop.operator.call("token.create", {"set": {
        "name": "made", "store": shop.store, "scopes": SCOPES}})["token"]
    shop.operator.call("token.create", {"token": GIVEN, "set": {
        "name": "given", "store": shop.store, "scopes": SCOPES}})
    secrets = [*PASSWORDS, LONG_END, GIVEN, made, made[4:]]
    for token in (made, GIVEN):
        use_secrets(shop, token)
    ada = must_create(shop.c)
    send_in_two_parts(shop, "customer.update", {"id": ada["id"], "set": {"password": LONG}})
    with pytest.raises(Refused):
        shop.c.call("customer.update", {"id": ada["id"], "set": {
            "password": LONG, "email": "bad"}})
    shop.operator.call("ping")

    changes = shop.c.call("change.read", {"after": 0})
    assert changes["items"] and not [word for word in secrets if word in str(changes)]
    copy = os.path.join(shop.server.root, "copy")
    shop.operator.call("server.backup", {"directory": copy})
    assert not files_have(copy, secrets) and not files_have(shop.server.data, secrets)
    if os.environ.get("VARIANT", "release") == "release":
        pid = shop.server.process.pid
        assert memory_has(pid, [shop.server.unix]), "the search finds what is there"
        wait_until(lambda: not memory_has(pid, secrets), "for secrets to leave the memory")
    assert shop.server.terminate() == 0
    log = "\n".join(shop.server.log)
    assert "customer.verify_password" in log
    assert not [word for word in secrets if word in log]


def test_the_search_of_files_finds_what_is_there(shop):
    must_create(shop.c, company="a company that is no secret")
    assert files_have(shop.server.data, ["a company that is no secret"])

"""customerctl backup: a copy that is whole, private, and as good as the database."""

import os
import stat

import pytest

from support.customerctl import CUSTOMERCTL
from support.customerd import (Refused, Server, Shop, get, must_create, must_update, refused,
                               run)


def backup(c, server, name="copy"):
    path = os.path.join(server.root, name)
    assert c.call("server.backup", {"directory": path})["rows"] > 0
    return path


def leftovers(server):
    return sorted(name for name in os.listdir(server.root) if name not in ("data", "socket"))


def use(server, path):
    """Go on with the copy at PATH in the place of SERVER's database."""
    assert server.terminate() == 0
    assert run("verify", path) == (0, "%s is sound\n" % path)
    os.rename(server.data, server.data + ".old")
    os.rename(path, server.data)
    server.start()


@pytest.fixture
def own():
    with Server() as server:
        yield Shop(server)


def test_a_copy_takes_the_place_of_the_database(own):
    ada = must_create(own.c, email="ada@example.com")
    token = own.token()
    path = backup(own.operator, own.server)
    must_update(own.c, ada, company="later")
    use(own.server, path)
    c = own.server.dial(token)
    assert c.call("customer.get", {"id": ada["id"]}) == ada
    assert must_update(c, ada, company="anew")["revision"] == ada["revision"] + 1
    assert must_create(c)["id"] > ada["id"]


def test_only_the_owner_may_look_at_a_copy(own):
    path = backup(own.operator, own.server)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    assert os.listdir(path) == ["data.mdb"]
    assert stat.S_IMODE(os.stat(path + "/data.mdb").st_mode) == 0o600
    assert leftovers(own.server) == ["copy"]


def test_what_cannot_be_a_directory_is_refused(own):
    root = own.server.root
    call = own.operator, "server.backup"
    refused(*call, {}, "INVALID", {"directory": "REQUIRED"})
    refused(*call, {"directory": "copy"}, "INVALID", {"directory": "BAD_FORMAT"})
    refused(*call, {"directory": root}, "INVALID", {"directory": "TAKEN"})
    refused(*call, {"directory": own.server.data}, "INVALID", {"directory": "TAKEN"})
    refusal = refused(*call, {"directory": root + "/none/copy"}, "STORAGE_FAILED")
    assert "none/copy.partial" in refusal.message
    open(root + "/file", "w").close()
    refused(*call, {"directory": root + "/file/copy"}, "STORAGE_FAILED")
    assert leftovers(own.server) == ["file"]


def test_a_stop_ends_a_backup_and_leaves_it_whole_or_not_at_all(own):
    for n in range(50):
        must_create(own.c, notes="x" * 4000)
    path = os.path.join(own.server.root, "copy")
    msgid = own.operator.send("server.backup", {"directory": path})
    assert own.server.terminate() == 0
    try:
        own.operator.wait(msgid)
        assert run("verify", path)[0] == 0
        assert leftovers(own.server) == ["copy"]
    except (Refused, ConnectionError) as problem:
        assert getattr(problem, "code", "SHUTTING_DOWN") == "SHUTTING_DOWN"
        assert leftovers(own.server) == []


def test_it_goes_on_when_nobody_waits_for_it(own):
    path = os.path.join(own.server.root, "copy")
    somebody = own.server.operator()
    somebody.send("server.backup", {"directory": path})
    somebody.call("ping")   # so it has begun
    somebody.close()
    assert own.server.terminate() == 0
    # It was ended by the stop, if it was not done by then.
    ended = [line for line in own.server.log if '"job_ended"' in line]
    assert len(ended) == 1
    assert os.path.exists(path) == ('"OK"' in ended[0])


def test_status_and_log_tell_how_it_went(own):
    job = own.operator.call("server.status")["job"]
    assert job == {"running": None, "rows": 0, "last": None, "status": None,
                   "ended_at": None, "took_ms": 0, "done": 0}
    backup(own.operator, own.server)
    refused(own.operator, "server.backup", {"directory": "/proc/copy"}, "STORAGE_FAILED")
    job = own.operator.call("server.status")["job"]
    assert (job["running"], job["last"], job["status"], job["done"]) == (
        None, "server.backup", "STORAGE_FAILED", 1)
    assert own.server.terminate() == 0
    events = [line for line in own.server.log if '"job_' in line]
    assert ["job_started" in line for line in events] == [True, False, True, False]
    assert '"status":"OK"' in events[1] and '"status":"STORAGE_FAILED"' in events[3]


def test_the_command_takes_a_path_of_its_own_directory(own, tmp_path):
    import subprocess
    ada = must_create(own.c)
    os.mkdir(os.path.join(own.server.root, "here"))
    done = subprocess.run(
        [CUSTOMERCTL, "--unix", own.server.unix, "backup", "monday", "--json"],
        cwd=os.path.join(own.server.root, "here"), stdout=subprocess.PIPE)
    assert done.returncode == 0 and b'"rows"' in done.stdout
    assert run("verify", os.path.join(own.server.root, "here", "monday"))[0] == 0
    assert get(own.c, ada) == ada

"""customerctl: import and export."""

import csv
import json
import os
import pty
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from support.customerctl import (CUSTOMERCTL, DONE, NOT_CONNECTED, REFUSED, USAGE, ctl_tcp,
                                 ctl_unix)
from support.customerd import PATIENCE_S, Shop, must_create, wait_until

STOPPED = 5


@pytest.fixture
def run(server, shop, tmp_path):
    """Runs a command as the shop's token; files are in the test's own folder."""
    token = shop.token()

    def run(*words, **more):
        words = [str(tmp_path / word) if word.endswith((".csv", ".ndjson")) else word
                 for word in words]
        return ctl_tcp(server, *words, token=token, **more)

    run.token = token
    return run


def people(count, **fields):
    return [{"email": "c%d@example.com" % i, "first_name": "First %d" % i, **fields}
            for i in range(count)]


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def all_of(c):
    items, after = [], 0
    while after is not None:
        page = c.call("customer.list", {"limit": 1000, "after": after})
        items, after = items + page["items"], page["next"]
    return items


def test_ten_thousand_customers_go_in_and_out_in_little_memory(run, shop, tmp_path):
    write(tmp_path / "in.ndjson", people(10000, billing_address={"city": "Łódź"}))
    done = run("import", "in.ndjson")
    assert done.status == DONE and done.out == ""
    assert done.said.startswith("10000 created, 0 failed")
    assert sorted(os.listdir(tmp_path)) == ["in.ndjson"]
    assert run("export", "out.ndjson").status == DONE
    assert read(tmp_path / "out.ndjson") == all_of(shop.c)
    assert sorted(os.listdir(tmp_path)) == ["in.ndjson", "out.ndjson"]
    if os.environ.get("VARIANT", "release") == "release":
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert peak_kib < 64 * 1024   # of all children of this process, the tools


def test_what_is_exported_can_be_imported_elsewhere(run, server, shop, tmp_path):
    must_create(shop.c, "tag", name="vip")
    must_create(shop.c, email="ada@example.com", first_name="Ada, \"Countess\"", notes="a\nb",
                last_name="", tags=["vip"], metadata={"a": [1, {"b": None}]},
                date_of_birth="1815-12-10", channel_ids=[1, 2], tax_id_valid=False,
                billing_address={"city": "Zürich", "street": "1\r\n2"},
                contacts=[{"type": "EMAIL", "contact": "x@y.example"}],
                store_credit_amounts=[{"amount": 1.5}], total_orders_count=0)
    must_create(shop.c, email="eve@example.com")
    for name in ("out.ndjson", "out.csv"):
        assert run("export", name).status == DONE
        other = Shop(server)
        must_create(other.c, "tag", name="vip")
        done = ctl_tcp(server, "import", str(tmp_path / name), "--keep-ids",
                       token=other.token())
        assert done.status == DONE, done
        for before, after in zip(all_of(shop.c), all_of(other.c), strict=True):
            assert {**before, "updated_at": 0} == {**after, "updated_at": 0}
        other.close()


def test_csv_is_read_as_it_is_written_elsewhere(run, shop, tmp_path):
    (tmp_path / "in.csv").write_bytes(
        b'\xef\xbb\xbfemail,notes,billing_address.city,tax_exempt,_remark,first_name\r\n'
        b'ada@example.com,"A ""Countess"", so\r\nto say",London,false,x, 1 \r\n'
        b'\r\n'
        b'eve@example.com,"",,,,\r\n'
        b'bad@example.com,Eve,,maybe,,\n'
        b'many@example.com,a,b,true,x,1,2\n'
        b'quote@example.com,a"b"c,,,,\n'
        b'last@example.com,Zo\xc3\xab,,,,')
    done = run("import", "in.csv")
    assert done.status == REFUSED and done.said.startswith("3 created, 3 failed")
    ada, eve, last = all_of(shop.c)
    assert ada["notes"] == 'A "Countess", so\r\nto say'
    assert ada["billing_address"] == {"city": "London"} and ada["tax_exempt"] is False
    assert ada["first_name"] == " 1 " and eve["notes"] == "" and "first_name" not in eve
    assert last["notes"] == "Zoë"
    failed = read(tmp_path / "in.csv.failed")
    assert [(row["_line"], row["_error"]) for row in failed] == [
        (6, "tax_exempt is true or false"), (7, "has more cells than names"),
        (8, "its quotes are wrong")]


@pytest.mark.parametrize("names, why", [
    ("email,colour", 'no field "colour"'), ("", "no row of names"), ("email,phone,email", '"email" stands there twice'),
    ("email,contacts.0.type", 'nothing below "contacts"')])
def test_a_column_that_is_no_field_is_refused_before_anything_is_sent(run, tmp_path, names,
                                                                      why):
    (tmp_path / "in.csv").write_text(names + "\na@b.example,1\n" if names else "")
    done = run("import", "in.csv")
    assert done.status == USAGE and why in done.said


def test_lines_that_fail_go_to_a_file_with_their_reasons_and_can_be_mended(run, shop,
                                                                           tmp_path):
    lines = ['{"email": "ada@example.com"}', "", "{", '{"email": "nobody", "colour": "red"}',
             '{"email": "ada@example.com", "password": "secret"}', "[]", '{"email": "x"} y',
             '{"email": "eve@example.com"}', '{"email": "' + "x" * 300000 + '"}']
    (tmp_path / "in.ndjson").write_text("\n".join(lines))
    done = run("import", "in.ndjson", "--failed", "rejects.ndjson")
    assert done.status == REFUSED and done.said.startswith("2 created, 6 failed")
    assert "rejects.ndjson has the lines that failed" in done.said
    failed = read(tmp_path / "rejects.ndjson")
    assert [row["_line"] for row in failed] == [3, 4, 5, 6, 7, 9]
    assert "set.email has the wrong format; set.colour is not a field" in failed[1]["_error"]
    assert "set.email is already taken" in failed[2]["_error"]
    assert "too long" in failed[5]["_error"] and "secret" not in str(failed)
    failed[1].pop("colour")
    write(tmp_path / "again.ndjson", [{**failed[1], "email": "mended@example.com"}])
    assert run("import", "again.ndjson").status == DONE
    assert len(all_of(shop.c)) == 3


def test_json_says_how_it_went_on_stdout(run, tmp_path):
    write(tmp_path / "in.ndjson", people(3) + [{"email": "x"}])
    done = run("import", "in.ndjson", "--json", "--quiet")
    assert json.loads(done.out) == {"created": 3, "failed": 1, "complete": True}
    assert done.status == REFUSED and done.said == ""


def test_a_dry_run_changes_nothing(run, shop, tmp_path):
    write(tmp_path / "in.ndjson", people(300) + [{"email": "x"}])
    done = run("import", "in.ndjson", "--dry-run")
    assert done.status == REFUSED and "300 created, 1 failed" in done.said
    assert "dry run" in done.said and all_of(shop.c) == []
    assert not os.path.exists(tmp_path / "in.ndjson.state")


def test_updates_name_customers_by_id_or_uid(run, shop, tmp_path):
    made = [must_create(shop.c, email=person["email"]) for person in people(250)]
    rows = [{"id": one["id"], "phone": str(i)} if i % 2 else {"uid": one["uid"], "phone": str(i)}
            for i, one in enumerate(made)]
    rows[7]["colour"] = "red"           # refuses the whole call
    rows[8]["email"] = made[9]["email"]  # refuses itself alone
    rows.insert(150, {"id": 10**12, "phone": "nobody"})
    rows[200] = {"id": made[3]["id"]}    # nothing to do
    write(tmp_path / "in.ndjson", rows)
    done = run("import", "in.ndjson", "--update")
    assert done.status == REFUSED and done.said.startswith("248 updated, 3 failed")
    errors = {row["_line"]: row["_error"] for row in read(tmp_path / "in.ndjson.failed")}
    assert set(errors) == {8, 9, 151}
    assert "colour" in errors[8] and "already taken" in errors[9]
    assert errors[151].startswith("NOT_FOUND")
    assert sum("phone" in one for one in all_of(shop.c)) == 247


def test_passwords_are_updated_ten_at_a_time(run, shop, tmp_path):
    made = [must_create(shop.c) for _ in range(12)]
    write(tmp_path / "in.ndjson", [{"id": one["id"], "password": "secret"} for one in made])
    done = run("import", "in.ndjson", "--update")
    assert done.status == DONE, done
    assert all(one["has_password"] for one in all_of(shop.c))


def test_an_import_may_come_from_standard_input(run, shop):
    text = "".join(json.dumps(record) + "\n" for record in people(5))
    assert run("import", "-", stdin=text).status == DONE
    done = run("import", "-", "--format", "csv", stdin="email\nx@example.com\n")
    assert done.status == DONE and len(all_of(shop.c)) == 6


def test_an_export_may_go_to_standard_output_with_chosen_columns(run, shop):
    must_create(shop.c, "tag", name="vip")
    must_create(shop.c, email="ada@example.com", tags=["vip"],
                billing_address={"city": "a,b"})
    must_create(shop.c, email="eve@example.com")
    done = run("export", "-", "--format", "csv", "--columns", "email,billing_address.city")
    assert done.out == 'email,billing_address.city\nada@example.com,"a,b"\neve@example.com,\n'
    assert list(csv.reader(done.out.splitlines()))[1] == ["ada@example.com", "a,b"]
    vip = run("export", "-", "--tag", "vip")
    assert json.loads(vip.out)["email"] == "ada@example.com"
    assert run("export", "-", "--columns", "emial").status == USAGE


def test_who_may_not_is_told_once_and_nothing_is_left_behind(server, shop, tmp_path):
    write(tmp_path / "in.ndjson", people(300))
    for done in (ctl_tcp(server, "import", str(tmp_path / "in.ndjson"),
                         token=shop.token(["customers.read"])),
                 ctl_unix(server, "export", str(tmp_path / "out.ndjson"))):
        assert done.status == REFUSED and done.said.count("FORBIDDEN") == 1
    assert os.listdir(tmp_path) == ["in.ndjson"]
    done = ctl_tcp(type("Nobody", (), {"address": ("127.0.0.1", 1)}), "import",
                   str(tmp_path / "in.ndjson"))
    assert done.status == NOT_CONNECTED


# ---- stopping and going on ----


class Toll:
    """A way to the server that lets so many bytes through and then keeps the rest."""

    def __init__(self, server, bytes_max):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.server, self.left = server, bytes_max
        self.open = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self.server.address)
            threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()

    def _carry(self, source, target, is_counted):
        try:
            while data := source.recv(16384):
                if is_counted:
                    self.left -= len(data)
                    if self.left < 0:
                        self.open.wait(PATIENCE_S)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def begin(address, token, *words):
    return subprocess.Popen([CUSTOMERCTL, "--connect", "%s:%d" % address, *words],
                            env={**os.environ, "CUSTOMERD_TOKEN": token},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("name", ["in.ndjson", "in.csv"])
def test_an_import_that_was_ended_goes_on_without_doubling_or_leaving_out(
        run, server, shop, tmp_path, end, name):
    records = people(5000)
    for i in range(0, 5000, 100):
        records[i]["email"] = "wrong"
    if name.endswith("csv"):
        (tmp_path / name).write_text("email,first_name\n" + "".join(
            "%s,%s\n" % (r["email"], r["first_name"]) for r in records))
    else:
        write(tmp_path / name, records)
    toll = Toll(server, 200000)
    path, state = str(tmp_path / name), str(tmp_path / name) + ".state"
    process = begin(toll.address, run.token, "import", path)
    wait_until(lambda: toll.left < 0, "the import is on its way")
    if end == signal.SIGKILL:
        # The state is a second old at most.
        wait_until(lambda: os.path.exists(state), "a state")
    process.send_signal(end)
    toll.open.set()
    said = process.communicate(timeout=PATIENCE_S)[1]
    if end != signal.SIGKILL:
        assert process.returncode == STOPPED and "--resume goes on there" in said, said
    assert 0 < len(all_of(shop.c)) < 4950
    # What came behind the state will come again.
    with open(path + ".failed", "a", encoding="utf-8") as file:
        file.write('{"_line": 1')
    again = run("import", name)
    assert again.status == USAGE and "--resume" in again.said
    done = run("import", name, "--resume")
    assert done.status == REFUSED and done.said.startswith("4950 created, 50 failed"), done
    assert len(all_of(shop.c)) == 4950
    lines = [row["_line"] for row in read(tmp_path / (name + ".failed"))]
    first = 2 if name.endswith("csv") else 1
    assert lines == list(range(first, 5000 + first, 100))
    assert shop.c.call("change.read", {"limit": 1})["last"] == 4950
    assert not os.path.exists(state)


def test_an_import_survives_a_server_that_is_killed(own_server, tmp_path):
    shop = Shop(own_server)
    write(tmp_path / "in.ndjson", people(20000))
    process = begin(own_server.address, shop.token(), "import", str(tmp_path / "in.ndjson"))
    wait_until(lambda: shop.c.call("customer.list", {"limit": 1})["total"] > 500, "a start")
    own_server.kill()
    own_server.start()
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == DONE and said.startswith("20000 created, 0 failed"), said
    shop.close()


def test_resume_refuses_what_does_not_belong_together(run, server, shop, tmp_path):
    write(tmp_path / "in.ndjson", people(3000))
    toll = Toll(server, 100000)
    process = begin(toll.address, run.token, "import", str(tmp_path / "in.ndjson"))
    wait_until(lambda: toll.left < 0, "the import is on its way")
    process.send_signal(signal.SIGINT)
    toll.open.set()
    process.communicate(timeout=PATIENCE_S)
    assert "other options" in run("import", "in.ndjson", "--resume", "--update").said
    other = Shop(server)
    assert "another store" in ctl_tcp(server, "import", str(tmp_path / "in.ndjson"),
                                      "--resume", token=other.token()).said
    other.close()
    with open(tmp_path / "in.ndjson", "a", encoding="utf-8") as file:
        file.write("\n")
    assert "has changed" in run("import", "in.ndjson", "--resume").said
    write(tmp_path / "other.ndjson", people(1))
    assert "nothing to resume" in run("import", "other.ndjson", "--resume").said


@pytest.mark.parametrize("name", ["out.ndjson", "out.csv"])
def test_an_export_that_was_ended_goes_on(run, server, shop, tmp_path, name):
    write(tmp_path / "in.ndjson", people(6000))
    assert run("import", "in.ndjson").status == DONE
    assert run("export", "whole" + name[3:]).status == DONE
    toll = Toll(server, 260)
    process = begin(toll.address, run.token, "export", str(tmp_path / name))
    wait_until(lambda: toll.left < 0, "the export is on its way")
    wait_until(lambda: os.path.exists(tmp_path / (name + ".state")), "a state")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    toll.open.set()
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == STOPPED and "--resume goes on" in said, said
    assert not os.path.exists(tmp_path / name)
    with open(tmp_path / (name + ".part"), "a", encoding="utf-8") as file:
        file.write('{"id"')   # as a crash may leave it
    assert run("export", name, "--resume").status == DONE
    assert (tmp_path / name).read_bytes() == (tmp_path / ("whole" + name[3:])).read_bytes()


def test_a_bar_is_drawn_on_a_terminal_only(server, shop, tmp_path):
    write(tmp_path / "in.ndjson", people(20000))
    toll = Toll(server, 100000)   # so that there is a while to draw it in
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [CUSTOMERCTL, "--connect", "%s:%d" % toll.address, "import", str(tmp_path / "in.ndjson")],
        env={**os.environ, "CUSTOMERD_TOKEN": shop.token()}, stderr=slave)
    os.close(slave)
    said = b""
    try:
        while data := os.read(master, 65536):
            said += data
            if b"left" in said:
                toll.open.set()
    except OSError:
        pass
    os.close(master)
    assert process.wait(PATIENCE_S) == DONE
    assert b"%" in said and b"/s" in said and b"left" in said and b"20000 created" in said

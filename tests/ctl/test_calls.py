"""customerctl: what it prints where, and how it ends."""

import json
import socket
import threading

import msgpack
import pytest

from support.customerctl import (DONE, NOT_CONNECTED, REFUSED, UNKNOWN, USAGE, ctl,
                                 ctl_tcp, ctl_unix)
from support.customerd import must_create


def test_ping_says_how_long_it_took(server):
    done = ctl_unix(server, "ping")
    assert done.status == DONE and done.out.startswith("the server answers in ")
    assert ctl_tcp(server, "ping", "--json").json()["round_trip_us"] > 0


def test_call_prints_the_answer_on_stdout_and_nothing_else(server, shop):
    ada = must_create(shop.c, email="ada@example.com", first_name="Ada")
    done = ctl_tcp(server, "--token", shop.token(), "call", "customer.get",
                   json.dumps({"id": ada["id"]}))
    assert done.json() == ada
    assert done.out.count("\n") == 1 and done.said == ""


def test_the_token_may_stand_in_the_environment(server, shop):
    token = shop.token(["customers.read"])
    assert ctl_tcp(server, "call", "customer.list", token=token).json()["items"] == []
    other = ctl_tcp(server, "--token", "nobody knows this", "call", "customer.list",
                    token=token)
    assert other.status == REFUSED and "UNAUTHENTICATED" in other.said


def test_an_empty_token_is_none(server):
    done = ctl_unix(server, "--token", "", "status", token="nobody knows this")
    assert done.status == DONE, done


def test_arguments_may_come_from_standard_input(server, shop):
    done = ctl_tcp(server, "call", "customer.create", "-", token=shop.token(),
                   stdin='{"set": {"email": "ada@example.com"}}')
    assert done.json()["revision"] == 1


def test_every_type_of_json_arrives_as_it_was(server, shop):
    value = {"text": "Zoë\n\t\"\\", "number": 1.5, "integer": -(2**53 - 1), "yes": True,
             "no": False, "list": [1, [2, {"a": "b"}]], "map": {}, "empty": ""}
    args = {"set": {"email": "ada@example.com", "metadata": value}, "want": "record"}
    done = ctl_tcp(server, "call", "customer.create", json.dumps(args),
                   token=shop.token())
    assert done.json()["metadata"] == value


@pytest.mark.parametrize("args", ["{", "[]", "1", "", '{"a":1,"a":2}', '{"a":1}x',
                                  '{"a": 9007199254740992}', "{\"a\": \"\ud800\"}",
                                  "[" * 3000])
def test_json_that_is_none_is_used_wrongly_and_nothing_is_sent(server, args):
    done = ctl_unix(server, "call", "ping", args.encode("utf-8", "surrogatepass"))
    assert done.status == USAGE and done.out == "" and done.said


def test_a_refusal_names_every_field(server, shop):
    done = ctl_tcp(server, "call", "customer.create",
                   '{"set": {"email": "nobody", "nonsense": 1}}', token=shop.token())
    assert done.status == REFUSED and done.out == ""
    assert "INVALID" in done.said
    assert "set.email has the wrong format" in done.said
    assert "set.nonsense is not a field" in done.said


def test_with_json_a_refusal_is_the_error_map(server, shop):
    done = ctl_tcp(server, "--json", "call", "customer.get", '{"id": 1}',
                   token=shop.token())
    assert done.status == REFUSED and done.out == ""
    assert json.loads(done.said)["code"] == "NOT_FOUND"


def test_meta_reaches_the_server(server, shop):
    create = ["call", "customer.create", '{"set": {"email": "ada@example.com"}}']
    token = shop.token()
    assert ctl_tcp(server, *create, "--meta", '{"dry_run": true}', token=token).status == 0
    first = ctl_tcp(server, *create, "--meta", '{"idempotency_key": "k"}', token=token)
    again = ctl_tcp(server, *create, "--meta", '{"idempotency_key": "k"}', token=token)
    assert first.json() == again.json()
    by_token = ctl_unix(server, "call", "customer.list", "--meta",
                        json.dumps({"token": token}))
    assert len(by_token.json()["items"]) == 1


def test_what_the_server_would_hang_up_on_is_not_sent(server, shop):
    big = json.dumps({"set": {"email": "ada@example.com", "notes": "n" * 70000}})
    meta = json.dumps({"token": shop.token()})
    unknown = ctl_tcp(server, "call", "customer.create", "-", "--meta", meta, stdin=big)
    assert unknown.status == USAGE and "TOO_LARGE" in unknown.said
    known = ctl_tcp(server, "call", "customer.create", "-", token=shop.token(), stdin=big)
    assert known.status == REFUSED and "set.notes is too long" in known.said


@pytest.mark.parametrize("meta", ["{", '{"colour": 1}', '{"timeout_ms": 0}',
                                  '{"timeout_ms": "1"}', '{"dry_run": 1}', '{"token": 1}'])
def test_bad_meta_is_used_wrongly(server, meta):
    assert ctl_unix(server, "call", "ping", "--meta", meta).status == USAGE


def test_status_shows_counters_line_by_line(server):
    done = ctl_unix(server, "status")
    assert done.status == DONE and "writer.commits" in done.out
    assert "writer" in ctl_unix(server, "--json", "status").json()


@pytest.mark.parametrize("words", [
    [], ["fly"], ["ping", "twice"], ["call"], ["call", "a", "{}", "c"], ["load"],
    ["--nonsense", "ping"], ["--unix"], ["--json", "--json", "ping"],
    ["--timeout-ms", "0", "ping"], ["--timeout-ms", "1x", "ping"],
    ["--unix", "a", "--connect", "b:1", "ping"], ["--connect", "localhost:99999", "ping"],
    ["load", "/no/such/file"]])
def test_what_is_no_command_ends_with_2_and_a_hint(words):
    done = ctl(*words)
    assert done.status == USAGE and done.out == "" and done.said


def test_an_unknown_option_is_said_in_the_name_of_the_program():
    assert ctl("--nonsense", "ping").said.startswith("customerctl: ")


def test_help_begins_with_examples_and_documents_the_exit_codes():
    done = ctl("--help")
    assert done.status == DONE and done.said == ""
    assert done.out.index("Examples") < done.out.index("Commands")
    for words in ("call METHOD [JSON]", "load FILE", "--timeout-ms", "could not connect"):
        assert words in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_where_nobody_listens_it_ends_with_3(tmp_path):
    for where in (["--unix", str(tmp_path / "nothing")], ["--connect", "127.0.0.1:1"],
                  ["--connect", "unix:/nothing,customerd://127.0.0.1:1"]):
        done = ctl(*where, "ping")
        assert done.status == NOT_CONNECTED and "cannot connect" in done.said


def test_an_address_may_be_said_in_any_way_that_is_one(server, monkeypatch):
    tcp = "%s:%d" % server.address
    for address in (tcp, "customerd://" + tcp, "unix:" + server.unix,
                    "unix:/nothing,customerd://" + tcp):
        assert ctl("--connect", address, "ping").status == DONE
        monkeypatch.setenv("CUSTOMERD_ADDRESS", address)
        assert ctl("ping").status == DONE
    assert ctl("--connect", "127.0.0.1:1", "ping").status == NOT_CONNECTED


@pytest.mark.parametrize("address", ["http://a:1", "/run/customerd.sock", "a:1,b:2", "a:b"])
def test_what_is_no_address_is_told_what_one_is(address):
    done = ctl("--connect", address, "ping")
    assert done.status == USAGE
    assert address in done.said and "customerds://HOST:PORT or unix:PATH" in done.said


def scripted(tmp_path, answer):
    """A server that greets and then does ANSWER(connection, request); its address."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()

    def serve():
        connection, _ = listener.accept()
        unpacker = msgpack.Unpacker(raw=False)
        while data := connection.recv(1 << 16):
            unpacker.feed(data)
            for message in unpacker:
                if message[2] == "hello":
                    connection.sendall(msgpack.packb([1, message[1], None, {}]))
                else:
                    answer(connection, message)

    threading.Thread(target=serve, daemon=True).start()
    return str(tmp_path / "socket")


def test_an_answer_that_never_comes_ends_with_4(tmp_path):
    path = scripted(tmp_path, lambda connection, message: None)
    done = ctl("--unix", path, "--timeout-ms", "200", "call", "customer.update", "{}")
    assert done.status == UNKNOWN and "TIMEOUT" in done.said


def test_a_connection_that_breaks_ends_with_4(tmp_path):
    path = scripted(tmp_path, lambda connection, message:
                    connection.shutdown(socket.SHUT_RDWR))
    done = ctl("--unix", path, "call", "customer.update", "{}")
    assert done.status == UNKNOWN and "CONNECTION_LOST" in done.said


def test_terminal_commands_of_a_hostile_server_are_not_obeyed(tmp_path):
    error = {"code": "X", "message": "\x1b[2Jgone\u009b", "retryable": False,
             "errors": [{"path": "\x1b[1m", "code": "X", "message": "\x07bell"}]}
    path = scripted(tmp_path, lambda connection, message:
                    connection.sendall(msgpack.packb([1, message[1], error, None])))
    done = ctl("--unix", path, "call", "ping")
    assert done.status == REFUSED
    assert not any(ord(c) < 32 and c != "\n" or c in "\x7f\u009b" for c in done.said)


# ---- load ----


def load(server, tmp_path, *lines):
    path = tmp_path / "calls.ndjson"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line)
                              for line in lines))
    return ctl_unix(server, "load", str(path)), str(path)


def test_load_stops_at_the_first_refusal_and_says_where(server, shop, tmp_path):
    token = shop.token()
    lines = [{"method": "customer.create", "token": token,
              "args": {"set": {"email": email}}}
             for email in ("one@example.com", "nonsense", "three@example.com")]
    done, path = load(server, tmp_path, lines[0], "", *lines[1:])
    assert done.status == REFUSED
    assert path + ":3: INVALID" in done.said and "1 calls made" in done.said
    assert shop.c.call("customer.list")["total"] == 1


def test_load_puts_saved_answers_into_later_lines(server, shop, tmp_path):
    done, _ = load(
        server, tmp_path,
        {"method": "token.create", "save": "t",
         "args": {"set": {"name": "x", "store": shop.store,
                          "scopes": ["customers.write", "groups.write"]}}},
        {"method": "group.create", "save": "g", "token": "$t.token",
         "args": {"set": {"name": "$$5 club"}}},
        {"method": "customer.create", "token": "$t.token",
         "args": {"set": {"email": "ada@example.com", "group": "$g.id"}}},
        {"method": "token.delete", "args": {"id": "$t.id"}})
    assert done.status == DONE, done
    group = shop.c.call("group.list")["items"][0]
    assert group["name"] == "$5 club"
    ada = shop.c.call("customer.find", {"email": "ada@example.com"})
    assert ada["group"] == group["id"]


@pytest.mark.parametrize("line", [
    "{", "[]", "{}", '{"method": 1}', '{"method": "ping", "args": []}',
    '{"method": "ping", "arguments": {}}', '{"method": "ping", "token": "$no.token"}',
    '{"method": "ping", "args": {"a": ["$no"]}}', '{"method": ""}'])
def test_a_line_that_is_no_call_is_used_wrongly(server, tmp_path, line):
    done, path = load(server, tmp_path, {"method": "ping"}, line)
    assert done.status == USAGE and path + ":2: " in done.said


def test_load_reads_standard_input(server):
    done = ctl_unix(server, "load", "-", stdin='{"method": "ping"}\n{"method": "fly"}')
    assert done.status == REFUSED and "standard input:2: UNKNOWN_METHOD" in done.said

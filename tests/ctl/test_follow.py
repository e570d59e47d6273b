"""customerctl change follow: every change, in order, from a place that is kept."""

import hashlib
import hmac
import http.server
import json
import os
import signal
import subprocess
import threading

import pytest

from support.customerctl import CUSTOMERCTL, DONE, REFUSED, USAGE, ctl_tcp, ctl_unix
from support.customerd import PATIENCE_S, Shop, must_create, must_update, wait_until


class Follower:
    """change follow, running."""

    def __init__(self, server, token, *words, connect=None):
        self.process = subprocess.Popen(
            [CUSTOMERCTL, "--connect", connect or "%s:%d" % server.address, "change", "follow",
             *words],
            env={**os.environ, "CUSTOMERD_TOKEN": token}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.lines, self.said = [], ""
        self.readers = [threading.Thread(target=self._read_out, daemon=True),
                        threading.Thread(target=self._read_said, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read_out(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def _read_said(self):
        for line in self.process.stderr:
            self.said += line

    def wait_for(self, count):
        wait_until(lambda: len(self.lines) >= count, "%d lines: %s" % (count, self.said))
        return self.lines

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        for reader in self.readers:
            reader.join(PATIENCE_S)
        return status


def seqs(lines):
    return [json.loads(line)["seq"] for line in lines]


def test_changes_are_printed_as_they_are_made(server, shop):
    ada = must_create(shop.c)
    follower = Follower(server, shop.token(), "--after", "0", "--json")
    follower.wait_for(1)
    for i in range(300):
        must_update(shop.c, ada, phone=str(i))
    lines = follower.wait_for(301)
    assert seqs(lines) == list(range(1, 302))
    assert json.loads(lines[300])["set"] == {"phone": "299"}
    assert follower.end() == DONE and follower.said == ""


def test_a_reader_that_has_seen_enough_ends_it_silently(server, shop):
    must_create(shop.c)
    process = subprocess.Popen(
        [CUSTOMERCTL, "--connect", "%s:%d" % server.address, "change", "follow", "--json",
         "--after", "0"], env={**os.environ, "CUSTOMERD_TOKEN": shop.token()},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert seqs([process.stdout.readline()]) == [1]
    process.stdout.close()
    must_create(shop.c)
    assert process.wait(PATIENCE_S) == -signal.SIGPIPE
    assert process.stderr.read() == ""
    process.stderr.close()


def test_people_get_a_line_for_each(server, shop):
    must_create(shop.c, "tag", name="vip")
    follower = Follower(server, shop.token(), "--after", "0")
    line = follower.wait_for(1)[0].split()
    assert line[0] == "1" and line[2:4] == ["tag", "1"] and line[-1] == "name"
    assert follower.end(signal.SIGTERM) == DONE


def test_without_a_place_it_begins_with_what_is_new(server, shop, tmp_path):
    must_create(shop.c)
    follower = Follower(server, shop.token(), "--json", "--state", str(tmp_path / "place"))
    wait_until((tmp_path / "place").exists, "the first place")
    must_create(shop.c)
    assert seqs(follower.wait_for(1)) == [2]
    assert follower.end() == DONE


def test_an_operator_follows_the_store_that_it_names(server, shop, tmp_path):
    must_create(shop.c)
    place, store = tmp_path / "place", shop.store
    words = ["change", "follow", "--json", "--state", str(place)]
    follower = Follower(server, "", *words[2:], "--store", str(store), "--after", "0",
                        connect="unix:" + server.unix)
    assert seqs(follower.wait_for(1)) == [1]
    assert follower.end() == DONE
    assert json.loads(place.read_text()) == {"store": store, "after": 1}
    assert "create" in ctl_unix(server, "change", "read", "--store", str(store)).out
    other = ctl_unix(server, *words)  # the place is not in the feed of store 0
    assert other.status == USAGE and "no place" in other.said


def test_from_its_place_nothing_is_missed_or_doubled(server, shop, tmp_path):
    token, place = shop.token(), str(tmp_path / "place")
    ada = must_create(shop.c)
    seen = []
    for part in range(4):
        follower = Follower(server, token, "--json", "--after", "0", "--state", place)
        for i in range(20):
            must_update(shop.c, ada, phone="%d.%d" % (part, i))
        follower.wait_for(6)
        follower.end(signal.SIGTERM)
        seen += seqs(follower.lines)
    wanted = json.loads(open(place, encoding="utf-8").read())["after"]
    assert seen == list(range(1, wanted + 1)) and wanted > 20


def test_it_survives_a_server_that_is_killed(own_server):
    shop = Shop(own_server)
    token = shop.token()
    must_create(shop.c)
    follower = Follower(own_server, token, "--json", "--after", "0")
    follower.wait_for(1)
    own_server.kill()
    own_server.start()
    client = own_server.dial(token)
    must_create(client)
    assert seqs(follower.wait_for(2)) == [1, 2]
    client.close()
    shop.close()
    assert follower.end() == DONE


def test_a_filter_moves_the_place_over_what_does_not_come(server, shop, tmp_path):
    place = tmp_path / "place"
    follower = Follower(server, shop.token(), "--json", "--after", "0", "--kind", "tag",
                        "--state", str(place))
    for _ in range(5):
        must_create(shop.c)
    must_create(shop.c, "tag", name="vip")
    assert seqs(follower.wait_for(1)) == [6]
    follower.end()
    assert json.loads(place.read_text())["after"] == 6


def test_a_command_takes_each_change_and_is_tried_again(server, shop, tmp_path):
    script = ('cat >> "%s/all"; echo $CUSTOMERD_SEQ >> "%s/seqs"; '
              '[ $CUSTOMERD_SEQ != 2 ] || [ -e "%s/ok" ] || { touch "%s/ok"; exit 3; }'
              % ((tmp_path,) * 4))
    for _ in range(3):
        must_create(shop.c)
    follower = Follower(server, shop.token(), "--after", "0", "--exec", script, "--state",
                        str(tmp_path / "place"))
    done = tmp_path / "seqs"
    wait_until(lambda: done.exists() and done.read_text().count("\n") == 4, "four runs")
    wait_until(lambda: json.loads((tmp_path / "place").read_text())["after"] == 3, "a place")
    assert follower.end() == DONE
    assert done.read_text().split() == ["1", "2", "2", "3"]
    assert "change 2: the command ended with 3; again in 0.1 s" in follower.said
    assert seqs((tmp_path / "all").read_text().splitlines()) == [1, 2, 2, 3]


class Receiver(http.server.ThreadingHTTPServer):
    """Takes webhooks, but for those it has a bad answer for."""

    def __init__(self, answers=()):
        self.answers, self.got = list(answers), []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/hook" % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.server.got.append((status, self.headers, body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def test_webhooks_are_signed_ordered_and_tried_again(server, shop, tmp_path):
    receiver = Receiver([200, 500, 302, 204])
    (tmp_path / "key").write_text("the secret\n")
    for _ in range(3):
        must_create(shop.c, first_name="Zoë")
    follower = Follower(server, shop.token(), "--after", "0", "--webhook", receiver.url,
                        "--secret-file", str(tmp_path / "key"))
    wait_until(lambda: len(receiver.got) == 5, "five requests")
    assert follower.end() == DONE
    receiver.shutdown()
    taken = [json.loads(body)["seq"] for status, _, body in receiver.got if status < 300]
    assert taken == [1, 2, 3]
    assert "the webhook answers 500" in follower.said and "answers 302" in follower.said
    for _, headers, body in receiver.got:
        time, value = headers["Customerd-Signature"].split(",")
        wanted = hmac.new(b"the secret", time[2:].encode() + b"." + body, hashlib.sha256)
        assert value == "v1=" + wanted.hexdigest() and abs(int(time[2:])) > 10**9
        assert headers["Content-Type"] == "application/json"
        assert int(headers["Customerd-Seq"]) == json.loads(body)["seq"]


def test_a_webhook_that_is_away_is_waited_for(server, shop, tmp_path):
    receiver = Receiver()
    receiver.shutdown()
    receiver.server_close()
    (tmp_path / "key").write_text("s")
    must_create(shop.c)
    follower = Follower(server, shop.token(), "--after", "0", "--webhook", receiver.url,
                        "--secret-file", str(tmp_path / "key"))
    wait_until(lambda: "again in 0.4 s" in follower.said, "three attempts")
    assert follower.end() == DONE


@pytest.mark.parametrize("words", [
    ["--webhook", "http://127.0.0.1:1/"], ["--secret-file", "/dev/null"],
    ["--webhook", "http://127.0.0.1:1/", "--secret-file", "/dev/null"],
    ["--webhook", "http://127.0.0.1:1/", "--secret-file", "/nothing"], ["--after", "x"]])
def test_what_cannot_be_followed_is_said_at_once(server, shop, words):
    done = ctl_tcp(server, "change", "follow", *words, token=shop.token())
    assert done.status == USAGE and done.said


def test_who_may_not_and_where_nothing_is(server, shop, tmp_path):
    done = ctl_tcp(server, "change", "follow", "--after", "0", token=shop.token(["groups.read"]))
    assert done.status == REFUSED and "FORBIDDEN" in done.said
    gone = ctl_tcp(server, "change", "follow", "--after", "1000", token=shop.token())
    assert gone.status == REFUSED and "CHANGES_GONE" in gone.said
    assert "there is none; the next is 1" in gone.said
    must_create(shop.c)
    gone = ctl_tcp(server, "change", "follow", "--after", "1000", token=shop.token())
    assert "from 1 to 1" in gone.said
    gone = ctl_tcp(server, "change", "follow", "--after", "1000", "--json", token=shop.token())
    assert json.loads(gone.said)["oldest"] == 1
    place = tmp_path / "place"
    place.write_text(json.dumps({"store": shop.store + 1, "after": 0}))
    other = ctl_tcp(server, "change", "follow", "--state", str(place), token=shop.token())
    assert other.status == USAGE and "no place in the changes of this store" in other.said


def test_a_token_that_is_deleted_ends_it(server, shop):
    must_create(shop.c)
    token = shop.token()
    id = shop.last_token["id"]
    follower = Follower(server, token, "--after", "0", "--json")
    follower.wait_for(1)
    assert ctl_unix(server, "token", "delete", str(id)).status == DONE
    assert follower.process.wait(PATIENCE_S) == REFUSED
    follower.readers[1].join(PATIENCE_S)
    assert "UNAUTHENTICATED" in follower.said

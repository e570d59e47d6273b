"""customerd-rest as a process: its options, its end, and its admin listener."""

import json
import subprocess
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.customerd import PATIENCE_S, Server, wait_until
from support.http import CUSTOMERD_REST, Shim, listen

VERSION = subprocess.run([CUSTOMERD_REST, "--version"], stdout=subprocess.PIPE,
                         check=True).stdout.decode().split()[1]


@pytest.fixture
def shim():
    with Shim() as shim:
        yield shim
        assert shim.terminate() == 0, "\n".join(shim.log[-20:])


def metrics(shim):
    """The samples of /metrics: {(name, labels...): value}."""
    answer = shim.admin("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        assert family.documentation and family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            key = (sample.name,) + tuple(sorted(sample.labels.items()))
            assert key not in samples, "twice: %s" % (key,)
            samples[key] = sample.value
    return samples


# ---- the admin listener ----

def test_it_is_alive(shim):
    answer = shim.admin("/live")
    assert answer.status == 200 and answer.json == {"live": True, "version": VERSION}
    assert answer.headers["cache-control"] == "no-store"


def test_it_is_not_ready_without_customerd(shim):
    answer = shim.admin("/ready")
    assert answer.status == 503
    assert answer.json == {"ready": False, "version": VERSION, "server": "unreachable",
                           "draining": False}
    wait_until(lambda: shim.events("upstream_gone"), "a line of the log")
    assert shim.events("upstream_gone")[0]["code"] in ("CONNECT_FAILED", "TIMEOUT")


def test_it_is_ready_with_customerd_and_again_after_a_restart():
    with Server() as server, Shim(server="unix:" + server.unix) as shim:
        wait_until(lambda: shim.admin("/ready").status == 200, "customerd to answer")
        assert metrics(shim)[("customerd_rest_server_ready",)] == 1
        server.kill()
        wait_until(lambda: shim.admin("/ready").status == 503, "it to notice")
        server.start()
        wait_until(lambda: shim.admin("/ready").status == 200, "it to connect again")


@pytest.mark.parametrize("target", ["/live", "/ready", "/metrics"])
def test_head_is_answered_and_other_methods_are_not(shim, target):
    get, head = shim.admin(target), shim.admin(target, "HEAD")
    assert head.status == get.status and head.body == b""
    answer = shim.admin(target, "DELETE")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


def test_other_paths_are_not_found(shim):
    assert shim.admin("/").status == 404
    assert shim.get("/live").status == 404, "the front has no /live"


def test_metrics_count_what_happens(shim):
    assert metrics(shim)[("customerd_rest_connections_accepted_total",)] == 0
    for _ in range(3):
        assert shim.get("/nothing").status == 404
    assert shim.ask(b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n").status == 400
    found = metrics(shim)
    assert found[("customerd_rest_connections_accepted_total",)] == 4
    assert found[("customerd_rest_requests_malformed_total",)] == 1
    assert found[("customerd_rest_requests_open",)] == 0
    assert found[("customerd_rest_build_info", ("version", VERSION))] == 1
    labels = (("format", ""), ("route", ""), ("status", "4xx"))
    duration = "customerd_rest_request_duration_seconds"
    assert found[(duration + "_count",) + labels] == 4
    assert 0 < found[(duration + "_sum",) + labels] < 4 * PATIENCE_S
    buckets = [value for key, value in found.items()
               if key[0] == duration + "_bucket" and key[1] == labels[0]]
    assert buckets == sorted(buckets) and buckets[-1] == 4


def test_scrapes_are_not_logged(shim):
    shim.admin("/metrics")
    shim.get("/nothing")
    wait_until(lambda: shim.events("request"), "a line of the log")
    assert [line["path"] for line in shim.events("request")] == ["/nothing"]


# ---- the process ----

def test_it_says_when_it_is_ready(shim):
    wait_until(lambda: shim.events("ready"), "the line")
    ready = shim.events("ready")[0]
    assert ready["listen"] == "%s:%d" % shim.address
    assert ready["admin"] == "%s:%d" % shim.admin_address
    assert ready["pid"] == shim.process.pid and ready["version"] == VERSION


def test_it_drains_on_sigterm_and_says_so():
    with Shim() as shim, shim.dial() as idle:
        assert idle.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").answer().status == 404
        assert shim.terminate() == 0
        assert idle.is_over()
        assert shim.events("drain")[0]["signal"] == "TERM"
        assert json.loads(shim.log[-1])["event"] == "stop"


def test_while_draining_it_is_alive_but_not_ready():
    with Shim("--drain-timeout-ms", "60000") as shim, shim.dial() as late:
        # A request that has begun keeps the drain waiting.
        late.send(b"GET / HTTP/1.1\r\n")
        wait_until(lambda: metrics(shim)[("customerd_rest_bytes_in_total",)] > 0, "its head")
        shim.process.terminate()
        wait_until(lambda: shim.admin("/ready").json["draining"], "the drain")
        assert shim.admin("/ready").status == 503 and shim.admin("/live").status == 200
        answer = late.send(b"Host: x\r\n\r\n").answer()
        assert answer.status == 404 and answer.closes
        late.close()
        assert shim.process.wait(PATIENCE_S) == 0


def test_a_second_signal_ends_it_at_once():
    with Shim("--drain-timeout-ms", "60000") as shim, shim.dial() as late:
        late.send(b"GET / HTTP/1.1\r\n")
        wait_until(lambda: metrics(shim)[("customerd_rest_bytes_in_total",)] > 0, "its head")
        shim.process.terminate()
        wait_until(lambda: shim.admin("/ready").json["draining"], "the drain")
        begin = time.monotonic()
        assert shim.terminate() == 0
        assert time.monotonic() - begin < 30


def refused(*options):
    done = subprocess.run([CUSTOMERD_REST, *options], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    text = done.stderr.decode()
    assert text.startswith("customerd-rest: ") and text.count("\n") == 1, text
    return done.returncode, text


@pytest.mark.parametrize("options, text", [
    (["--nothing"], "there is no option --nothing"),
    (["--listen"], "--listen wants a value"),
    (["--connections-max", "0"], "wants a number from 1"),
    (["--connections-max", "10x"], "wants a number from 1"),
    (["--body-bytes-max", "99999999999999999999"], "wants a number from 1"),
    (["--log-level", "loud"], "--log-level is"),
    (["--public-url", 'https://shop.example.com/"'], "--public-url is no URL"),
    (["--public-url", "https://shop.example.com/a b"], "--public-url is no URL"),
    (["more"], '"more" is no option')])
def test_a_wrong_command_line_is_refused(options, text):
    status, said = refused(*options)
    assert status == 2 and text in said


@pytest.mark.parametrize("options, text", [
    (["--listen", "0.0.0.0:0"], "--allow-plain-http"),
    (["--listen", "[::]:0"], "--allow-plain-http"),
    (["--listen", "localhost"], "is not HOST:PORT"),
    (["--listen", "127.0.0.1:70000"], "is not HOST:PORT"),
    (["--listen", "127.0.0.1:"], "is not HOST:PORT"),
    (["--listen", "192.0.2.1:0", "--allow-plain-http"], "cannot listen"),
    (["--listen", "", "--server", "http://x"], "--server:"),
    (["--listen-fd", "999"], "descriptor 999 is no listening socket")])
def test_what_cannot_be_had_is_refused(options, text):
    status, said = refused("--admin", "", *options)
    assert status == 1 and text in said


def test_an_address_in_use_is_refused():
    with listen() as taken:
        status, said = refused("--admin", "", "--listen", "%s:%d" % taken.getsockname())
        assert status == 1 and "Address already in use" in said


def test_help_names_every_option_with_its_default():
    text = subprocess.run([CUSTOMERD_REST, "--help"], stdout=subprocess.PIPE,
                          check=True).stdout.decode()
    assert "--listen HOST:PORT" in text and "127.0.0.1:7480" in text

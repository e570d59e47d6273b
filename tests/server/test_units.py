"""The units of systemd: they are valid, give little away, and take nothing that is needed."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from support.customerctl import SAMPLE, ctl_tcp, ctl_unix
from support.customerd import CUSTOMERD, PATIENCE_S, ROOT, Shop, must_create, wait_until
from support.http import CUSTOMERD_REST, Dialogue, Shim
from support.rest import CL, request
from support.tls import TlsServer, context

UNITS = {"customerd": os.path.join(ROOT, "server", "customerd.service.in"),
         "customerd-rest": os.path.join(ROOT, "tools", "rest", "customerd-rest.service.in")}
SOCKETS = ("customerd.socket", "customerd-tls.socket")
EXPOSURE_MAX = 13   # of 100, as `systemd-analyze security` counts

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"),
                                   reason="systemd is not installed")


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def units(tmp_path):
    """A folder with the units as they are installed, and the programs in their places."""
    os.makedirs(tmp_path / "sbin")
    os.symlink(CUSTOMERD, tmp_path / "sbin" / "customerd")
    os.symlink(CUSTOMERD_REST, tmp_path / "sbin" / "customerd-rest")
    for name, path in UNITS.items():
        with open(path) as unit:
            (tmp_path / (name + ".service")).write_text(
                unit.read().replace("@PREFIX@", str(tmp_path)))
    for name in SOCKETS:
        shutil.copy(os.path.join(ROOT, "server", name), tmp_path)
    return tmp_path


@needs_systemd
def test_systemd_has_no_complaint_about_a_unit(units):
    paths = [str(units / name) for name in (*SOCKETS, *(unit + ".service" for unit in UNITS))]
    assert analyze("verify", "--man=no", "--recursive-errors=no", *paths) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_gives_little_away(units, name):
    status, text = analyze("security", "--offline=true", "--threshold=%d" % EXPOSURE_MAX,
                           str(units / (name + ".service")))
    assert status == 0, text


def settings(name):
    """Each setting of the unit: the values it is given."""
    found = {}
    with open(UNITS[name]) as unit:
        for line in unit:
            if "=" in line and not line.startswith("#"):
                key, value = line.rstrip("\n").split("=", 1)
                found.setdefault(key, []).append(value)
    return found


def filter_sets():
    """The sets of system calls that systemd knows."""
    status, text = analyze("syscall-filter")
    assert status == 0, text
    sets = {}
    for line in text.splitlines():
        if line.startswith("@"):
            sets[line.strip()] = members = set()
        elif line.startswith("    ") and not line.strip().startswith("#"):
            members.add(line.strip())
        elif not line.startswith(" "):
            members = set()   # what this systemd leaves to no set
    return sets


def expanded(words, sets):
    calls = set()
    for word in words:
        calls |= expanded(sets[word], sets) if word.startswith("@") else {word}
    return calls


def permitted(name):
    """The system calls that the filter of the unit lets through."""
    sets, calls = filter_sets(), expanded(["@default"], filter_sets())
    for line in settings(name)["SystemCallFilter"]:
        words = line.lstrip("~").split()
        if line.startswith("~"):
            calls -= expanded(words, sets) - expanded(["@default"], sets)
        else:
            calls |= expanded(words, sets)
    return calls


class Traced:
    """A program whose system calls are written down."""

    def __init__(self, folder):
        self.path = os.path.join(str(folder), "calls")

    def before(self, command):
        # strace is the grandchild, so that signals reach the program itself.
        return ["strace", "-D", "-f", "-qq", "-o", self.path, *command]

    def lines(self):
        with open(self.path, errors="replace") as file:
            return file.read().splitlines()

    def check(self, name):
        """Nothing was done that the unit forbids."""
        wait_until(lambda: any("exit_group(" in line for line in self.lines()[-3:]),
                   "strace to write the end")
        calls, broken = set(), []
        for line in self.lines():
            match = re.match(r"\d+ +(\w+)\((.*)", line)
            if not match:
                continue
            call, arguments = match.groups()
            calls.add(call)
            if call in ("mmap", "mprotect", "pkey_mprotect") and "PROT_EXEC" in arguments and (
                    call != "mmap" or "PROT_WRITE" in arguments):
                broken.append(line)   # MemoryDenyWriteExecute=
            # Without the last, the C library does without it, too.
            if call == "socket" and not arguments.startswith((
                    *settings(name)["RestrictAddressFamilies"][0].split(), "AF_NETLINK")):
                broken.append(line)
        assert len(calls) > 30
        assert calls - permitted(name) == set() and broken == []


@pytest.fixture
def strace():
    if os.environ.get("VARIANT", "release") != "release":
        pytest.skip("sanitizers make calls of their own")
    if not shutil.which("strace") or not shutil.which("systemd-analyze"):
        pytest.skip("strace or systemd is not installed")
    if subprocess.run(["strace", "-o", os.devnull, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nothing can be traced here")


class TracedServer(TlsServer):
    def __init__(self, folder, trace):
        self.trace = trace
        super().__init__(folder, "--loops", "2")

    def command(self):
        return self.trace.before(super().command())


def test_the_filter_lets_the_server_do_all_that_it_does(strace, tmp_path):
    trace = Traced(tmp_path)
    server = TracedServer(tmp_path, trace)
    assert ctl_unix(server, "load", SAMPLE).status == 0
    shop = Shop(server)
    ada = must_create(shop.c, email="ada@example.com", password="a long password")
    assert shop.c.call("customer.verify_password", {"id": ada["id"],
                                                    "password": "a long password"})["matches"]
    shop.c.call("change.subscribe", {"after": 0, "credit": 10})
    assert server.dial_tls(shop.token()).call("customer.get", {"id": ada["id"]})
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("tls_files_read")
    assert server.dial_tls().call("ping")
    assert ctl_tcp(server, "customer", "delete", str(ada["id"]), token=shop.token()).status == 0
    assert server.terminate() == 0
    trace.check("customerd")
    server.remove()


def test_the_filter_lets_the_shim_do_all_that_it_does(strace, tmp_path):
    trace, server = Traced(tmp_path), TlsServer(tmp_path)
    assert ctl_unix(server, "load", SAMPLE).status == 0
    program = os.path.join(str(tmp_path), "traced")
    with open(program, "w") as script:
        script.write('#!/bin/sh\nexec %s "$@"\n' % " ".join(trace.before([CUSTOMERD_REST])))
    os.chmod(program, 0o755)
    shim = Shim("--server-ca", server.authority.certificate, "--tls-listen", "localhost:0",
                "--tls-certificate", server.certificate.certificate, "--tls-key",
                server.certificate.key, program=program,
                server="customerds://localhost:%d" % server.tls_address[1])
    wait_until(lambda: shim.events("upstream_ready"), "the shim finds the server")
    get = request("GET", "/api/customers/XAyRWNUzyN", dict(CL), None)
    assert shim.ask(get).status == 200
    with Dialogue(("127.0.0.1", int(shim.events("ready")[0]["tls_listen"].rpartition(":")[2]))) \
            as dialogue:
        dialogue.sock = context(server.authority).wrap_socket(dialogue.sock,
                                                              server_hostname="localhost")
        assert dialogue.send(get).answer().status == 200
    shim.process.send_signal(signal.SIGHUP)
    wait_until(lambda: shim.events("tls_files_read"), "the files are read")
    assert shim.admin("/metrics").status == 200
    assert shim.terminate() == 0
    shim.__exit__()
    trace.check("customerd-rest")
    server.remove()

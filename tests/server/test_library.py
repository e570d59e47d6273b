"""libcustomerd as its users get it: what it exports, and its examples."""

import os
import re
import subprocess

import pytest

from support.customerd import PATIENCE_S, ROOT, must_create
from support.library import EXAMPLES, LIBRARY

HEADER = os.path.join(ROOT, "client", "customerd.h")


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          timeout=PATIENCE_S).stdout.decode()


def example(name, *arguments):
    """Run an example; (exit status, what it printed)."""
    done = subprocess.run([os.path.join(EXAMPLES, name), *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE_S)
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("listing", [("nm", "-D", "libcustomerd.so"),
                                     ("nm", "-g", "libcustomerd.a")])
def test_only_its_own_names_are_exported(listing):
    lines = output(*listing[:2], "--defined-only",
                   os.path.join(LIBRARY, listing[2])).splitlines()
    names = {line.split()[2].split("@")[0] for line in lines if len(line.split()) == 3}
    # Sanitizers mark where each variable ends, by names of their own.
    foreign = {name for name in names - {"CUSTOMERD_1"}
               if not name.startswith(("customerd_", "__odr_asan"))}
    assert len(names) > 50 and not foreign


def test_every_exported_name_is_in_the_header():
    with open(HEADER) as file:
        header = file.read()
    for line in output("nm", "-D", "--defined-only",
                       os.path.join(LIBRARY, "libcustomerd.so")).splitlines():
        name = line.split()[2].split("@")[0]
        assert name == "CUSTOMERD_1" or name + "(" in header


def test_the_number_of_the_interface_is_in_the_name():
    assert "libcustomerd.so.1" in output(
        "objdump", "-p", os.path.join(LIBRARY, "libcustomerd.so"))


@pytest.mark.skipif(os.environ.get("VARIANT") == "coverage",
                    reason="what counts the branches writes files")
def test_it_prints_nothing_and_ends_no_program():
    """Of the C library it may use what writes into memory, but no stream."""
    wanted = {line.split()[-1].split("@")[0] for line in output(
        "nm", "-D", "--undefined-only", os.path.join(LIBRARY, "libcustomerd.so")).splitlines()}
    assert "malloc" in wanted
    for name in wanted:
        # An assertion that fails says so before it aborts: that is a mistake of ours.
        assert not re.match(r"(stdout|stderr|stdin|f?puts|f?putc|puts|putchar|v?d?f?printf|fwrite|"
                            r"perror|syslog|__v?f?d?printf_chk|exit|_exit|abort|write|"
                            r"getenv|signal|sigaction|setlocale|srand|s?rand(om)?|"
                            r"pthread_create|fork)$", name), name


def test_the_first_example_is_short():
    with open(os.path.join(ROOT, "client", "examples", "update.c")) as file:
        assert len(file.readlines()) < 25


@pytest.mark.skipif(os.environ.get("VARIANT", "release") != "release",
                    reason="a library with sanitizers needs programs that have them, too")
def test_what_is_installed_is_enough_for_a_program(server, shop, tmp_path, monkeypatch):
    subprocess.run(["scons", "-Q", "-s", "--install-sandbox=%s" % tmp_path,
                    "PREFIX=/opt/customerd", "install"], cwd=ROOT, check=True,
                   stdin=subprocess.DEVNULL, timeout=5 * PATIENCE_S)
    prefix = str(tmp_path / "opt" / "customerd")
    for path in ("lib/libcustomerd.a", "lib/libcustomerd.so", "lib/libcustomerd.so.1",
                 "include/customerd_ev.h", "share/man/man3/customerd_close.3"):
        assert os.path.exists(os.path.join(prefix, path)), path
    monkeypatch.setenv("PKG_CONFIG_PATH", os.path.join(prefix, "lib", "pkgconfig"))
    assert output("pkg-config", "--variable=prefix", "customerd").strip() == "/opt/customerd"
    flags = output("pkg-config", "--define-variable=prefix=" + prefix, "--cflags", "--libs",
                   "customerd").split()
    program = str(tmp_path / "poll")
    output("cc", "-o", program, os.path.join(ROOT, "client", "examples", "poll.c"), *flags)
    ada = must_create(shop.c, email="ada@example.com")
    said = subprocess.run(
        [program, "unix:" + server.unix, shop.token(), str(ada["id"]), str(ada["id"])],
        env=dict(os.environ, LD_LIBRARY_PATH=os.path.join(prefix, "lib")),
        check=True, capture_output=True, timeout=PATIENCE_S)
    assert said.stdout == b"ada@example.com\n"


def test_the_header_stands_alone(tmp_path):
    source = tmp_path / "alone.c"
    source.write_text('#include "customerd.h"\nint alone;\n')
    output("cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c",
           "-I", os.path.dirname(HEADER), "-o", str(tmp_path / "alone.o"), str(source))


def test_the_poll_example_reads_many_customers(server, shop):
    ids = [must_create(shop.c, email="n%d@example.com" % n)["id"] for n in range(20)]
    status, out = example("poll", "customerd://%s:%d" % server.address, shop.token(),
                          str(ids[0]), str(ids[-1]))
    assert status == 0
    assert sorted(out.split()) == sorted("n%d@example.com" % n for n in range(20))


def test_the_libev_example_asks_for_the_time(server):
    status, out = example("ev", "unix:" + server.unix)
    assert status == 0 and int(out) > 1600000000000

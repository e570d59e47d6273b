"""The binary interface of libcustomerd against that of the last release.

A program that was linked with the last release goes on working with this library: unless
the number in its soname was raised, nothing may change but that functions are added.
"""

import glob
import os
import re
import shutil
import subprocess

import pytest

from support.customerd import ROOT
from support.library import LIBRARY

TAGS = "v[0-9]*"
BUILD_S_MAX = 300
HEADER = os.path.join(ROOT, "client", "customerd.h")

pytestmark = [
    pytest.mark.skipif(os.environ.get("VARIANT", "release") != "release",
                       reason="sanitizers have an interface of their own"),
    pytest.mark.skipif(shutil.which("abidiff") is None,
                       reason="abidiff of abigail-tools is not installed")]


def run(*command, cwd=ROOT):
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=BUILD_S_MAX)


def must_run(*command, cwd=ROOT):
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def soname(library):
    return re.search(r"SONAME +(\S+)", must_run("objdump", "-p", library)).group(1)


def alone(header, folder):
    """A folder with HEADER only: types of any other one are not of the interface."""
    folder.mkdir()
    shutil.copy(header, folder)
    return str(folder)


@pytest.fixture
def released(tmp_path):
    """(tag, header, library) of the last release, built in a clone."""
    tag = run("git", "describe", "--tags", "--abbrev=0", "--match", TAGS)
    if tag.returncode != 0:
        pytest.skip("there is no tag yet, so no release to compare with")
    tag = tag.stdout.strip()
    clone = str(tmp_path / "clone")
    must_run("git", "clone", "-q", "--shared", "--branch", tag, ROOT, clone)
    must_run("scons", "-Q", "-s", "-j2", "build/release/client", cwd=clone)
    (library,) = glob.glob(os.path.join(clone, "build/release/client/libcustomerd.so.?.?.?"))
    return tag, os.path.join(clone, "client", "customerd.h"), library


def test_programs_of_the_last_release_go_on_working(released, tmp_path):
    tag, header_before, before = released
    after = os.path.realpath(os.path.join(LIBRARY, "libcustomerd.so"))
    if soname(before) != soname(after):
        return
    difference = run("abidiff", "--no-added-syms", "--drop-private-types",
                     "--headers-dir1", alone(header_before, tmp_path / "before"),
                     "--headers-dir2", alone(HEADER, tmp_path / "after"), before, after)
    assert difference.returncode == 0, "since %s, without another soname:\n%s%s" % (
        tag, difference.stdout, difference.stderr)

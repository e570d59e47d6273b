"""No source has a warning of clang, either: the fuzz targets are built with it."""

import concurrent.futures
import json
import os
import shlex
import shutil
import subprocess

import pytest

from support.customerd import PATIENCE_S, ROOT

CORES = len(os.sched_getaffinity(0))
COMMANDS = os.path.join(ROOT, "compile_commands.json")

pytestmark = [
    pytest.mark.skipif(os.environ.get("VARIANT", "release") != "release" or
                       os.environ.get("LENGTH") == "quick",
                       reason="done once, by a whole run of the release build"),
    pytest.mark.skipif(shutil.which("clang") is None,
                       reason="clang is not installed (section fuzz of tools/packages)")]


def check(entry):
    """What clang says of one source, compiled as it is for the release."""
    words = shlex.split(entry["command"])
    # The last as in SConstruct, for assert(!"why not").
    command = ["clang", "-fsyntax-only", *words[1:], "-Wno-string-conversion"]
    done = subprocess.run(command, cwd=entry["directory"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    return done.stderr if done.returncode else ""


def test_clang_has_no_warning_for_any_source():
    subprocess.run(["scons", "-Q", "-s", "compile_commands.json"], cwd=ROOT, check=True,
                   stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    with open(COMMANDS) as file:
        entries = {entry["file"]: entry for entry in json.load(file)
                   if not os.path.isabs(entry["file"])}
    assert {"server/main.c", "tests/fuzz/fuzz_rest.c"} < set(entries)
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        said = "\n".join(filter(None, pool.map(check, entries.values())))
    assert not said, said

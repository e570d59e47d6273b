"""tools/bench/compare and growth work with whatever is installed; nothing is judged here."""

import os
import re
import subprocess

import pytest

from support.customerd import ROOT

COMPARE = os.path.join(ROOT, "tools", "bench", "compare")
GROWTH = os.path.join(ROOT, "tools", "bench", "growth.py")
HANG_S_MAX = 240


@pytest.mark.skipif(os.environ.get("VARIANT", "release") != "release",
                    reason="what the sanitizers can find, test_bench.py shows them")
def test_every_server_that_is_installed_is_started_filled_and_asked():
    done = subprocess.run([COMPARE, "--smoke"], capture_output=True, text=True,
                          timeout=HANG_S_MAX)
    assert done.returncode == 0, done.stderr
    started = re.findall(r"^starting (.+)$", done.stderr, re.MULTILINE)
    absent = re.findall(r"^Not installed, so not measured: (.+)\.$", done.stdout,
                        re.MULTILINE)
    assert {"customerd", "customerd-rest", "echo"} <= set(started)
    # What reads goes first, and before its updates are measured a server gets some.
    steps = re.findall(r"^(?:(.+): .*round \d|(updating customerd) )", done.stderr, re.MULTILINE)
    titles = re.findall(r"^### (.+)$", done.stdout, re.MULTILINE)
    steps = [title or season for title, season in steps]
    assert steps == [*titles[:2], "updating customerd", *titles[2:]]
    assert [title.split()[0] for title in titles] == ["Reads;", "HTTP", "Updates", "HTTP"]
    assert len(started) + len(absent) >= 9
    # Each section is there, with a figure in each of its lines.
    assert done.stdout.count("### ") == 4
    lines = re.findall(r"^\| \d+ .*$", done.stdout, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        assert re.match(r"\| [^|]+ \| [\d.]+k; \d+, \d+; [\d.]+(; \d+ in a commit)? \|", line)


@pytest.mark.skipif(os.environ.get("VARIANT", "release") != "release",
                    reason="what the sanitizers can find, test_bench.py shows them")
def test_growth_is_measured_by_records_updates_and_connections():
    done = subprocess.run(["/usr/bin/python3", GROWTH, "--smoke"], capture_output=True,
                          text=True, timeout=HANG_S_MAX)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\| 100 \| [\d.]+ MiB \| \d+ \|", done.stdout, re.MULTILINE)
    assert re.search(r"^\| 100 \| \d+/s \| \d+/s \|.* MiB \| [\d.]+ s \|$", done.stdout,
                     re.MULTILINE)
    assert re.search(r"^\| 10 \| -?[\d.]+ MiB \|", done.stdout, re.MULTILINE)

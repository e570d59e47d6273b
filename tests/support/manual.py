"""Manual pages, as mandoc sees them."""

import glob
import os
import re
import shutil
import subprocess

import pytest

from support.customerd import ROOT


def complaints(page):
    """What mandoc finds wrong in PAGE, matters of style too.

    That a page it refers to is not installed on this machine is not the page's fault.
    """
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [line for line in lint.stdout.splitlines() if "referenced manual not found" not in line]


def paragraphs(page):
    """What PAGE says about options, by name."""
    with open(page, encoding="ascii") as file:
        parts = re.split(r"^\.It Fl -([a-z-]+).*$", file.read(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def events(page):
    """The events of the log that PAGE explains."""
    with open(page, encoding="ascii") as file:
        said = file.read().partition(".Sh DIAGNOSTICS\n")[2].partition("\n.Sh ")[0]
    return {word for line in re.findall(r"^\.It (.*)$", said, re.MULTILINE)
            for word in line.split(" , ")}


def assert_events(page, *folders):
    """PAGE explains what the C files of FOLDERS log, and nothing that they do not name."""
    source = ""
    for folder in folders:
        for path in glob.glob(os.path.join(ROOT, folder, "*.c")):
            with open(path, encoding="utf-8") as file:
                source += file.read()
    logged = set(re.findall(
        r'\blog_(?:error|warning|info|debug|put)\([^,;]+,(?: LOG_LEVEL_\w+,)?\s*"(\w+)"', source))
    assert len(logged) > 10
    assert logged <= events(page) <= set(re.findall(r'"(\w+)"', source))

"""Manual pages, as mandoc sees them."""

import re
import shutil
import subprocess

import pytest


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

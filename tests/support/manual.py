"""Manual pages, as mandoc sees them."""

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

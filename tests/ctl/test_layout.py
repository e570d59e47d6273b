"""tools/ctl/DESIGN.md names every file, and no other."""

import os
import re

from support.customerd import ROOT

FOLDER = os.path.join(ROOT, "tools", "ctl")


def test_the_design_names_every_file_and_no_other():
    with open(os.path.join(FOLDER, "DESIGN.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| (`.*?) \|", file.read(), re.M)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    there = {os.path.splitext(name)[0].removesuffix("_internal")
             for name in os.listdir(FOLDER) if name.endswith((".c", ".h"))}
    assert named == there

"""The documents name what is there."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GENERATED_OR_BUILD = {"SConscript", "DESIGN.md", "PROTOCOL.md"}


def design():
    text = open(os.path.join(ROOT, "server", "DESIGN.md"), encoding="utf-8").read()
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def files_below(folder):
    for path, folders, names in os.walk(os.path.join(ROOT, folder)):
        folders[:] = [name for name in folders if not name.startswith(("__", "."))]
        for name in names:
            if name not in GENERATED_OR_BUILD:
                yield os.path.relpath(os.path.join(path, name), os.path.join(ROOT, folder))


def test_the_design_names_every_file_of_the_server_and_the_protocol():
    named = set(re.findall(r"`([^`\n]+)`", design()))
    missing = []
    for folder in ("server", "proto"):
        for path in files_below(folder):
            stem = os.path.splitext(path)[0]
            if not {path, stem, os.path.basename(path), os.path.basename(stem)} & named:
                missing.append(folder + "/" + path)
    assert missing == []


def test_the_design_names_no_file_that_is_gone():
    rows = re.findall(r"^\| `((?:net|domain|kv|base)/[^`]+)`", design(), re.M)
    assert rows
    for row in rows:
        path = os.path.join(ROOT, "server", row)
        assert any(os.path.exists(path + end) for end in ("", ".c", ".h")), row

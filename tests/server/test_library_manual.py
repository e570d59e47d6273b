"""The manual of libcustomerd describes all that it exports, as it is, and no more."""

import glob
import os
import re
import subprocess

import pytest

from support.customerd import ROOT
from support.library import LIBRARY, exported
from support.manual import complaints

CLIENT = os.path.join(ROOT, "client")
PAGES = sorted(glob.glob(os.path.join(CLIENT, "man", "*.3")))
OVERVIEWS = {"customerd", "customerd_error"}  # of no function

PRELUDE = """
#include <customerd.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
"""
FLAGS = ["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def names(page):
    """What the page says it is about."""
    return re.findall(r"^\.Nm (\w+)", page.split(".Sh LIBRARY")[0], re.M)


def squeezed(text):
    """A prototype without what spaces and line ends may differ in."""
    return re.sub(r"\s*([*(),;])\s*", r"\1", " ".join(text.split()))


def prototypes_of_page(page):
    found = re.findall(r'^\.Ft "?([^"\n]*)"?\n\.Fo (\w+)\n((?:\.Fa .*\n)*)\.Fc$', page, re.M)
    return {name: squeezed("%s %s(%s)" % (kind, name, ",".join(re.findall(
        r'^\.Fa "?([^"\n]*)"?$', arguments, re.M)))) for kind, name, arguments in found}


def prototypes_of_header():
    header = re.sub(r"/\*.*?\*/", "", read(os.path.join(CLIENT, "customerd.h")), flags=re.S)
    header = re.sub(r"^#.*$", "", header, flags=re.M)
    found = re.findall(r"(CUSTOMERD_API|typedef)\s+([^;{}]*?\b(customerd_\w+)\([^;]*\));", header)
    return {name: squeezed(("typedef " if word == "typedef" else "") + prototype)
            for word, prototype, name in found}


def examples():
    for path in PAGES:
        for block in re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$",
                                read(path).split(".Sh EXAMPLES")[-1], re.M | re.S):
            yield os.path.basename(path), block.replace("\\e", "\\")


@pytest.mark.parametrize("path", PAGES, ids=os.path.basename)
def test_a_page_is_clean_mdoc(path):
    assert complaints(path) == []


def test_each_function_is_on_one_page_and_nothing_else_is():
    described = [name for path in PAGES for name in names(read(path))]
    assert sorted(set(described)) == sorted(described)
    assert set(described) - OVERVIEWS == exported()


def test_a_page_is_named_as_the_first_thing_it_is_about():
    for path in PAGES:
        assert names(read(path))[0] + ".3" == os.path.basename(path)


def test_the_synopses_are_those_of_the_header():
    header = prototypes_of_header()
    assert set(header) >= exported()
    pages = {}
    for path in PAGES:
        pages.update(prototypes_of_page(read(path)))
    assert pages == header


def test_pages_refer_to_pages_that_there_are():
    ours = {name for path in PAGES for name in names(read(path))}
    for path in PAGES:
        for name in re.findall(r"^\.Xr (customerd_\w+) 3", read(path), re.M):
            assert name in ours, path


@pytest.mark.parametrize("page, code", list(examples()), ids=lambda value: value[:24])
def test_an_example_compiles(page, code, tmp_path):
    assert code.strip(), page
    source = tmp_path / "example.c"
    source.write_text(("" if "main(" in code else PRELUDE) + code)
    # The header of libev is not for pedants.
    flags = FLAGS if "customerd_ev" not in code else FLAGS[:2]
    subprocess.run(["cc", *flags, "-c", "-I", CLIENT, "-o",
                    str(tmp_path / "example.o"), str(source)], check=True)


def test_every_function_has_a_page_of_its_name_to_install():
    pages = {os.path.basename(path) for path in PAGES}
    pages |= {os.path.basename(path) for path in glob.glob(os.path.join(LIBRARY, "man", "*.3"))}
    assert {name + ".3" for name in exported()} <= pages

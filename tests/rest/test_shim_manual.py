"""The manual page of the shim tells what its own --help tells."""

import os
import re
import subprocess

from support.customerd import ROOT
from support.http import CUSTOMERD_REST
from support.manual import assert_events, complaints, paragraphs

PAGE = os.path.join(ROOT, "tools", "rest", "customerd-rest.8")


def options():
    """The defaults of the table by the names of options, as the program prints it."""
    said = subprocess.run([CUSTOMERD_REST, "--help"], check=True, capture_output=True,
                          text=True).stdout
    return dict(re.findall(r"^  --([a-z-]+) .*?(?: \((\S+)\))?$", said, re.MULTILINE))


def test_the_page_has_every_option_and_no_other():
    assert list(paragraphs(PAGE)) == list(options())


def test_the_page_names_every_default():
    said = paragraphs(PAGE)
    defaults = {name: default for name, default in options().items() if default}
    assert "listen" in defaults and "drain-timeout-ms" in defaults
    for name, default in defaults.items():
        text = " ".join(said[name].split())
        assert re.search(r"default is %s\b" % re.escape(default), text), name


def test_the_page_explains_every_event_of_the_log():
    assert_events(PAGE, "tools/rest", "server/base")


def test_the_page_is_clean_mdoc():
    assert complaints(PAGE) == []

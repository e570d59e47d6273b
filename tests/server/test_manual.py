"""The manual page of the server tells what the server's own table of options tells."""

import json
import os
import subprocess

from support.customerd import CUSTOMERD, ROOT
from support.manual import assert_events, complaints, paragraphs

PAGE = os.path.join(ROOT, "server", "customerd.8")


def options():
    """The table, as the program describes it."""
    said = subprocess.run([CUSTOMERD, "describe"], check=True, capture_output=True).stdout
    return {option["name"]: option for option in json.loads(said)["options"]}


def test_the_page_has_every_option_and_no_other():
    assert list(paragraphs(PAGE)) == list(options())


def test_the_page_names_the_default_of_every_number_that_can_be_counted():
    said = paragraphs(PAGE)
    for name, option in options().items():
        if option["kind"] in ("integer", "bytes") and option["default"]:
            assert "default is " + option["default"] in " ".join(said[name].split()), name


def test_the_page_explains_every_event_of_the_log():
    assert_events(PAGE, "server", "server/net", "server/base")


def test_the_page_is_clean_mdoc():
    assert complaints(PAGE) == []

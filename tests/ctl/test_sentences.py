"""customerctl: one table of sentences, and what help, manual and shell make of it."""

import json
import os
import re
import subprocess

import pytest

from support.customerctl import CUSTOMERCTL, DONE, REFUSED, USAGE, ctl, ctl_tcp
from support.customerd import ROOT
from support.manual import complaints

PAGE = os.path.join(ROOT, "tools", "ctl", "customerctl.1")


def tables():
    return ctl("help", "--json").json()


@pytest.mark.parametrize("words, could_be", [
    (["c"], "change read"), (["customer"], "customer show CUSTOMER"),
    (["customer", "an", "1", "x"], "customer anonymize CUSTOMER cancel"),
    (["customer", "show"], "CUSTOMER is an id, a uid or an email address"),
    (["customer", "show", "x"], "CUSTOMER is an id, a uid or an email address"),
    (["customer", "update", "1", "phone"], "FIELD=VALUE is a field and its value"),
    (["group", "show", "a@b.example"], "RECORD is an id (123) or a uid"),
    (["customer", "list", "all"], "customerctl customer list"), ([], "token create")])
def test_what_fits_no_sentence_is_answered_with_what_does(words, could_be):
    done = ctl(*words)
    assert done.status == USAGE and done.out == ""
    assert "possible:" in done.said and could_be in done.said


def test_words_may_be_shortened_as_long_as_only_one_fits(server):
    assert ctl("--unix", server.unix, "p").out.startswith("the server answers")
    done = ctl("t", "l")
    assert done.status == USAGE and '"t" may be more than one word' in done.said


@pytest.mark.parametrize("words", [
    ["customer", "list", "--if-revision", "1"], ["ping", "--limit", "1"],
    ["customer", "show", "1", "--dry-run"], ["token", "create", "name=x", "--once"]])
def test_an_option_that_does_not_go_with_the_sentence_is_refused(words):
    done = ctl(*words)
    assert done.status == USAGE and "customerctl" in done.said and done.out == ""


def test_the_help_of_a_command_begins_with_examples_and_lists_its_fields():
    done = ctl("help", "customer", "update")
    assert done.out.index("Examples") < done.out.index("Usage") < done.out.index("Fields")
    assert "--if-revision" in done.out and "billing_address" in done.out
    assert "\n  slug" not in done.out and "\n  origin_channel_id" not in done.out
    assert done.out == ctl("customer", "update", "--help").out
    assert "origin_channel_id" in ctl("help", "customer", "create").out
    assert "tag show TAG" in ctl("help", "tag").out


def test_all_help_fits_80_columns():
    for command in [[]] + [[*command["command"].split()] for command in tables()["commands"]]:
        done = ctl("help", *[word for word in command if word.islower()])
        for line in done.out.splitlines():
            assert len(line) <= 80 or "accepts_product_review" in line or (
                line.startswith("  customerctl ")), line


def test_every_example_is_a_command():
    for command in tables()["commands"]:
        own = {option["name"] for option in command["options"]}
        every = {option["name"] for option in tables()["options"]}
        first = command["command"].split()[0]
        for example in command["examples"].split("\n"):
            assert example.split()[0] == first, example
            for option in re.findall(r" --([a-z-]+)", example):
                assert option in own | every, example


# ---- the manual ----


def page():
    with open(PAGE, encoding="ascii") as file:
        return file.read()


def sentence_of(line):
    """The sentence that a line of the manual means."""
    line = line.replace("Ar FIELD Ns = Ns Ar VALUE", "FIELD=VALUE").replace(" ...", "...")
    line = re.sub(r"Op Ar (\S+)", r"[\1]", line)
    return re.sub(r"\b(Cm|Ar) ", "", line)


def items(section):
    text = page().split(section, 1)[1]
    return re.findall(r"^\.It (.*)$", re.split(r"^\.(Sh|Ss) ", text, flags=re.M)[0], re.M)


def test_the_manual_has_every_sentence_in_its_order_and_no_other():
    assert [sentence_of(line) for line in items(".Sh SENTENCES\n")] == [
        command["command"] for command in tables()["commands"]]


def test_the_manual_names_the_options_of_each_sentence():
    text = page().split(".Sh SENTENCES\n", 1)[1].split(".Ss Fields")[0]
    parts = re.split(r"^\.It ", text, flags=re.M)[1:]
    for part, command in zip(parts, tables()["commands"]):
        assert re.findall(r"^\.Fl -([a-z-]+)", part, re.M) == [
            option["name"] for option in command["options"]], command["command"]


def test_the_manual_has_every_option_and_every_exit_code():
    named = {re.match(r"Fl -([a-z-]+)", line).group(1) for line in items(".Sh OPTIONS\n")}
    every = {option["name"] for option in tables()["options"]}
    own = {option["name"] for command in tables()["commands"]
           for option in command["options"]}
    assert named == every | own
    assert [int(line) for line in items(".Sh EXIT STATUS\n")] == [
        row["code"] for row in tables()["exits"]]


def test_the_manual_is_clean_mdoc():
    assert complaints(PAGE) == []


# ---- completion ----


def complete(*words):
    """What bash offers when WORDS were typed and the last one is being completed."""
    script = ctl("completion", "bash").out + (
        '\nCOMP_LINE="customerctl $*"; COMP_POINT=${#COMP_LINE}\n'
        '_customerctl 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"\n')
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True,
                          text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("words, offered", [
    (["cu"], {"customer"}), (["customer", "u"], {"untag", "update"}),
    (["customer", "anonymize", "12", ""], {"cancel"}),
    (["customer", "update", "12", "first"], {"first_name="}),
    (["customer", "update", "12", "email=a", "last"], {"last_name="}),
    (["customer", "update", "12", "email="], set()),
    (["customer", "anonymize", "ada@example.com", "c"], {"cancel"}),
    (["store", "create", "m"], {"mode="}), (["call", "customer.g"], {"customer.get"}),
    (["--json", "tag", "l"], {"list"}), (["--token", "customer", "tag", "l"], {"list"}),
    (["customer", "list", "--li"], {"--limit"}), (["ping", "--js"], {"--json"}),
    (["customer", "show", "1", "--if"], set()), (["customer", "show", "1", ""], set()),
    (["customer", "create", "billing"], {"billing_address=", "billing_address."}),
    (["customer", "create", "billing_address.ci"], {"billing_address.city="}),
    (["token", "create", "user.i"], {"user.id="}),
    (["customer", "update", "12", "billing"], {"billing_address="}),
    (["customer", "update", "12", "billing_address.c"], set()),  # replaced as a whole
    (["customer", "create", "registration"], {"registration_ip_address="}),
    (["customer", "update", "12", "registration"], set()),
    (["completion", ""], {"bash"})])
def test_bash_completes_words_fields_and_options(words, offered):
    assert set(complete(*words)) == offered


def test_every_part_that_is_offered_can_be_given(server, shop):
    parts = complete("customer", "create", "billing_address.")
    assert "billing_address.country=" in parts
    for part in parts:
        done = ctl_tcp(server, "customer", "create", "email=a@b.example", part, "--dry-run",
                       token=shop.token())
        assert done.status in (DONE, REFUSED), done


def test_bash_offers_the_words_of_every_sentence():
    assert set(complete("")) == {
        command["command"].split()[0] for command in tables()["commands"]}


def test_the_completion_is_built_to_be_installed():
    built = os.path.join(os.path.dirname(CUSTOMERCTL), "customerctl.bash")
    with open(built, encoding="utf-8") as file:
        assert file.read() == ctl("completion", "bash").out


def test_help_as_data_is_whole():
    assert {"commands", "options", "exits"} == set(tables())
    assert json.dumps(tables()).count('"command"') == len(tables()["commands"])

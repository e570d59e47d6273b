"""PROTOCOL.md as data: the tables and the exchanges that it holds.

Tables stand between `<!-- table: NAME -->` and `<!-- end -->` and are written from
`customerd describe`.

An exchange is a block fenced with ```hex: one connection over TCP, or over the unix
socket when "operator" follows.  In it

    # [0, 1, "ping", []]           a message in JSON, where <name> stands for a value
    > 94 00 01 a4 70 69 6e 67 90   that varies, then its bytes: sent ...
    < 94 01 01 c0 81 ... <time>    ... or answered
    < close                        the server closes the connection

The bytes are written from the JSON, which may go on behind another #.  Where # is
followed by prose, they are written by hand.
"""

import json
import os
import re
import textwrap

import msgpack

from .customerd import ROOT

PATH = os.path.join(ROOT, "proto", "PROTOCOL.md")

TABLE = re.compile(r"(<!-- table: ([a-z_ ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
BLOCK = re.compile(r"(```hex([a-z ]*)\n)(.*?)(```)", re.DOTALL)
ENTRY = re.compile(r"((?:#.*\n)+)((?:>.*\n)+|(?:<.*\n)+)")
WILDCARD = re.compile(r"<([a-z_]+)>")
SAFE_INTEGER = 2**53 - 1


def read():
    with open(PATH, encoding="utf-8") as file:
        return file.read()


# -- tables ---------------------------------------------------------------------------


def with_tables(text, tables):
    """TEXT with every table as TABLES, from `customerd describe`, have it."""
    def replace(match):
        return match[1] + table(match[2], tables) + match[3]
    return TABLE.sub(replace, text)


def table(name, tables):
    kind, _, which = name.partition(" ")
    if kind == "record":
        return field_table(tables["records"][which]["fields"])
    if kind == "shape":
        return field_table(tables["shapes"][which]["fields"])
    return {"statuses": status_table, "rules": rule_table, "scopes": scope_table,
            "methods": method_table, "arguments": argument_table,
            "limits": limit_table}[name](tables)


def rows(head, body):
    lines = [head, ["---"] * len(head)] + list(body)
    return "".join("| %s |\n" % " | ".join(str(cell) for cell in line) for line in lines)


def code(words):
    return ", ".join("`%s`" % word for word in words)


def number(value):
    if abs(value) == SAFE_INTEGER:
        return "-2^53+1" if value < 0 else "2^53-1"
    return str(value)


def status_table(tables):
    return rows(["code", "retryable", "HTTP", "meaning"],
                ([code([s["name"]]), "yes" if s["retryable"] else "no", s["http"], s["text"]]
                 for s in tables["statuses"] if s["name"] != "OK"))


def rule_table(tables):
    return rows(["code", "the field …"],
                ([code([r["name"]]), r["text"]] for r in tables["rules"]))


def scope_table(tables):
    return rows(["scope", "permits to …"],
                ([code([s["name"]]), s["text"]] for s in tables["scopes"]))


def method_table(tables):
    return rows(["method", "runs", "scope", "arguments", "bound token"],
                ([code([m["name"]]), m["access"], code([m["scope"]]) if m["scope"] else "none",
                  code(m["args"]) or "none", "own customer" if "OWN" in m["flags"] else "–"]
                 for m in tables["methods"]))


def limit_table(tables):
    return rows(["limit", "value"],
                ([code([name]), value] for name, value in tables["limits"].items()))


def argument_table(tables):
    return field_table(tables["arguments"])


def field_table(fields):
    return rows(["key", "value", "bounds", "remarks"],
                ([code([f["key"]]), kind_text(f), bounds(f), flags(f)] for f in fields))


def kind_text(field):
    if field.get("shape"):
        return "%s (%s)" % (field["type"], field["shape"])
    return field["type"]


# What the bounds of a kind count; the kinds that are not here have none to show.
UNITS = {"LINE": " characters", "TEXT": " characters", "EMAIL": " bytes", "IP": " bytes",
         "LANGUAGE": " bytes", "TAG": " characters", "MAP": " bytes", "INTEGER": "", "TIME": "",
         "NUMBER": "", "SCALARS": " characters or items", "OBJECTS": " items",
         "LINES": " items", "TAGS": " items", "WORDS": " items", "LANGUAGES": " items",
         "INTEGERS": " items", "PATCHES": " items"}


def bounds(field):
    if field["kind"] == "WORD":
        return code(field["words"])
    if field["kind"] not in UNITS:
        return ""
    return "%s to %s%s" % (number(field["min"]), number(field["max"]), UNITS[field["kind"]])


def flags(field):
    return ", ".join(flag.lower().replace("_", " ") for flag in field["flags"])


# -- exchanges ------------------------------------------------------------------------


class Wildcard(str):
    """A value that varies, by name."""


class Message:
    """What goes one way: the bytes and wildcards of one message, or a close."""

    def __init__(self, direction, tokens, notation):
        self.direction = direction  # "<" or ">"
        self.tokens = tokens        # bytes and Wildcards in turn; None: close
        self.notation = notation    # what a reader sees, for failures


def encode(value, tokens=None):
    """The tokens of VALUE: bytes, and Wildcards for the values that vary."""
    tokens = [b""] if tokens is None else tokens
    if isinstance(value, str) and value.startswith("\0"):
        tokens += [Wildcard(value[1:]), b""]
    elif isinstance(value, (list, dict)):
        packer = msgpack.Packer()
        if isinstance(value, list):
            tokens[-1] += packer.pack_array_header(len(value))
            items = value
        else:
            tokens[-1] += packer.pack_map_header(len(value))
            items = [item for pair in value.items() for item in pair]
        for item in items:
            encode(item, tokens)
    else:
        tokens[-1] += msgpack.packb(value)
    return tokens


def parse_notation(text):
    """The tokens of a message in JSON with wildcards, or None for prose."""
    if not text.startswith("["):
        return None
    return encode(json.loads(WILDCARD.sub(r'"\\u0000\1"', text)))


def to_hex(direction, tokens):
    """The lines of the document for TOKENS."""
    words = " ".join("<%s>" % t if isinstance(t, Wildcard) else t.hex(" ")
                     for t in tokens if t)
    return "".join("%s %s\n" % (direction, line) for line in textwrap.wrap(words, 78))


def from_hex(lines):
    tokens = [b""]
    for word in " ".join(lines).split():
        match = WILDCARD.fullmatch(word)
        if match:
            tokens += [Wildcard(match[1]), b""]
        else:
            tokens[-1] += bytes.fromhex(word)
    return tokens


def parse_block(block):
    """The messages of one block."""
    assert not ENTRY.sub("", block), "neither # nor > nor <: " + ENTRY.sub("", block)
    for notation, lines in ENTRY.findall(block):
        words = [line[2:] for line in lines.splitlines()]
        tokens = None if words == ["close"] else from_hex(words)
        yield Message(lines[0], tokens, plain(notation))


def blocks(text):
    """[(options, messages)] of every exchange, in order."""
    return [(match[2].split(), list(parse_block(match[3])))
            for match in BLOCK.finditer(text)]


def plain(notation):
    return " ".join(line[1:].strip() for line in notation.splitlines())


def with_hex(text):
    """TEXT with the bytes of every message as its JSON has them."""
    def rewrite(entry):
        tokens = parse_notation(plain(entry[1]))
        return entry[1] + (to_hex(entry[2][0], tokens) if tokens else entry[2])
    return BLOCK.sub(lambda match: match[1] + ENTRY.sub(rewrite, match[3]) + match[4], text)

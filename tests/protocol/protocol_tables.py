#!/usr/bin/python3
"""Keep proto/PROTOCOL.md in step with the code.

    protocol_tables.py           say whether its tables and its hex are as they should be
    protocol_tables.py --write   make them so

The tables come from `customerd describe`, the hex from the JSON above it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import document  # noqa: E402
from support.customerd import describe  # noqa: E402


def main():
    text = document.read()
    right = document.with_hex(document.with_tables(text, describe()))
    if "--write" in sys.argv[1:]:
        with open(document.PATH, "w", encoding="utf-8") as file:
            file.write(right)
    elif text != right:
        sys.exit("PROTOCOL.md is behind the code: run %s --write" % sys.argv[0])


if __name__ == "__main__":
    main()

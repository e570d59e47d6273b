"""Where libcustomerd and what is built with it lie."""

import os
import subprocess

from support.customerctl import CUSTOMERCTL

LIBRARY = os.path.abspath(os.path.join(os.path.dirname(CUSTOMERCTL), "..", "..", "client"))
EXAMPLES = os.path.join(LIBRARY, "examples")


def exported():
    """The names that the shared library exports."""
    lines = subprocess.run(["nm", "-D", "--defined-only",
                            os.path.join(LIBRARY, "libcustomerd.so")],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    names = {line.split()[2].split("@")[0] for line in lines}
    return {name for name in names if name.startswith("customerd_")}

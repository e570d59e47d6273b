"""The command line, as the tests type it.

The program is the one that the environment names in CUSTOMERCTL.
"""

import json
import os
import subprocess

from support.customerd import PATIENCE_S, ROOT

CUSTOMERCTL = os.path.abspath(os.environ.get(
    "CUSTOMERCTL", os.path.join(ROOT, "build", "release", "tools", "ctl", "customerctl")))
SAMPLE = os.path.join(ROOT, "tools", "sample.ndjson")

# The exit codes that --help documents.
DONE, REFUSED, USAGE, NOT_CONNECTED, UNKNOWN = range(5)


class Done:
    """What came of one command."""

    def __init__(self, arguments, stdin="", token=None):
        environment = dict(os.environ)
        environment.pop("CUSTOMERD_TOKEN", None)
        if token is not None:
            environment["CUSTOMERD_TOKEN"] = token
        done = subprocess.run([CUSTOMERCTL, *arguments], input=stdin.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment, timeout=PATIENCE_S)
        self.status = done.returncode
        self.out = done.stdout.decode()
        self.said = done.stderr.decode()

    def json(self):
        assert self.status == DONE, self.said
        return json.loads(self.out)

    def __repr__(self):
        return "exit %d, out %r, said %r" % (self.status, self.out, self.said)


def ctl(*arguments, **environment):
    return Done(arguments, **environment)


def ctl_unix(server, *arguments, **environment):
    """As an operator."""
    return Done(["--unix", server.unix, *arguments], **environment)


def ctl_tcp(server, *arguments, **environment):
    return Done(["--connect", "%s:%d" % server.address, *arguments], **environment)

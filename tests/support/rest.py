"""The shim before a server with the sample data, and requests as clients write them.

    with Platforms() as platforms:
        answer = platforms.ask("GET", "/api/customers/XAyRWNUzyN", CL)
        assert answer.status == 200 and answer.json["data"]["type"] == "customers"
"""

import json

from support.customerctl import DONE, SAMPLE, ctl_unix
from support.customerd import Server, wait_until
from support.http import CUSTOMERD_REST, Shim
from support.relay import Relay

JSON_API = "application/vnd.api+json"

# What the clients of the sample store send with every request.
CL = {"Authorization": "Bearer your-access-token", "Content-Type": JSON_API}
DJANGO = {"Authorization": "Bearer YOUR_TOKEN", "Content-Type": "application/json"}
BC = {"X-Auth-Token": "access_token", "Content-Type": "application/json"}
ECWID = {"Authorization": "Bearer secret_token", "Content-Type": "application/json"}


class Platforms:
    """A server with the sample data, and the shim; a relay between them if wanted."""

    def __init__(self, *options, program=CUSTOMERD_REST, relayed=False,
                 server_options=()):
        self.server = Server(*server_options)
        loaded = ctl_unix(self.server, "load", SAMPLE)
        assert loaded.status == DONE, loaded
        self.relay = Relay(self.server.unix) if relayed else None
        self.shim = Shim("--public-store", "1", *options, program=program,
                         server="unix:" + (self.relay or self.server).unix)
        wait_until(lambda: self.shim.events("upstream_ready"), "the shim finds the server")

    def ask(self, method, target, headers=(), body=None):
        """The answer to one request; BODY may be bytes, or anything for JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.shim.ask(request(method, target, dict(headers), body),
                             is_head=method == "HEAD")

    def native(self, token=None):
        """A connection to the server itself."""
        return self.server.dial(token) if token else self.server.operator()

    def close(self):
        try:
            assert self.shim.terminate() == 0, "\n".join(self.shim.log[-20:])
            self.shim.__exit__()
        finally:
            if self.relay:
                self.relay.close()
            self.server.remove()  # whatever became of the shim

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def request(method, target, headers, body):
    """The bytes of a request."""
    lines = ["%s %s HTTP/1.1" % (method, target)]
    headers.setdefault("Host", "localhost:7480")
    if body is not None or method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body or b""))
    lines += ["%s: %s" % header for header in headers.items()]
    return "\r\n".join(lines + ["", ""]).encode() + (body or b"")

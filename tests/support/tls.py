"""Certificates made for a test, and sockets that use them.

    ca     = Authority(folder)
    server = ca.issue("localhost")             its certificate and key, two files
    server = TlsServer(folder)                 customerd with a TLS port
    c      = server.dial_tls(token=...)        a Client over TLS
"""

import hashlib
import json
import os
import socket
import ssl
import subprocess

from support.customerd import PATIENCE_S, Client, Server, wait_until

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments, data=None):
    done = subprocess.run(("openssl",) + arguments, input=data, capture_output=True,
                          timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Certificate:
    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key

    def public_key_sha256(self):
        """As an operator finds it out."""
        pem = openssl("x509", "-in", self.certificate, "-pubkey", "-noout")
        return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "der", data=pem)).hexdigest()


class Authority:
    """Issues certificates, into a folder."""

    def __init__(self, folder, name="authority"):
        self.folder = str(folder)
        self.certificate = self.path(name + ".crt")
        self.key = self.path(name + ".key")
        openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.certificate,
                "-subj", "/CN=" + name, "-days", "2")

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, san=None, days=2, key=None):
        """For NAME; -1 DAYS: it has expired.  KEY: of another one, to be kept."""
        request, extensions = self.path(name + ".csr"), self.path(name + ".ext")
        made = Certificate(self.path(name + ".crt"), key or self.path(name + ".key"))
        how = ("-new", "-key", key) if key else KEY + ("-keyout", made.key)
        openssl("req", *how, "-out", request, "-subj", "/CN=" + name)
        with open(extensions, "w") as file:
            file.write("subjectAltName=%s\n" % (san or "DNS:" + name))
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                "-CAcreateserial", "-days", str(days), "-extfile", extensions,
                "-out", made.certificate)
        return made


def context(authority=None, certificate=None):
    """For a client that believes AUTHORITY, or nobody."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        made.load_verify_locations(authority.certificate)
    if certificate:
        made.load_cert_chain(certificate.certificate, certificate.key)
    return made


class TlsServer(Server):
    """With a plain port, as every Server, and one with TLS."""

    def __init__(self, folder, *options, clients=None, required=False, listens=True):
        """Unless it LISTENS, somebody gives it its socket and starts it."""
        self.authority = Authority(folder)
        self.certificate = self.authority.issue("localhost", "DNS:localhost,IP:127.0.0.1")
        tls = ["--tls-certificate", self.certificate.certificate,
               "--tls-key", self.certificate.key]
        if clients:
            tls += ["--tls-client-ca", clients.certificate]
        if required:
            tls += ["--tls-client-required"]
        if listens:
            # On every address: 127.0.0.2 is one that the certificate does not name.
            tls += ["--tls-listen", "0.0.0.0:0"]
        super().__init__(*tls, *options, start=listens)

    @property
    def tls_address(self):
        return "127.0.0.1", int(self.ready["tls_listen"].rpartition(":")[2])

    def dial_bare(self):
        """A socket to the TLS port, on which nothing was said."""
        sock = socket.create_connection(self.tls_address)
        sock.settimeout(PATIENCE_S)
        return sock

    def dial_tls(self, token=None, certificate=None, name="localhost"):
        made = context(self.authority, certificate)
        return Client(made.wrap_socket(self.dial_bare(), server_hostname=name), token)

    def events(self, name):
        """The log lines with this event."""
        return [line for line in map(parse, self.log) if line.get("event") == name]

    def wait_for(self, name, count=1):
        wait_until(lambda: len(self.events(name)) >= count, "the log to say " + name)
        return self.events(name)


def parse(line):
    try:
        return json.loads(line)
    except ValueError:
        return {}

"""The servers that tools/bench/compare measures: how each is started, filled and asked.

A server is a class.  It listens on 127.0.0.1, keeps its data in a folder of its own,
and promises what customerd promises: an update that was answered has been flushed.
"""

import contextlib
import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", os.environ.get("VARIANT", "release"))
CUSTOMERD = os.path.join(BUILD, "server", "customerd")
CUSTOMERCTL = os.path.join(BUILD, "tools", "ctl", "customerctl")
CUSTOMERD_REST = os.path.join(BUILD, "tools", "rest", "customerd-rest")
BENCH = os.path.join(BUILD, "tools", "bench", "customerd-bench")
BENCH_ECHO = os.path.join(BUILD, "tools", "bench", "bench-echo")

READY_S_MAX = 60
STOP_S_MAX = 30
TRIES_MAX = 7

# So long a server is updated before its updates are measured: what it makes but once, and
# uses again and again, has been made then.  customerd has two journals of 512 MiB.
SEASON_MS = 15000


class Failure(Exception):
    """Something that a sentence explains."""


def free_port():
    """A port that nobody listens on, and that no outgoing connection is given."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def insist(action):
    """Do ACTION until it succeeds: a port may be open before the server is ready."""
    deadline = time.monotonic() + READY_S_MAX
    while True:
        try:
            return action()
        except (Failure, OSError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def find(command, *folders):
    """The path of COMMAND, or None."""
    return shutil.which(command, path=os.pathsep.join(
        (os.environ.get("PATH", ""), "/usr/sbin", *folders)))


class Server:
    """One process, or a family; COMMAND is the program without which there is none."""

    name = command = protocol = None

    def __init__(self, folder, keys):
        self.folder = os.path.join(folder, re.sub("[^a-z]+", "-", self.name))
        self.keys = keys
        self.port = free_port()
        self.process = None
        os.mkdir(self.folder, 0o700)

    @classmethod
    def is_installed(cls):
        return find(cls.command) is not None

    def arguments(self):
        """What is run."""
        raise NotImplementedError

    def start(self):
        self.command_line = self.arguments()
        self.launch()
        self.prepare()

    def launch(self):
        """Run it, once more perhaps, until it answers."""
        log = os.path.join(self.folder, "log")
        with open(log, "wb") as file:
            self.process = subprocess.Popen(self.command_line, stdin=subprocess.DEVNULL,
                                            stdout=file, stderr=file, cwd=self.folder)
        self.wait_for_port()

    def wait_for_port(self):
        deadline = time.monotonic() + READY_S_MAX
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder, "log"), errors="replace") as log:
                    raise Failure("%s did not start:\n%s" % (self.name, log.read()[-1000:]))
            time.sleep(0.005)

    def prepare(self):
        """Put the records in."""
        for protocol in (self.protocol if isinstance(self.protocol, tuple)
                         else (self.protocol,)):
            self.bench(protocol, "--fill", "--connections", "8", "--depth", "32")

    def options(self, protocol):
        """How the generator reaches it."""
        return ["--connect", "127.0.0.1:%d" % self.port]

    def bench(self, protocol, *arguments):
        """The figures of one run of the generator."""
        done = subprocess.run(
            [BENCH, "--json", "--protocol", protocol, "--keys", str(self.keys),
             "--server-pids", ",".join(map(str, self.pids())), *self.options(protocol),
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failure("%s: %s" % (self.name, done.stderr.strip()))
        return json.loads(done.stdout)

    def measure(self, protocol, duration_ms, warmup_ms, *arguments):
        """The same for some time: for longer, where nobody has come to answer in it."""
        for _ in range(TRIES_MAX):
            figures = self.bench(protocol, "--duration-ms", str(duration_ms),
                                 "--warmup-ms", str(warmup_ms), *arguments)
            if figures["answers"] > 0:
                return figures
            duration_ms *= 2
        raise Failure("%s does not answer" % self.name)

    def season(self, protocol, duration_ms):
        """Let it become a server that has been up for a while."""
        self.bench(protocol, "--updates", "100", "--connections", "50", "--depth", "16",
                   "--duration-ms", str(duration_ms), "--warmup-ms", "0")

    def pids(self):
        return [self.process.pid]

    def pin(self, cpus):
        """Let all threads of its processes run on CPUS only."""
        for pid in self.family():
            for thread in glob.glob("/proc/%d/task/*" % pid):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(os.path.basename(thread)), cpus)

    def family(self):
        """Its processes and their children."""
        for pid in self.pids():
            yield pid
            with contextlib.suppress(FileNotFoundError):
                with open("/proc/%d/task/%d/children" % (pid, pid)) as children:
                    yield from map(int, children.read().split())

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(self.end_signal)
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    end_signal = signal.SIGTERM


class Customerd(Server):
    name, command, protocol = "customerd", CUSTOMERD, "customerd"

    def arguments(self):
        self.data = os.path.join(self.folder, "data")
        self.unix = os.path.join(self.folder, "socket")
        os.mkdir(self.data, 0o700)
        return [CUSTOMERD, "--data", self.data, "--unix", self.unix, "--log-level",
                "warning", "--listen", "127.0.0.1:%d" % self.port]

    def call(self, method, args):
        done = subprocess.run([CUSTOMERCTL, "--unix", self.unix, "--json", "call", method,
                               json.dumps(args)], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def prepare(self):
        store = self.call("store.create", {"set": {"name": "bench", "mode": "test"}})
        self.token = self.call("token.create", {"set": {
            "name": "bench", "store": store["id"],
            "scopes": ["customers.read", "customers.write", "customers.private",
                       "groups.read", "tags.read", "store.read", "import"]}})["token"]
        super().prepare()

    def options(self, protocol):
        return super().options(protocol) + ["--token", self.token, "--operator", self.unix]


class CustomerdUnix(Server):
    """The same server by its unix socket."""

    name, command, protocol = "customerd, unix socket", CUSTOMERD, "customerd"

    def __init__(self, folder, keys, customerd):
        super().__init__(folder, keys)
        self.customerd = customerd

    def start(self):
        self.process = None

    def pids(self):
        return self.customerd.pids()

    def options(self, protocol):
        return ["--unix", self.customerd.unix, "--token", self.customerd.token,
                "--operator", self.customerd.unix]


class Rest(Server):
    """customerd-rest, before the same durable customerd."""

    name, command, protocol = "customerd-rest", CUSTOMERD_REST, "rest"

    def __init__(self, folder, keys, customerd):
        super().__init__(folder, keys)
        self.customerd = customerd

    def arguments(self):
        return [CUSTOMERD_REST, "--server", "unix:" + self.customerd.unix, "--listen",
                "127.0.0.1:%d" % self.port, "--admin", "", "--log-level", "warning"]

    def prepare(self):
        self.answer = insist(lambda: get(
            self.port, "/api/customers/" + uid_of(0),
            {"Authorization": "Bearer " + self.customerd.token,
             "Accept": "application/vnd.api+json"}))

    def pids(self):
        return [self.process.pid, self.customerd.process.pid]

    def options(self, protocol):
        return super().options(protocol) + ["--token", self.customerd.token]


class Redis(Server):
    name, command, protocol = "redis", "redis-server", ("redis", "redis-hash")

    def arguments(self):
        return [find(self.command), "--port", str(self.port), "--bind", "127.0.0.1",
                "--dir", self.folder, "--save", "", "--appendonly", "yes",
                "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]


class Tarantool(Server):
    name, command, protocol = "tarantool", "tarantool", "tarantool"

    def arguments(self):
        return [find(self.command), os.path.join(HERE, "peers", "tarantool.lua"),
                str(self.port), self.folder]

    def prepare(self):
        insist(super().prepare)


class Memcached(Server):
    """Keeps nothing on disk: for reads only."""

    name, command, protocol = "memcached", "memcached", "memcached"

    def arguments(self):
        # Items with their heads, and as much again.
        megabytes = 64 + self.keys * 2048 // (1 << 20)
        return [find(self.command), "-u", "nobody", "-l", "127.0.0.1", "-p",
                str(self.port), "-m", str(megabytes), "-t", "1", "-c", "2000"]


class Postgres(Server):
    name, command, protocol = "postgresql", "postgres", "postgresql"

    @staticmethod
    def tool(name):
        return find(name, *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True))

    @classmethod
    def is_installed(cls):
        return cls.tool("initdb") is not None

    def as_user(self, arguments):
        """PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return arguments
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                *arguments]

    def arguments(self):
        self.data = os.path.join(self.folder, "data")
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        subprocess.run(self.as_user(
            [self.tool("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "-E",
             "UTF8", "--locale=C"]), check=True, stdout=subprocess.DEVNULL, cwd=self.folder)
        settings = {"port": self.port, "listen_addresses": "127.0.0.1",
                    "unix_socket_directories": "", "max_connections": 400,
                    "shared_buffers": "512MB", "max_wal_size": "8GB",
                    "checkpoint_timeout": "1h", "synchronous_commit": "on"}
        return self.as_user([self.tool("postgres"), "-D", self.data] + [
            "--%s=%s" % setting for setting in settings.items()])

    def sql(self, *statements):
        done = subprocess.run(
            [self.tool("psql"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U",
             "postgres", "postgres"] +
            [part for sql in statements for part in ("-c", sql)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failure("%s: %s" % (self.name, done.stderr.strip()))

    def prepare(self):
        insist(lambda: self.sql("select 1"))
        self.sql("create table customers (id bigint primary key, doc jsonb)"
                 " with (fillfactor = 80)")
        super().prepare()
        self.sql("vacuum analyze customers", "checkpoint")

    end_signal = signal.SIGINT   # at once, not when the last client has gone


class Echo(Server):
    name, command, protocol = "echo", BENCH_ECHO, "echo"

    def arguments(self):
        return [BENCH_ECHO, str(self.port)]

    def prepare(self):
        pass


class Nginx(Server):
    """A file as long as the answer of the shim."""

    name, command, protocol = "nginx, a file", "nginx", "http"

    def __init__(self, folder, keys, rest):
        super().__init__(folder, keys)
        self.rest = rest

    def arguments(self):
        os.chmod(self.folder, 0o755)
        with open(os.path.join(self.folder, "record.json"), "wb") as file:
            file.write(self.rest.answer)
        with open(os.path.join(self.folder, "nginx.conf"), "w") as file:
            file.write(NGINX_CONF.format(folder=self.folder, port=self.port))
        return [find(self.command), "-p", self.folder, "-c", "nginx.conf"]

    def prepare(self):
        pass

    def options(self, protocol):
        return super().options(protocol) + ["--path", "/record.json"]


NGINX_CONF = """
daemon off;
worker_processes 1;
error_log {folder}/error.log crit;
pid {folder}/pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 60;
  open_file_cache max=100 inactive=60s; open_file_cache_valid 60s;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  default_type application/json;
  server {{ listen 127.0.0.1:{port} backlog=1024; root {folder}; }}
}}
"""


class Node(Server):
    """node with a Map: keeps nothing on disk."""

    name, command, protocol = "node with a Map", "node", "http"

    def arguments(self):
        return [find(self.command), os.path.join(HERE, "peers", "map.js"), str(self.port)]

    def prepare(self):
        # As many fields as the others have, of about the same length.
        for begin in range(0, self.keys, 1000):
            pairs = [[uid, dict(RECORD, uid=uid)] for uid in
                     map(uid_of, range(begin, min(begin + 1000, self.keys)))]
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.request("POST", "/fill", json.dumps(pairs))
            if connection.getresponse().status != 200:
                raise Failure("node does not take the records")
            connection.close()

    def options(self, protocol):
        return super().options(protocol) + ["--path", "/customers/{uid}"]


RECORD = {"uid": "", "email": "somebody.example@example.com", "first_name": "Travis 0a1b2c",
          "last_name": "Muller 0a1b2c", "phone": "+39 055 0a1b2c",
          "shopper_reference": "xxx-yyy-zzz-0a1b2c", "profile_id": "profile-0a1b2c00000000",
          "tax_exemption_code": "exemption-0a1b2c00000000",
          "reference": "ANY-EXTERNAL-REF-0a1b2c",
          "reference_origin": "ANY-EXTERNAL-REF-ORIGIN-0a1b2c",
          "company": "Analytical Engines Ltd. 0a1b2c", "tax_id": "IT-0a1b2c",
          "notes": "n" * 250}


def uid_of(key):
    """As key_uid() in keys.c."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value, uid = (key + 1) * 0x9e3779b97f4a7c15 & (1 << 59) - 1, ""
    for _ in range(10):
        uid += digits[value % 62]
        value //= 62
    return uid


def get(port, path, headers):
    """The body of the answer, which must be a good one."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise Failure("GET %s: %d %s" % (path, response.status, body[:300]))
    return body

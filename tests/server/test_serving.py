"""What one peer, or the machine, does must not become everybody's trouble."""

import contextlib
import json
import os
import resource
import signal
import socket
import threading
import time

import msgpack

from support.customerd import ROOT, Server, wait_until
from support.programs import by_length, cpu_s, runner


def events(server, name):
    return [json.loads(line) for line in server.log if '"event":"%s"' % name in line]


def flood_unread(client, request):
    """Send REQUEST until neither side has room for more, reading no answer."""
    data = msgpack.packb(request) * 500
    client.sock.settimeout(0.5)
    try:
        while True:
            client.sock.sendall(data)
    except socket.timeout:
        pass


def test_out_of_descriptors_who_is_connected_is_served_and_the_loop_rests(own_server):
    c = own_server.dial()
    c.call("ping")
    pid = own_server.process.pid
    used = max(int(fd) for fd in os.listdir("/proc/%d/fd" % pid))
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 2, limits[1]))
    others = [own_server.dial() for _ in range(20)]
    wait_until(lambda: events(own_server, "accept_failed"), "no failure was logged")
    before = cpu_s(own_server.process.pid)
    wait_until(lambda: len(events(own_server, "accept_failed")) >= 2, "one line a second")
    assert cpu_s(own_server.process.pid) - before < 0.3
    c.call("ping")
    for other in others:
        other.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    own_server.dial().call("ping")


def uses_cpu_for(process, seconds):
    before = cpu_s(process.pid)
    time.sleep(seconds)
    return cpu_s(process.pid) - before


def test_a_loop_that_polls_does_so_for_its_time_and_then_sleeps():
    with Server("--poll-us", "400000") as server:
        c = server.operator()
        wait_until(lambda: c.call("ping") and uses_cpu_for(server.process, 0.2) > 0.02,
                   "it never polled")
        wait_until(lambda: uses_cpu_for(server.process, 0.5) < 0.1, "it did not sleep")


def test_a_file_that_is_cut_while_it_is_served_ends_the_server_by_name():
    with Server() as server:
        operator = server.operator()
        os.truncate(os.path.join(server.data, "data.mdb"), 8192)
        with contextlib.suppress(BrokenPipeError):  # gone before all was sent
            for _ in range(3):
                operator.send("store.list")
        with contextlib.suppress(ConnectionResetError):
            assert operator.closed()
        assert server.wait() == 74
        assert server.data in server.log[-1] and "customerd verify" in server.log[-1]


def test_a_peer_that_reads_nothing_does_not_hold_up_a_stop_for_long():
    """It ends at the stop's own bound, 5 seconds, not at the frame timeout."""
    with Server("--frame-timeout-ms", "3600000") as server:
        c = server.dial()
        flood_unread(c, [0, 1, "hello", []])
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0


def test_a_peer_that_sends_without_end_does_not_starve_another(own_server):
    busy, other = own_server.dial(), own_server.dial()
    pings = msgpack.packb([0, 1, "ping", []]) * 10000
    enough = threading.Event()

    def flood():
        while not enough.is_set():
            busy.sock.sendall(pings)
        busy.sock.shutdown(socket.SHUT_WR)

    def drain():
        while busy.sock.recv(1 << 20):
            pass

    threads = [threading.Thread(target=flood), threading.Thread(target=drain)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        other.call("ping")
    enough.set()
    for thread in threads:
        thread.join()


def test_no_wake_up_is_lost_between_threads():
    # As often as it takes a sanitizer to see how; its long form is in hostile/.
    run = runner(os.path.join(ROOT, "tests", "hostile", "wakeups.py"))
    assert run("wakeups.py", "--seconds", by_length(1, 2, 2)) == 0

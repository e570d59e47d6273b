"""A wire between clients and a server that breaks all the time, at any byte.

    with Cutter(server.address, random.Random(7)) as cutter:
        ...     # dial cutter.address
        cutter.cuts

Each connection lets some bytes through, at random how many in either direction, and then
ends for both sides: half of the time with a reset.
"""

import socket
import struct
import threading

CHUNK = 4096
BYTES_MAX = 1500        # of one connection, in one direction
RESET = struct.pack("ii", 1, 0)


class Cutter:
    def __init__(self, server, rng):
        self.server, self.rng = server, rng
        self.cuts = 0
        self.is_cutting = True
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.server)
            except OSError:
                return
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = _Wire(self, near, far)
            for way in ((near, far), (far, near)):
                threading.Thread(target=wire.carry, args=(*way, self.rng.randrange(BYTES_MAX)),
                                 daemon=True).start()

    def close(self):
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class _Wire:
    def __init__(self, cutter, near, far):
        self.cutter, self.ends = cutter, (near, far)
        self.is_reset = cutter.rng.random() < 0.5
        self.lock = threading.Lock()
        self.carrying = 2

    def carry(self, source, target, left):
        try:
            while data := source.recv(CHUNK):
                if self.cutter.is_cutting and len(data) > left:
                    target.sendall(data[:left])
                    self.cutter.cuts += 1
                    break
                target.sendall(data)
                left -= len(data)
        except OSError:
            pass
        self.end()

    def end(self):
        """The last of the two that carry closes; until then both only hear the end."""
        with self.lock:
            self.carrying -= 1
            for sock in self.ends:
                try:
                    if self.is_reset:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    # What is under way to the peer still arrives, or does not.
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                if self.carrying == 0:
                    sock.close()

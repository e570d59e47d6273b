"""What stands between a client and a server, and decides which messages get through.

    relay = Relay(server.unix)                          clients dial relay.unix
    relay.befall("customer.update", LOST_BEFORE)        the next call of that method
    relay.befall("customer.get", Around(before, after)) it passes, between these calls
    relay.seen["customer.get"]                          how many came

All other calls pass.
"""

import collections
import os
import socket
import threading

import msgpack

CHUNK = 65536

# The connection ends before the call arrives; or behind it, before its answer.  Any other
# fate is the code of an error that answers the call, which never arrives.
LOST_BEFORE, LOST_AFTER = "lost before", "lost after"


class Around:
    """A call has arrived, and is held while BEFORE runs; its answer is back: AFTER runs."""

    def __init__(self, before, after):
        self.before, self.after = before, after


class Relay:
    def __init__(self, server):
        self.server, self.unix = server, server + ".relay"
        self.fate = self.method = None
        self.seen = collections.Counter()   # calls and notifications, by method
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.unix)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def befall(self, method, fate):
        self.fate, self.method = fate, method

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self.server)
            except OSError:
                near.close()
                continue
            pair = _Pair(self, near, far)
            threading.Thread(target=pair.there, daemon=True).start()
            threading.Thread(target=pair.back, daemon=True).start()

    def close(self):
        self.listener.close()
        os.unlink(self.unix)


class _Pair:
    """One connection: NEAR is the client's side."""

    def __init__(self, relay, near, far):
        self.relay, self.near, self.far = relay, near, far
        self.is_last = None     # the number of the call whose answer is kept back
        self.watched = None     # that of the one between before and AFTER

    def end(self):
        for side in (self.near, self.far):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def messages(self, side):
        unpacker = msgpack.Unpacker()
        try:
            while data := side.recv(CHUNK):
                unpacker.feed(data)
                yield from unpacker
        except OSError:
            pass
        self.end()

    def send(self, side, message):
        try:
            side.sendall(msgpack.packb(message))
        except OSError:
            self.end()

    def there(self):
        for message in self.messages(self.near):
            self.relay.seen[message[2 if message[0] == 0 else 1]] += 1
            if message[0] == 0 and message[2] == self.relay.method:
                fate, self.relay.fate, self.relay.method = self.relay.fate, None, None
                if fate == LOST_BEFORE:
                    self.end()
                    return
                if isinstance(fate, Around):
                    fate.before()
                    self.watched, self.after = message[1], fate.after
                elif fate == LOST_AFTER:
                    self.is_last = message[1]
                else:
                    error = {"code": fate, "message": "so says the relay", "retryable": False}
                    self.send(self.near, [1, message[1], error, None])
                    continue
            self.send(self.far, message)

    def back(self):
        for message in self.messages(self.far):
            if message[0] == 1 and message[1] == self.is_last:
                self.end()
                return
            self.send(self.near, message)
            if message[0] == 1 and message[1] == self.watched:
                self.watched = None
                self.after()

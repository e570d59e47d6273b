"""Whoever ends a test politely lets it clean up: servers, mounts, directories.

SIGTERM becomes KeyboardInterrupt, once; within unhurried() not before its end, so that no
program is started or disk mounted of which nobody knows.
"""

import contextlib
import signal
import threading

_unhurried = 0
_is_over = False


def _is_main():
    return threading.current_thread() is threading.main_thread()


def _on_term(number, frame):
    global _is_over
    if not _is_over:
        _is_over = True
        if not _unhurried:
            raise KeyboardInterrupt


@contextlib.contextmanager
def unhurried():
    global _unhurried
    if not _is_main():      # only the main thread hears of signals
        yield
        return
    was_over = _is_over
    _unhurried += 1
    try:
        yield
    finally:
        _unhurried -= 1
        if _is_over and not was_over and not _unhurried:
            raise KeyboardInterrupt


if _is_main():
    signal.signal(signal.SIGTERM, _on_term)

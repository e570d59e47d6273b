"""A disk that can be filled up, and whose power can be cut.

It is a file system in an image file, mounted through a loop device.  cut() is the file
system's own shutdown call: whatever has not been synced by then is gone, and the next
mount has to recover from the journal.  What this does not show is a drive that keeps a
flushed block in a cache of its own.

Only root can do this; why_not() says what is missing.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile

from support.ending import unhurried

SHUTDOWN = 0x8004587D       # EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
WITHOUT_FLUSH = 2           # of the log

MKFS = {"ext4": ["mkfs.ext4", "-q", "-F", "-m", "0", "-b"],
        "xfs": ["mkfs.xfs", "-q", "-f", "-b"]}
BYTES = {"ext4": 64 << 20, "xfs": 300 << 20}   # the least that mkfs.xfs takes


def why_not(kind="ext4"):
    """A sentence if there can be no such disk here, else None."""
    if os.geteuid() != 0:
        return "only root can mount a disk image"
    if not shutil.which(MKFS[kind][0]):
        return "there is no %s" % MKFS[kind][0]
    try:
        with Disk(kind):
            return None
    except subprocess.CalledProcessError as problem:
        return "no disk image can be mounted here: %s" % (
            problem.stderr.decode("utf-8", "replace").strip())


class Disk:
    """A mounted image; PATH is its root directory."""

    def __init__(self, kind="ext4", block=4096, size=None):
        with unhurried():
            self.root = tempfile.mkdtemp(prefix="customerd-disk-")
            atexit.register(self.remove)    # in case no with-statement does it
        self.image = os.path.join(self.root, "image")
        self.path = os.path.join(self.root, "mount")
        os.mkdir(self.path)
        with open(self.image, "wb") as image:
            image.truncate(size or BYTES[kind])
        try:
            command("mkfs", *MKFS[kind][1:], ("size=%d" if kind == "xfs" else "%d") % block,
                    self.image, program=MKFS[kind][0])
            self.mount()
        except subprocess.CalledProcessError:
            self.remove()
            raise

    def mount(self):
        command("mount", "-o", "loop", self.image, self.path)

    def unmount(self):
        command("umount", self.path)

    def cut(self):
        """Now the power is gone.  Who has files open here sees them fail."""
        directory = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(directory)

    def sync(self):
        command("sync", "-f", self.path)

    def remove(self):
        with unhurried():
            self._remove()

    def _remove(self):
        atexit.unregister(self.remove)
        if os.path.ismount(self.path):
            # Lazily: it goes when the last file is closed, whoever forgot it.
            with contextlib.suppress(subprocess.CalledProcessError):
                command("umount", "-l", self.path)
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


def command(name, *arguments, program=None):
    with unhurried():
        subprocess.run([program or name, *arguments], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

#!/usr/bin/python3
"""Cut the power in the middle of load, again and again: nothing acknowledged is lost.

    power_cut.py [--cycles N] [--seed N] [--file-system ext4|xfs] [--block BYTES]
                 [--expect-loss]

The load and the checks are those of kill_loop.py; but the data is on a disk of its own
(support/disk.py), and the server ends because that disk forgets what was not synced and
fails from then on.  In the moments that remain the server may still answer: what it
acknowledges must be there afterwards, what it refuses must not be.

With --expect-loss something must get lost: for a server that answers before it commits
(scons variant=fault) or that does not sync (variant=nosync).  Wants root.
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import kill_loop  # noqa: E402
from support.customerd import Server  # noqa: E402
from support.disk import Disk, why_not  # noqa: E402

REFUSALS = ("UNKNOWN", "STORAGE_FAILED")
DISK_BYTES = 300 << 20  # sparse
CUT_BYTES = 512 << 10   # what is kept of answers, amply
LAST_WORDS_S = 0.004    # from the cut to the end of the server, at most


class ServerOnDisk(Server):
    def __init__(self, disk, *options):
        super().__init__(*options, start=False)
        self.disk = disk
        self.data = os.path.join(disk.path, "data")
        self.cuts = 0
        os.mkdir(self.data, 0o700)
        disk.sync()
        self.start()

    def kill(self):
        self.disk.cut()
        time.sleep(LAST_WORDS_S * (self.cuts % 4) / 3)
        super().kill()
        self.disk.unmount()
        self.disk.mount()
        self.cuts += 1

    def restart(self):
        """In peace: what was answered until now is safe also with a server that lies."""
        assert self.terminate() == 0
        self.disk.sync()
        return self.start()


def on_disk(options):
    size = DISK_BYTES + options.cycles * CUT_BYTES
    with Disk(options.file_system, options.block, size) as disk:
        with ServerOnDisk(disk, *kill_loop.SERVER_OPTIONS) as server:
            status = kill_loop.run(server, options, REFUSALS)
            print("%d cuts of %s with blocks of %d" % (
                server.cuts, options.file_system, options.block))
            return status


def main():
    parser = kill_loop.arguments_of(__doc__)
    parser.add_argument("--file-system", choices=("ext4", "xfs"), default="ext4")
    parser.add_argument("--block", type=int, default=1024)
    options = parser.parse_args()
    missing = why_not(options.file_system)
    if missing:
        sys.exit("power_cut: " + missing)
    return kill_loop.each_directory(options, on_disk)


if __name__ == "__main__":
    sys.exit(main())

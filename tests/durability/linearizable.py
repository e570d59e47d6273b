#!/usr/bin/python3
"""Many clients on few customers, with kills in between: one history fits all they saw.

    linearizable.py [--operations N] [--seed N]

What kill_loop.py does and checks, but the clients are many, half of them read, and the
server lives long enough between two kills that they get in each other's way.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import kill_loop  # noqa: E402
from support.customerd import Server  # noqa: E402

LOAD = kill_loop.Load(customers=100, writers=16, readers=16, kill_after_s=(0.2, 3.0))


def run(loop, operations):
    while loop.acknowledged + loop.read < operations:
        loop.cycle()
    loop.verify()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with Server(*kill_loop.SERVER_OPTIONS) as server:
        loop = kill_loop.KillLoop(server, options.seed, LOAD)
        loss = kill_loop.outcome(loop, options.seed, lambda: run(loop, options.operations))
        return int(bool(loss))


if __name__ == "__main__":
    sys.exit(main())

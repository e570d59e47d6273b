"""What tests that run programs have in common: how much to do, and how to run them."""

import os
import subprocess
import sys

import pytest

LENGTH = os.environ.get("LENGTH", "normal")

# In the environment: servers that lie, which a harness must find out.
LIARS = {"CUSTOMERD_FAULT": "fault", "CUSTOMERD_NOSYNC": "nosync"}


def by_length(quick, normal, long):
    return {"quick": quick, "normal": normal, "long": long}[LENGTH]


def runner(test):
    """run(), for the programs in the folder of TEST, a file."""
    folder = os.path.dirname(os.path.abspath(test))

    def run(program, *arguments, **environment):
        """The exit status of PROGRAM; what it said is printed."""
        process = subprocess.Popen(
            [sys.executable, os.path.join(folder, program), *map(str, arguments)],
            env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, _ = process.communicate()
        except BaseException:
            process.terminate()     # and it cleans up
            process.communicate()
            raise
        print(said.decode("utf-8", "replace"))
        return process.returncode
    return run


def cpu_s(pid):
    """The CPU time that the process PID has used."""
    with open("/proc/%d/stat" % pid) as file:
        ticks = file.read().rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def liar(name):
    """The program that the variable NAME names."""
    program = os.environ.get(name, "")
    if not os.path.exists(program):
        pytest.skip("%s names no program: scons variant=%s build/%s/server" % (
            name, LIARS[name], LIARS[name]))
    return program

"""Fuzzing, long: tools/test --long fuzz.  The stored inputs are replayed by every run."""

import glob
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RUNS = 10 ** 8
INPUT_BYTES_MAX = 2048
HANG_S = 5

TARGETS = [os.path.basename(source)[len("fuzz_"):-len(".c")]
           for source in sorted(glob.glob(os.path.join(HERE, "fuzz_*.c")))]


def build(variant, target):
    program = "build/%s/tests/fuzz/fuzz_%s" % (variant, target)
    subprocess.run(["scons", "-Q", "-s", "variant=" + variant, program], cwd=ROOT,
                   check=True, stdin=subprocess.DEVNULL)
    return os.path.join(ROOT, program)


def fuzz(variant, target, *options):
    """What is new goes to build/fuzz-inputs/TARGET, what breaks it beside that."""
    program = build(variant, target)
    found = os.path.join(ROOT, "build", "fuzz-inputs", target)
    os.makedirs(found, exist_ok=True)
    subprocess.run(
        [program, *options, "-timeout=%d" % HANG_S, "-artifact_prefix=%s-" % found,
         "-max_len=%d" % INPUT_BYTES_MAX, "-print_final_stats=1",
         found, os.path.join(HERE, "corpus", target)],
        check=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_breaks_it(target):
    # The schedule by entropy takes two thirds of the time of inputs that are this small.
    fuzz("fuzz-bare", target, "-runs=%d" % RUNS, "-entropic=0")


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_found_on_the_way_upsets_a_sanitizer(target):
    """All that reached something new, once more under AddressSanitizer and UBSan."""
    fuzz("fuzz", target, "-runs=0")

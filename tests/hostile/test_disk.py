"""Full disks, homes that may not be written to: one sentence, and the same command goes on when there is room.

A full disk is a tmpfs of a few pages in a mount namespace of its own. Where mounting is not allowed, the size of files
is limited instead (RLIMIT_FSIZE), which fails the same writes with another number.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from steps import NAMES, Step, size_of
from watching import Ended, Sandbox

FILLED = """
size=$1 home=$2 seed=$3 after=$4; shift 4
mount -t tmpfs -o size="$size" none "$home" || exit 99
cp -a "$seed/." "$home/" || exit 98
"$@" >"$after.out" 2>"$after.err"; echo $? >"$after.status"
mount -o remount,size=1g "$home" || exit 97
"$@"; status=$?
cp -a "$home/." "$after/"; exit $status
"""
READ_ONLY = 'home=$1; shift; mount --bind "$home" "$home" && mount -o remount,ro,bind "$home" && exec "$@"'
PYTHON = (sys.executable, "-m", "essentia_ldl")
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
os.execv(sys.argv[1], sys.argv[1:])
"""
PAGE = 4096
N_FULL = 6  # sizes of a disk per command in a full run


def may_mount() -> bool:
    """Tell whether this process may make a mount namespace and mount in it."""
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


DISKS = [
    pytest.param(name, number, marks=() if (name, number) == ("predict", 0) else pytest.mark.full)
    for name in NAMES
    for number in range(N_FULL)
]
HOMES = ["new", *(pytest.param(name, marks=pytest.mark.full) for name in NAMES)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), DISKS)
def test_disk_that_is_full(name, number, undisturbed, goods_of, tmp_path, counts, sizes):
    """Room for nothing, or for a part of what a command writes, drawn evenly; and then room for all."""
    expected, step = undisturbed(name), Step(name, goods_of(name))
    draw = random.Random(f"disk {sizes.seed} {name} {number}")
    box, seed, after = Sandbox(tmp_path / "box"), tmp_path / "seed", tmp_path / "after"
    if number % 2:  # temporary files lie on the same disk
        box.more["TMPDIR"] = str(box.home / "tmp")
    after.mkdir()
    seed.mkdir()
    step.fill(seed)
    (seed / "tmp").mkdir()
    room = int(draw.random() * expected.added) if number else 0
    command = [*PYTHON, *step.arguments(box.home)]
    if may_mount():
        n_bytes = size_of(seed) + PAGE * len(list(seed.rglob("*"))) + room
        ended = box.run(n_bytes, box.home, seed, after, *command, program=("unshare", "-m", "sh", "-c", FILLED, "sh"))
        assert ended.status not in (97, 98, 99), ended.said
        said = [Path(f"{after}.{part}").read_text("utf-8", "replace") for part in ("out", "err", "status")]
        first = Ended(int(said[2]), said[0], said[1], ended.seconds)
    else:
        shutil.copytree(seed, box.home, dirs_exist_ok=True)
        first = box.run(*command, program=(sys.executable, "-c", LIMITED.format(max(room, PAGE))))
        ended = box.run(*step.arguments(box.home))
        after = box.home
    counts.add("disks filled" if "space" in first.err else "disks with room")  # the remedy of every such message
    counts.judge(first, f"{name}, room for {room} of {expected.added}", (expected.status, 1))
    counts.judge(ended, f"{name} with room again", (expected.status,))
    counts.add("reruns")
    other = expected.differs(step.read_results(after, box.root))
    if other:
        counts.fault(
            "reruns that differ", f"{name}, room for {room}: {other}; {first.said[-300:]}; {ended.said[-300:]}"
        )
    left = [*box.list_scratch(), *(path.name for path in (after / "tmp").iterdir())]
    if left:
        counts.fault("scratch left", f"{name}: {left}")


@pytest.mark.parametrize("name", HOMES)
def test_home_that_may_not_be_written_to(name, goods_of, tmp_path, counts):
    """One sentence; `predict` needs no home but for its output."""
    if not may_mount():
        pytest.skip("mounting is not allowed")
    step, box = Step(name, goods_of(name)), Sandbox(tmp_path / "box")
    if name == "new":
        arguments = ["new", "mine", "--data", str(step.goods.collection)]
    else:
        step.fill(box.home)
        arguments = step.arguments(box.home)
    before = size_of(box.home)
    ended = box.run(box.home, *PYTHON, *arguments, program=("unshare", "-m", "sh", "-c", READ_ONLY, "sh"))
    counts.judge(ended, f"{name}, read-only home", (1,))
    counts.add("read-only homes")
    if size_of(box.home) != before or "error:" not in ended.err:
        counts.fault("no sentence", f"{name}, read-only home: {ended.said[:500]}")

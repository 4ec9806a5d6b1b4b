"""Two commands at once: the second waits, goes on or is refused in a sentence, and the result is as of one alone."""

from __future__ import annotations

import pytest
from steps import Step
from watching import Sandbox

from essentia_ldl.models.pretrained import is_built


def run_both(box: Sandbox, first: list[str], second: list[str]) -> list:
    """Start two commands and wait for both."""
    running = [box.start(*arguments) for arguments in (first, second)]
    return [one.finish() for one in running]


NAMES = ["predict", *(pytest.param(name, marks=pytest.mark.full) for name in ("index", "train", "space", "covers"))]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_twice(name, undisturbed, goods_of, tmp_path, counts):
    """Two of the same: one output, one run, and no file of both."""
    expected, step = undisturbed(name), Step(name, goods_of(name))
    box = Sandbox(tmp_path / "box")
    step.fill(box.home)
    both = run_both(box, step.arguments(box.home), step.arguments(box.home))
    counts.add("two at once")
    for ended in both:
        counts.judge(ended, f"two {name}", (expected.status, 1))
    refused = [ended for ended in both if "another process" in ended.err]
    if len(refused) > 1 or any(ended.status != expected.status for ended in both if ended not in refused):
        counts.fault("wrong status", f"{[ended.status for ended in both]}: {both[0].said} {both[1].said}")
    other = expected.differs(step.read_results(box.home, box.root))
    if other:
        counts.fault("reruns that differ", f"two {name}: {other}: {both[0].said} {both[1].said}")
    if box.list_scratch():
        counts.fault("scratch left", f"{name}: {box.list_scratch()}")


@pytest.mark.full
def test_train_beside_graphs_build(undisturbed, goods_of, wheel, tmp_path, counts):
    """Both need the base graphs, which neither finds."""
    expected, step = undisturbed("train"), Step("train", goods_of("train"))
    build = Step("graphs", goods_of("graphs"))
    box = Sandbox(tmp_path / "box", {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)})
    both = run_both(box, build.arguments(box.home), step.arguments(box.home))
    counts.add("two at once")
    for ended in both:
        counts.judge(ended, "train beside graphs build", (0,))
    if not is_built(box.home / "graphs", "msd-vgg-1"):
        counts.fault("reruns that differ", "the base graph is not whole")
    results = step.read_results(box.home, box.root)
    other = expected.differs({name: value for name, value in results.items() if name in expected.results})
    if other:
        counts.fault("reruns that differ", f"train beside graphs build: {other}")

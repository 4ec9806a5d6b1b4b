"""Every front-end: found by name, told apart in the store, and within what Essentia's algorithms can do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import essentia_ldl
from essentia_ldl import frontends
from essentia_ldl.errors import UnknownNameError

NAMES = sorted(frontends.ALL)


@pytest.mark.parametrize("name", NAMES)
def test_a_front_end_is_found_by_its_name(name):
    assert frontends.get(name) is frontends.ALL[name]
    assert frontends.ALL[name].name == name


def test_every_constant_is_listed_and_no_two_share_a_folder():
    assert {"musicnn", "mfcc"} <= set(NAMES)
    assert len({front_end.key for front_end in frontends.ALL.values()}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_frames_overlap_and_patches_follow(name):
    front_end = frontends.get(name)
    assert front_end.hop_samples <= front_end.frame_samples <= (front_end.fft_samples or front_end.frame_samples)
    assert front_end.patch_hop_frames <= front_end.patch_frames
    assert front_end.resample_quality in range(5)


@pytest.mark.parametrize("name", NAMES)
def test_its_algorithms_are_among_those_that_the_sound_zone_loads(name):
    source = (Path(essentia_ldl.__file__).parent / "sound" / "__init__.py").read_text(encoding="utf-8")
    lists = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign)]
    loaded = next(ast.literal_eval(node.value) for node in lists if node.targets[0].id == "ALGORITHMS")
    front_end = frontends.get(name)
    assert {front_end.input_algorithm, front_end.predict_algorithm} - {""} <= set(loaded)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'musicnn'"):
        frontends.get("musicn")


def test_the_numbers_of_an_analysis_stand_once():
    """No other module writes a number for a window, a hop or a patch; what it needs it takes from a front-end."""
    package, found = Path(essentia_ldl.__file__).parent, []
    numbers = {
        "hop_samples",
        "frame_samples",
        "fft_samples",
        "patch_frames",
        "patch_hop_frames",
        "hopSize",
        "patchSize",
    }
    for path in package.rglob("*.py"):
        if path.name == "frontends.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in numbers and isinstance(node.value, ast.Constant):
                found += [f"{path.relative_to(package)}: {node.arg}"] if node.value.value is not None else []
    assert found == []

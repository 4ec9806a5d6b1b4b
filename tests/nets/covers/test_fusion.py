"""Linear classifiers on parts: lengths of 1, and what each system is given."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.covers.fusion import classify, join_parts
from essentia_ldl.runs.covers import PARTS, SYSTEMS


def test_every_part_has_length_1():
    random = np.random.default_rng(0)
    parts = {"a": random.normal(size=(5, 3)), "b": 1000 * random.normal(size=(5, 2))}
    joined = join_parts(parts, ("a", "b"))
    np.testing.assert_allclose(np.linalg.norm(joined[:, :3], axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(joined[:, 3:], axis=1), 1)


@pytest.mark.parametrize("kind", ["single_label", pytest.param("multi_label", marks=pytest.mark.slow)])
def test_a_system_knows_what_its_parts_tell(kind, make_covers_plan):
    """Audio tells the genre, everything else is noise."""
    plan, random = make_covers_plan(kind=kind), np.random.default_rng(0)
    parts = {name: random.normal(size=(16, 4)).astype(np.float32) for name in PARTS}
    parts["audio"] = np.array([[i % 2, 1 - i % 2] for i in range(16)], np.float32)
    found = classify(plan, parts)
    assert list(found) == list(SYSTEMS)
    test = plan.rows("test")
    assert np.all(found["audio"][test].argmax(axis=1) == test % 2)
    assert all(np.all((values > 0) & (values < 1)) for values in found.values())
    if kind == "single_label":
        np.testing.assert_allclose(found["all"].sum(axis=1), 1, atol=1e-5)

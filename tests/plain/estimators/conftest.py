"""scikit-learn's own checks of estimators."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest


@pytest.fixture
def check() -> Callable[..., None]:
    """A function (estimator, {check: reason why it cannot pass}) that fails where any other check does."""
    from sklearn.utils.estimator_checks import check_estimator

    def run(estimator: object, cannot_pass: Mapping[str, str] = {}) -> None:
        found = check_estimator(estimator, expected_failed_checks=dict(cannot_pass), on_skip=None)
        passed = {one["check_name"] for one in found if one["status"] == "passed"}
        failed = {one["check_name"] for one in found if one["status"] == "xfail"}
        assert len(passed) > 20
        assert failed == set(cannot_pass), "a reason stands for a check that passes"

    return run

"""Do two label sources differ? Lists of fold scores flow in; t, degrees of freedom and p flow out.

All tests are two-sided. Nothing here is NaN where an answer exists: scores without any deviation that agree give t = 0
and p = 1, scores without any deviation that differ give an infinite t and p = 0. Fewer than two scores give NaN.

References
----------
Student's independent-samples test is the one of Buisson et al., "Ambiguity modelling with label distribution learning
for music classification" (ICASSP 2022), section 5. Folds of one collection share training tracks, so that neither it
nor the plain paired test holds its level; the corrected one is equation 5 of Nadeau and Bengio, "Inference for the
generalization error" (Machine Learning 52, 2003), for repeated folds as in Bouckaert and Frank, "Evaluating the
replicability of significance tests for comparing learning algorithms" (PAKDD 2004), section 3.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain

_NO_DEVIATION = 1e-12  # scores are shares from 0 to 1, whose rounding errors are far below


@dataclasses.dataclass(frozen=True)
class TestResult:
    """What a test says.

    Parameters
    ----------
    t : float
        Positive when the second list is the higher one.
    df : int
        Degrees of freedom.
    p : float
        Two-sided probability of a t at least as far from 0 when nothing differs.
    """

    __test__ = False  # not a test case of pytest

    t: float
    df: int
    p: float

    def as_dict(self) -> dict[str, Any]:
        """Return json values, in which a t or p that is not finite is None."""
        return {
            "t": self.t if math.isfinite(self.t) else None,
            "df": self.df,
            "p": self.p if math.isfinite(self.p) else None,
        }


def compare_independent(first: Sequence[float], second: Sequence[float]) -> TestResult:
    """Compare two lists of scores by Student's independent-samples t-test with equal variances, the paper's.

    Parameters
    ----------
    first, second : Sequence[float]
        Scores of folds; their lengths may differ.

    Returns
    -------
    TestResult
        With n1 + n2 - 2 degrees of freedom.

    Raises
    ------
    DataError
        When a score is not finite.

    Examples
    --------
    >>> found = compare_independent([0.70, 0.72, 0.71], [0.75, 0.78, 0.76])
    >>> found.df, round(found.t, 2), round(found.p, 3)
    (4, 5.06, 0.007)
    """
    one, two = _check_scores(first, "first"), _check_scores(second, "second")
    df = len(one) + len(two) - 2
    if len(one) < 2 or len(two) < 2:
        return TestResult(math.nan, max(df, 0), math.nan)
    spread = (one.var(ddof=1) * (len(one) - 1) + two.var(ddof=1) * (len(two) - 1)) / df
    return _judge(two.mean() - one.mean(), math.sqrt(spread * (1 / len(one) + 1 / len(two))), df)


def compare_paired(first: Sequence[float], second: Sequence[float]) -> TestResult:
    """Compare two lists of scores of the same folds by Student's paired t-test.

    Parameters
    ----------
    first, second : Sequence[float]
        Scores, fold by fold.

    Returns
    -------
    TestResult
        With n - 1 degrees of freedom.

    Raises
    ------
    DataError
        When the lengths differ or a score is not finite.

    Examples
    --------
    >>> found = compare_paired([0.70, 0.72, 0.71], [0.75, 0.78, 0.76])
    >>> found.df, round(found.t, 2), round(found.p, 3)
    (2, 16.0, 0.004)
    """
    return compare_corrected(first, second, 0.0)


def compare_corrected(first: Sequence[float], second: Sequence[float], ratio: float) -> TestResult:
    """Compare two lists of scores of the same (repeated) folds by the corrected resampled t-test.

    Parameters
    ----------
    first, second : Sequence[float]
        Scores, fold by fold, repetition after repetition.
    ratio : float
        Tracks tested by tracks trained on, 1 / (k - 1) with k folds; the variance of the mean difference grows from
        s^2 / n to s^2 (1 / n + ratio).

    Returns
    -------
    TestResult
        With n - 1 degrees of freedom.

    Raises
    ------
    DataError
        When the lengths differ, a score is not finite, or the ratio is negative or not finite.

    Examples
    --------
    >>> found = compare_corrected([0.70, 0.72, 0.71], [0.75, 0.78, 0.76], ratio=0.5)
    >>> found.df, round(found.t, 2), round(found.p, 3)
    (2, 10.12, 0.01)
    """
    one, two = _check_scores(first, "first"), _check_scores(second, "second")
    if len(one) != len(two):
        lengths = (len(one), len(two))
        raise DataError(explain("scores", "one per fold in both lists", lengths, "paired test", "Use the same folds."))
    if not 0 <= ratio < math.inf:
        raise DataError(explain("ratio", "0 or more", ratio, "compare_corrected", "Divide tested by trained tracks."))
    n = len(one)
    if n < 2:
        return TestResult(math.nan, max(n - 1, 0), math.nan)
    difference = two - one
    return _judge(difference.mean(), difference.std(ddof=1) * math.sqrt(1 / n + ratio), n - 1)


def compare_all(scores: Mapping[str, Sequence[float]], reference: str, ratio: float) -> list[dict[str, Any]]:
    """Compare every list of fold scores with the reference's.

    Parameters
    ----------
    scores : Mapping[str, Sequence[float]]
        Fold scores by name, all on the same folds.
    reference : str
        One of the names.
    ratio : float
        Tracks tested by tracks trained on, 1 / (k - 1) with k folds.

    Returns
    -------
    list[dict]
        One row per name but the reference, ready for json: name, against, difference (of the means, positive when
        better than the reference), and t, df, p of the tests independent, paired and corrected.

    Examples
    --------
    >>> scores = {"none": [0.70, 0.72, 0.71], "sa": [0.75, 0.78, 0.76]}
    >>> [(row["name"], round(row["difference"], 3)) for row in compare_all(scores, "none", ratio=0.5)]
    [('sa', 0.053)]
    """
    first = scores[reference]
    return [
        {
            "name": name,
            "against": reference,
            "difference": float(np.mean(second) - np.mean(first)),
            "independent": compare_independent(first, second).as_dict(),
            "paired": compare_paired(first, second).as_dict(),
            "corrected": compare_corrected(first, second, ratio).as_dict(),
        }
        for name, second in scores.items()
        if name != reference
    ]


def _check_scores(scores: Sequence[float], where: str) -> np.ndarray:
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        raise DataError(explain("scores", "a list of finite numbers", array.tolist(), where, "Check the folds."))
    return array


def _judge(difference: float, error: float, df: int) -> TestResult:
    from scipy.special import stdtr

    if error <= _NO_DEVIATION:
        if abs(difference) <= _NO_DEVIATION:
            return TestResult(0.0, df, 1.0)
        return TestResult(math.copysign(math.inf, difference), df, 0.0)
    t = float(difference / error)
    return TestResult(t, df, float(2 * stdtr(df, -abs(t))))

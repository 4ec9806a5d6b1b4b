"""How sure probabilities are: entropies of several opinions on one thing, in nats, and names for them in graphs.

In: probabilities of samples or members (…, n_samples, n_classes). Out: their mean, the entropy of the mean
(predictive), the mean of their entropies (expected) and the difference, the mutual information, which is what they
disagree about: opinions that are all unsure have none, opinions that are sure of different classes have much.

References
----------
Depeweg et al., "Decomposition of uncertainty in Bayesian deep learning for efficient and risk-sensitive learning",
ICML 2018, section 3.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Prediction

PREDICTIVE, EXPECTED, MUTUAL = "predictive_entropy", "expected_entropy", "mutual_information"
MEAN = "mean_probabilities"
NAMES = (PREDICTIVE, EXPECTED, MUTUAL, MEAN)
ENTROPIES = (PREDICTIVE, EXPECTED, MUTUAL)
ENTROPY = "entropy"  # of a track's own probabilities, which every classifier has
SCOPE = "model/uncertainty"
UNCERTAIN = "uncertain"
SUM_TOLERANCE = 1e-3  # of probabilities that sum to 1, in float32 and after the mean of patches


def node_name(name: str) -> str:
    """Name the node of a graph that answers one of `NAMES`.

    Examples
    --------
    >>> node_name(MUTUAL)
    'model/uncertainty/mutual_information'
    """
    return f"{SCOPE}/{name}"


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of the last axis in nats.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(..., n_classes), float]
        Each row sums to 1; 0 log 0 is 0.

    Returns
    -------
    np.ndarray [shape=(...), float64]
        From 0 to log(n_classes).

    Examples
    --------
    >>> entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3)
    array([0.   , 0.693])
    """
    values = np.asarray(probabilities, dtype=np.float64)
    return np.abs(-(values * np.log(np.where(values > 0, values, 1.0))).sum(axis=-1))  # never -0


def is_distribution(probabilities: np.ndarray) -> bool:
    """Tell whether rows sum to 1; the tags of a tagger, and two classes that were trained apart, do not.

    Examples
    --------
    >>> is_distribution(np.array([0.25, 0.75])), is_distribution(np.array([0.9, 0.9]))
    (True, False)
    """
    return bool(np.all(np.abs(np.asarray(probabilities, dtype=np.float64).sum(axis=-1) - 1) <= SUM_TOLERANCE))


def measure(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Measure what several opinions say together.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(n, n_samples, n_classes), float]
        Of every sample or member; rows sum to 1.

    Returns
    -------
    dict[str, np.ndarray]
        mean_probabilities (n, n_classes); predictive_entropy, expected_entropy and mutual_information (n, 1).

    Raises
    ------
    DataError
        When the array has another rank, or a row does not sum to 1.

    Examples
    --------
    >>> found = measure(np.array([[[1.0, 0.0], [0.0, 1.0]]]))  # two members, sure of different classes
    >>> found[EXPECTED].item(), round(found[MUTUAL].item(), 3)
    (0.0, 0.693)
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 3 or 0 in values.shape:
        rule, remedy = "shape (n, n_samples, n_classes)", "Stack the samples on the second axis."
        raise DataError(explain("probabilities", rule, values.shape, "measure", remedy))
    if not is_distribution(values):
        raise DataError(explain("probabilities", "rows that sum to 1", "others", "measure", "Give them after softmax."))
    mean = values.mean(axis=1)
    total, expected = entropy(mean)[:, None], entropy(values).mean(axis=1)[:, None]
    return {MEAN: mean, PREDICTIVE: total, EXPECTED: expected, MUTUAL: np.maximum(total - expected, 0.0)}


def describe_prediction(prediction: Prediction) -> dict[str, float | None]:
    """Return how sure a model is of a track, in nats.

    Returns
    -------
    dict[str, float or None]
        entropy, of the track's probabilities, which are the mean over its patches; None where they do not sum to 1, as
        tags. predictive_entropy, expected_entropy and mutual_information, each the mean over the patches; None where
        the graph has neither samples nor members.

    Examples
    --------
    >>> rows = np.array([[0.5, 0.5]])
    >>> one = Prediction("a.mp3", "sad-1", ("non_sad", "sad"), rows[0], rows, 3.0)
    >>> round(describe_prediction(one)[ENTROPY], 3)
    0.693
    """
    known = is_distribution(prediction.probabilities)
    own = {ENTROPY: float(entropy(prediction.probabilities)) if known else None}
    return own | {name: prediction.uncertainty.get(name) for name in ENTROPIES}


def choose_label(prediction: Prediction, min_confidence: float) -> str:
    """Return the most probable class, or `UNCERTAIN` when its probability is below `min_confidence`.

    Examples
    --------
    >>> rows = np.array([[0.4, 0.6]])
    >>> one = Prediction("a.mp3", "sad-1", ("non_sad", "sad"), rows[0], rows, 3.0)
    >>> choose_label(one, 0.5), choose_label(one, 0.7)
    ('sad', 'uncertain')
    """
    best = int(prediction.probabilities.argmax())
    return prediction.classes[best] if prediction.probabilities[best] >= min_confidence else UNCERTAIN

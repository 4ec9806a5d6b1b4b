"""What a model of tags or numbers says beside its outputs: the tags that a track has, and intervals of its numbers.

In: a `Prediction` and the card of its model, which has thresholds and half widths from its calibration. Out: plain
values, and words for the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.models.card import GraphCard
from essentia_ldl.records import Prediction
from essentia_ldl.scores.uncertainty import ENTROPIES, ENTROPY, describe_prediction

HALF = 0.5  # threshold of a tag without one of its own


def list_tags(prediction: Prediction, card: GraphCard) -> list[str]:
    """List the tags whose probability reaches their threshold, the most probable first."""
    thresholds = _read_calibration(card, "thresholds")
    order = np.argsort(-prediction.probabilities, kind="stable")
    named = [(prediction.classes[k], float(prediction.probabilities[k])) for k in order]
    return [name for name, value in named if value >= thresholds.get(name, HALF)]


def list_intervals(prediction: Prediction, card: GraphCard) -> dict[str, tuple[float, float]]:
    """Return the interval of each number whose model has one, by dimension."""
    widths = _read_calibration(card, "half_widths")
    pairs = zip(prediction.classes, map(float, prediction.probabilities), strict=True)
    return {name: (value - widths[name], value + widths[name]) for name, value in pairs if name in widths}


def describe_kind(prediction: Prediction, card: GraphCard) -> dict[str, Any]:
    """Return what json holds of a prediction: probabilities; with tags those it has; or numbers and their intervals."""
    values = {name: round(float(v), 6) for name, v in zip(prediction.classes, prediction.probabilities, strict=True)}
    if card.kind == REGRESSION:
        intervals = {
            name: [round(limit, 6) for limit in limits] for name, limits in list_intervals(prediction, card).items()
        }
        return {"numbers": values, **({"intervals": intervals} if intervals else {})}
    if card.kind == MULTI_LABEL:
        return {"probabilities": values, "tags": list_tags(prediction, card)}
    return {"probabilities": values}


def write_numbers(prediction: Prediction, card: GraphCard) -> str:
    """Write numbers in the order of the dimensions, with their intervals, such as "valence 5.3 (4.1 to 6.5)"."""
    intervals, parts = list_intervals(prediction, card), []
    for name, value in zip(prediction.classes, prediction.probabilities, strict=True):
        limits = intervals.get(name)
        known = "" if limits is None else f" ({limits[0]:.3g} to {limits[1]:.3g})"
        parts.append(f"{name} {value:.3g}{known}")
    return "   ".join(parts)


def describe_uncertainty(prediction: Prediction, card: GraphCard) -> dict[str, float | None]:
    """Return the entropies of a prediction, all None of tags and numbers, which are no distribution."""
    if card.kind == SINGLE_LABEL:
        return describe_prediction(prediction)
    return dict.fromkeys((ENTROPY, *ENTROPIES))


def _read_calibration(card: GraphCard, key: str) -> Mapping[str, float]:
    """Return numbers by class of a card's calibration; empty where it has none that can be read."""
    told = card.extra.get("calibration")
    found = told.get(key) if isinstance(told, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}

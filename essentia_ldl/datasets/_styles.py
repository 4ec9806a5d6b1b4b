"""The musical styles of the demo: a class name flows in, a small record of musical parameters flows out.

Every parameter runs from 0 to 1, so that styles can be mirrored (`non_sad` is the mirror of `sad`) and mixed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl.errors import DataError, explain

NEGATIONS = ("non_", "not_")


@dataclasses.dataclass(frozen=True)
class Style:
    """How a piece of music is played; every field from 0 to 1.

    Parameters
    ----------
    mode : float
        0 minor, 1 major.
    tempo, loudness, brightness, density, percussion : float
        From slow, soft, dark, few notes, no drums to fast, loud, bright, many notes, loud drums.
    attack : float
        From swelling notes to struck ones.
    synthetic : float
        From plucked and clean to electric and distorted.

    Raises
    ------
    DataError
        When a field is outside 0 to 1.
    """

    mode: float
    tempo: float
    loudness: float
    brightness: float
    attack: float
    density: float
    percussion: float
    synthetic: float

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 <= value <= 1:
                raise DataError(explain(f"style {name}", "a number from 0 to 1", value, "Style", "Correct it."))

    @property
    def values(self) -> np.ndarray:
        """The fields in their order, shape (8,), float64."""
        return np.array(dataclasses.astuple(self))

    @classmethod
    def from_values(cls, values: np.ndarray) -> Style:
        """Make a style of eight numbers, shape (8,); those outside 0 to 1 are clipped."""
        return cls(*(float(v) for v in np.clip(values, 0, 1)))


KNOWN_STYLES = {
    "sad": Style(0, 0.15, 0.25, 0.2, 0.2, 0.2, 0.2, 0.4),
    "happy": Style(1, 0.75, 0.7, 0.75, 0.75, 0.75, 0.7, 0.45),
    "aggressive": Style(0.1, 0.8, 0.9, 0.85, 0.85, 0.8, 0.85, 0.85),
    "relaxed": Style(0.7, 0.2, 0.2, 0.3, 0.2, 0.25, 0.15, 0.3),
    "party": Style(0.8, 0.75, 0.9, 0.7, 0.8, 0.65, 0.95, 0.7),
    "acoustic": Style(0.6, 0.4, 0.25, 0.35, 0.5, 0.4, 0.1, 0.05),
    "electronic": Style(0.4, 0.65, 0.75, 0.7, 0.6, 0.65, 0.85, 0.95),
}

# The codewords of the Reed-Muller code RM(1, 3): 16 words of 8 bits, any two of which differ in 4 bits or in all 8.
# Neighbours in this list differ in 4, so that a task of a few classes is not a pair of opposites.
_CODE = np.array(
    [
        [bin(i & mask).count("1") % 2 ^ flip for i in range(8)]
        for flip, masks in ((0, (7, 1, 2, 4, 3, 5, 6)), (1, (7, 1, 2, 4, 3, 5, 6)), (0, (0,)), (1, (0,)))
        for mask in masks
    ]
)
_SPREAD = 0.4  # distance of a spread style from the middle, in every parameter
MAX_SUBSTYLES = len(_CODE)
SUBSTYLE_SPREAD = 0.1  # distance of a sub-style from its class, in every parameter
_ROOM = 0.8  # styles of classes move that much nearer to the middle, so that sub-styles fit around them


def mirror_style(style: Style) -> Style:
    """Return the opposite style: every parameter p becomes 1 - p."""
    return Style.from_values(1 - style.values)


def read_styles(classes: Sequence[str]) -> list[Style]:
    """Give every class of a task its style.

    Known words (`KNOWN_STYLES`) have their own; `non_x` and `not_x` mirror x; every other name takes the next place of
    a spread over the parameter space that depends on the order of the classes only.

    Parameters
    ----------
    classes : Sequence[str]
        Class names.

    Returns
    -------
    list[Style]
        One style a class, in the same order.
    """
    spread: dict[str, Style] = {}

    def style_of(name: str) -> Style:
        word = name.lower().replace("-", "_").replace(" ", "_")
        for negation in NEGATIONS:
            if word.startswith(negation):
                return mirror_style(style_of(word.removeprefix(negation)))
        if word in KNOWN_STYLES:
            return KNOWN_STYLES[word]
        if word not in spread:
            turn, row = divmod(len(spread), len(_CODE))
            spread[word] = Style.from_values(0.5 + _SPREAD * (2 * _CODE[row] - 1) / (1 + turn))
        return spread[word]

    return [style_of(name) for name in classes]


def spread_substyles(style: Style, n_substyles: int, rng: np.random.Generator) -> list[Style]:
    """Put sub-styles around a class's style, as other words of the code that classes are spread by.

    Two of them differ in four of the eight parameters, some pairs in all, by 0.2: they are 0.4 or 0.57 apart. Classes
    that are spread are 1.28 apart or more, and a sub-style of one at least 0.88 from any of another.

    Parameters
    ----------
    style : Style
        Of the class.
    n_substyles : int
        At most `MAX_SUBSTYLES`.
    rng : np.random.Generator
        Source of which words they are.

    Returns
    -------
    list[Style]
        One a sub-style.
    """
    middle = 0.5 + _ROOM * (style.values - 0.5)
    words = _CODE[rng.permutation(MAX_SUBSTYLES)[:n_substyles]]
    return [Style.from_values(middle + SUBSTYLE_SPREAD * (2 * word - 1)) for word in words]

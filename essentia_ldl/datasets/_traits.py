"""What the demo's tags and dimensions sound like: names flow in; styles of tracks, with what is true of them, flow out.

A tag is one field of a `Style` that is high, or low (`TAGS`); a dimension is the mean of some fields (`DIMENSIONS`). A
name that is not known gets the next field that no other name uses. Who plays is drawn first: an artist tends to some
values, so that a split that parts artists is too kind, as it is with real music.

- Tags are had independently of one another, each by `TAG_SHARE` of the tracks. A field of a tag lies `TAG_DISTANCE`
  from the middle, on average, and about one in forty on the wrong side.
- A field of dimensions is drawn around what the artist tends to. A dimension runs from 1 to 9, as listeners were asked
  for emoMusic and DEAM, and has noise as their means have.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from essentia_ldl.datasets._styles import Style
from essentia_ldl.errors import DataError, explain

FIELDS = tuple(field.name for field in dataclasses.fields(Style))
# Fields of a tag, and whether it means that they are high.
TAGS: dict[str, tuple[str, bool]] = {
    **{"major": ("mode", True), "minor": ("mode", False), "fast": ("tempo", True), "slow": ("tempo", False)},
    **{"loud": ("loudness", True), "quiet": ("loudness", False), "soft": ("loudness", False)},
    **{"bright": ("brightness", True), "dark": ("brightness", False), "struck": ("attack", True)},
    **{"swelling": ("attack", False), "busy": ("density", True), "sparse": ("density", False)},
    **{"percussion": ("percussion", True), "drums": ("percussion", True), "distorted": ("synthetic", True)},
    "clean": ("synthetic", False),
}
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "arousal": ("tempo", "loudness", "density", "percussion"),
    "valence": ("mode", "brightness"),
}
TAG_SHARE = 0.4
TAG_DISTANCE, TAG_DEVIATION = 0.25, 0.13
ARTIST_WEIGHT = 0.6  # of what an artist tends to, beside what is the track's own
FIELD_DEVIATION = 0.2  # of tracks around what their artist tends to
RATING_DEVIATION = 0.3  # of a dimension's mean over listeners, on its scale from 1 to 9
LOWEST, HIGHEST = 1.0, 9.0
_UNUSED_DEVIATION = 0.08  # of fields that no name uses


@dataclasses.dataclass(frozen=True)
class Trait:
    """What one tag or dimension is: positions in a style, and whether it means high values there."""

    fields: tuple[int, ...]
    is_high: bool = True


def find_traits(names: Sequence[str], known: Mapping[str, tuple]) -> list[Trait]:
    """Find the fields of every tag or dimension.

    Parameters
    ----------
    names : sequence of str
        In any case of letters.
    known : mapping
        `TAGS` or `DIMENSIONS`.

    Returns
    -------
    list[Trait]
        In the order of the names.

    Raises
    ------
    DataError
        When there are more unknown names than fields that are left.
    """
    found: dict[str, Trait] = {}
    for name in names:
        fields = known.get(name.lower())
        if fields is not None and known is TAGS:
            found[name] = Trait((FIELDS.index(fields[0]),), fields[1])
        elif fields is not None:
            found[name] = Trait(tuple(map(FIELDS.index, fields)))
    used = {field for trait in found.values() for field in trait.fields}
    left = [position for position in range(len(FIELDS)) if position not in used]
    for name in names:
        if name not in found:
            if not left:
                rule = f"at most {len(FIELDS)} that are not known, fewer beside known ones"
                remedy = f"Take known ones: {', '.join(known)}."
                raise DataError(explain("names of the demo", rule, len(names), "build_demo", remedy))
            found[name] = Trait((left.pop(0),))
    return [found[name] for name in names]


def draw_tags(traits: Sequence[Trait], artists: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw which tags tracks have, and how they are played.

    Parameters
    ----------
    traits : sequence of Trait
        Of the tags; two of one field agree or exclude one another.
    artists : np.ndarray [shape=(n_tracks,), int]
        Number of the artist of every track.
    rng : np.random.Generator
        Source of every choice.

    Returns
    -------
    truth : np.ndarray [shape=(n_tracks, n_tags), bool]
        Each tag is had by one track or more, and not by all where there are two or more.
    values : np.ndarray [shape=(n_tracks, 8)]
        Fields of the styles.
    """
    n_tracks = artists.size
    tendency = rng.normal(size=(artists.max() + 1, len(FIELDS)))
    own = rng.normal(size=(n_tracks, len(FIELDS)))
    score = ARTIST_WEIGHT * tendency[artists] + np.sqrt(1 - ARTIST_WEIGHT**2) * own
    n_high = min(max(1, round(TAG_SHARE * n_tracks)), max(1, n_tracks - 1))
    is_high = np.argsort(np.argsort(-score, axis=0), axis=0) < n_high
    used = {trait.fields[0]: trait.is_high for trait in reversed(traits)}
    for field, tag_is_high in used.items():
        if not tag_is_high:  # the tag is had by the share, not its opposite
            is_high[:, field] = ~is_high[:, field]
    distance = rng.normal(TAG_DISTANCE, TAG_DEVIATION, is_high.shape)
    values = 0.5 + np.where(is_high, distance, -distance)
    values = _fill_unused(values, set(used), rng)
    truth = np.stack([is_high[:, trait.fields[0]] == trait.is_high for trait in traits], axis=1)
    return truth, values


def draw_numbers(
    traits: Sequence[Trait], artists: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the dimensions of tracks, and how they are played.

    Parameters
    ----------
    traits : sequence of Trait
        Of the dimensions.
    artists : np.ndarray [shape=(n_tracks,), int]
        Number of the artist of every track.
    rng : np.random.Generator
        Source of every choice.

    Returns
    -------
    numbers : np.ndarray [shape=(n_tracks, n_dimensions)]
        From `LOWEST` to `HIGHEST`.
    values : np.ndarray [shape=(n_tracks, 8)]
        Fields of the styles.
    """
    tendency = rng.uniform(0.15, 0.85, (artists.max() + 1, len(traits)))
    values = np.full((artists.size, len(FIELDS)), 0.5)
    used: set[int] = set()
    for number, trait in enumerate(traits):
        for field in trait.fields:  # fields of one dimension go together, as they do in music
            values[:, field] = tendency[artists, number]
            used.add(field)
    own = np.stack([rng.normal(0, FIELD_DEVIATION, artists.size) for _ in traits], axis=1)
    for number, trait in enumerate(traits):
        values[:, trait.fields] += own[:, [number]]
    values = np.clip(_fill_unused(values, used, rng), 0, 1)
    means = np.stack([values[:, trait.fields].mean(axis=1) for trait in traits], axis=1)
    noise = rng.normal(0, RATING_DEVIATION, means.shape)
    return np.clip(LOWEST + (HIGHEST - LOWEST) * means + noise, LOWEST, HIGHEST), values


def _fill_unused(values: np.ndarray, used: set[int], rng: np.random.Generator) -> np.ndarray:
    unused = [position for position in range(len(FIELDS)) if position not in used]
    values = values.copy()
    values[:, unused] = rng.normal(0.5, _UNUSED_DEVIATION, (len(values), len(unused)))
    return values

"""Which descriptors of Essentia's MusicExtractor count. In: the name of a profile; out: settings, and what is ignored.

- "gaia", for a baseline: what the preprocessing of Gaia, Essentia's trainer of SVM classifiers, keeps (`IGNORED` says
  what it drops and what we drop besides): statistics of low-level, rhythmic and tonal descriptors. What a file says of
  itself is no music and is left out: tags, sampling rate, codec, bit rate, replay gain, and whatever grows with the
  length of the excerpt.
- "all", for the groups of artists: every number at the statistics that MusicExtractor takes unasked, 3744 of them, as
  many as the authors' code has (their paper: 4374). Left out are tags and properties of the file, the positions of the
  beats, of which every file has another number (no other entry's length depends on the file), and covariances. A value
  that a file lacks or that is not finite is NaN: whoever reads it decides.

References
----------
Template ``classification_project_template_2.1-beta5.yaml`` of Gaia (https://github.com/MTG/gaia), preprocessing
"normalized".
Kim, Won, Serra and Liem, "Transfer learning of artist group factors to musical genre classification" (WWW 2018),
section 3.1.3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from essentia_ldl.discover import unknown

_STATISTICS = ["mean", "var", "stdev", "median"]  # Gaia drops minima, maxima and derivatives
SETTINGS = {
    "analysisSampleRate": 44100,
    "rhythmMethod": "degara",
    "lowlevelStats": _STATISTICS,
    "rhythmStats": _STATISTICS,
    "tonalStats": _STATISTICS,
    "mfccStats": ["mean"],
    "gfccStats": ["mean"],
}
IGNORED = (
    "metadata.*",
    "tonal.thpcp",  # divides by zero
    "lowlevel.spectral_energyband_high.*",  # 0 for a low sampling rate
    "lowlevel.silence_rate*",
    "rhythm.bpm_histogram",
    "lowlevel.melbands128.*",
    *("*dmean*", "*dvar*", "*.min", "*.max", "*cov"),  # statistics that a single value gets unasked
    # ours: they count, so that they tell the length of an excerpt
    "rhythm.beats_count",
    "rhythm.beats_position",
    "tonal.chords_number_rate",
)
EVERY_SETTINGS = {  # statistics that are not named are those that MusicExtractor takes unasked
    "analysisSampleRate": 44100,
    "rhythmMethod": "degara",
    "mfccStats": ["mean"],
    "gfccStats": ["mean"],
}
EVERY_IGNORED = ("metadata.*", "*beats_position*", "*cov")
KEYS = ("A", "A#", "B", "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#")
FLATS = {"Bb": "A#", "Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#"}
SCALES = ("major", "minor")


@dataclasses.dataclass(frozen=True)
class Profile:
    """Which descriptors count.

    Parameters
    ----------
    settings : Mapping[str, Any]
        Of MusicExtractor.
    ignored : tuple[str, ...]
        Patterns of the entries that do not count.
    gaps : bool
        Whether a value may lack; NaN stands for it.
    """

    settings: Mapping[str, Any]
    ignored: tuple[str, ...]
    gaps: bool


PROFILES = {"gaia": Profile(SETTINGS, IGNORED, gaps=False), "all": Profile(EVERY_SETTINGS, EVERY_IGNORED, gaps=True)}


def get_profile(name: str) -> Profile:
    """Return the profile of a name; raise `UnknownNameError` when there is none."""
    if name not in PROFILES:
        raise unknown("profile of descriptors", name, PROFILES)
    return PROFILES[name]

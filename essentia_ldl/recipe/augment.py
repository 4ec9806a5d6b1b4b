"""Augmentations by name, as the command line takes them: a preset, or a list. In: names; out: keys of [augment]."""

from __future__ import annotations

from typing import Any

from essentia_ldl.choices import AUDIO_VARIANTS
from essentia_ldl.errors import RecipeError, explain

# By name, the keys of the section [augment] with the strength that a name alone stands for.
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "time-mask": {"time_mask": 0.2},
    "band-mask": {"band_mask": 0.2},
    "mixup": {"mixup": 0.2},
    "gain": {"gain_db": 6.0},
    "shift": {"shift_frames": 46},
    **{name: {"audio": (name,)} for name in AUDIO_VARIANTS},
}
NOTHING = "none"
PRESETS = {
    NOTHING: (),
    "bands": ("time-mask", "band-mask", "mixup", "gain", "shift"),
    "audio": tuple(AUDIO_VARIANTS),
    "both": tuple(AUGMENTATIONS),
}


def read_augmentations(text: str) -> dict[str, Any]:
    """Read a preset, or names joined by commas, as the values of all keys of [augment].

    Parameters
    ----------
    text : str
        Such as "bands" or "time-mask,mixup,mp3".

    Raises
    ------
    RecipeError
        When a name is not known.

    Examples
    --------
    >>> found = read_augmentations("time-mask,mp3")
    >>> found["time_mask"], found["mixup"], found["audio"]
    (0.2, 0.0, ('mp3',))
    """
    values: dict[str, Any] = {"time_mask": 0.0, "band_mask": 0.0, "mixup": 0.0, "gain_db": 0.0, "shift_frames": 0}
    audio: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        if name not in PRESETS and name not in AUGMENTATIONS:
            rule = f"some of {', '.join(AUGMENTATIONS)}, or a preset: {', '.join(PRESETS)}"
            raise RecipeError(explain("augmentation", rule, name, "--augment", "Correct the name."))
        for one in PRESETS.get(name, (name,)):
            found = AUGMENTATIONS[one]
            audio += [kind for kind in found.get("audio", ()) if kind not in audio]
            values |= {key: value for key, value in found.items() if key != "audio"}
    return {**values, "audio": tuple(audio)}

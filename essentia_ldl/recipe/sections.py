"""The sections of a recipe, the only list of their keys: defaults, ranges and explanations stand with the fields.

What a section must have by itself is checked here too, what sections must have together in `recipe.checks`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from essentia_ldl import bounds, stages, taps
from essentia_ldl.choices import (
    AUDIO_VARIANTS,
    CLASS_WEIGHTS,
    FINE_TUNE,
    KERNELS,
    LOSSES,
    MUSIC,
    PRETRAINED,
    SPEEDS,
    SVM,
    TARGET_NETWORKS,
    is_loss,
    join_choices,
)
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.scores.calibration import METHODS

TARGETS = ("auto", "none", *TARGET_NETWORKS)


def _choice(choices: tuple[str, ...], text: str) -> Any:
    """Return a key whose first choice is its default."""
    return _key(choices[0], text, join_choices(choices), choices.__contains__)


def _key(default: Any, text: str, rule: str = "", check: Any = None, may_be_number: bool = False) -> Any:
    factory = {"default_factory": default} if callable(default) else {"default": default}
    return dataclasses.field(
        metadata={"text": text, "rule": rule, "check": check, "may_be_number": may_be_number}, **factory
    )


@dataclasses.dataclass(frozen=True)
class SplitSettings:
    """Section [split]."""

    valid_share: float = _key(0.2, "share of the tracks kept for validation", "0 to 0.5", lambda x: 0 <= x <= 0.5)
    seed: int = _key(0, "seed of the split, the labels and the training", bounds.SEED, bounds.is_seed)


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    """Section [network]."""

    backbone: str = _key(
        "musicnn",
        "musicnn, vgg, vggish, resnet, dcnn, choi, samplecnn, framecnn, harmoniccnn, pons, images, fcn, crnn, "
        "shortchunk, attention, or a kin of theirs",
    )
    pretrained: str = _choice(
        PRETRAINED,
        "weights to start from: msd or mtt; audioset for vggish; the others have none",
    )
    fine_tune: str = _choice(
        FINE_TUNE,
        "head: frozen network, quick; top: its last layers train too; all: the whole network; none: from scratch, "
        "without pretrained weights",
    )
    frozen_until: str = _key(
        "", "with fine_tune top: the last layer that stays frozen, such as pool_4 of vgg; empty: the network's own"
    )
    hidden: int = _key(
        100,
        "units of the dense layer before the classes; 0: none, a linear classifier (better where tracks are few)",
        "0 to 100000",
        lambda x: 0 <= x <= 100000,
    )
    standardize: bool = _key(
        False, "with fine_tune head: zero mean and unit deviation of the embeddings, learned on training patches"
    )
    dropout: float = _key(
        0.0,
        "rate of a dropout before each dense layer of a head, or before the last one of a whole network",
        "0 to 0.9",
        lambda x: 0 <= x <= 0.9,
    )
    train_input_norm: bool = _key(
        False, "with fine_tune all or none: also train gamma and beta of the input BatchNorm (four times slower)"
    )
    width: float = _key(
        1.0,
        "with fine_tune none: layers so many times as wide, such as 0.25, where a network can be made narrower",
        "above 0, at most 1",
        lambda x: 0 < x <= 1,
    )
    extractor: str = _key(
        "", "a published extractor in place of the backbone: a name in graphs/ or a .pb with its .json; needs head"
    )
    extractor_output: str = _key("", "its output node; empty: the one that its card calls embeddings")
    backbones: tuple[str, ...] = _key(
        (),
        "several frozen networks side by side in place of the backbone: some of "
        f"{', '.join(taps.NETWORKS)}, and extractors in graphs/ that read the same patches; needs head",
    )
    layers: str = _key(
        taps.EMBEDDING,
        "of them: embedding; deep: pooled middle layers, embedding, tags; all: every layer; or some of 12345, pooled; "
        "an extractor has its embedding alone",
        "embedding, deep, all, or some of the digits 1 to 5 in their order",
        taps.is_layers,
        may_be_number=True,
    )

    def __post_init__(self) -> None:
        if not self.backbones:
            return
        taps.check_names(self.backbones, "network.backbones", "recipe, [network]")
        object.__setattr__(self, "backbones", tuple(self.backbones))
        ours = [name for name in self.backbones if name in taps.NETWORKS]
        first = ours[0] if ours else next(iter(taps.NETWORKS))  # all read the same bands
        for key, value in zip(("backbone", "pretrained"), taps.get_network(first), strict=True):
            object.__setattr__(self, key, value)  # whoever asks for one network gets the first
        if len(self.backbones) == len(ours) == 1 and self.layers == taps.EMBEDDING:
            object.__setattr__(self, "backbones", ())  # which is the backbone, as it always was


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Section [training]."""

    epochs: int = _key(150, "epochs from pretrained weights", "at least 1", lambda x: x >= 1)
    epochs_from_scratch: int = _key(600, "epochs with fine_tune none", "at least 1", lambda x: x >= 1)
    batch_size: int = _key(32, "tracks per step; one random patch per track and epoch", "at least 1", lambda x: x >= 1)
    learning_rate: float = _key(0.001, "Adam's learning rate", bounds.RATE, bounds.is_rate)
    l2: float = _key(1e-5, "L2 on the kernels that are trained", "at least 0", lambda x: 0 <= x < math.inf)
    patience: int = _key(75, "epochs without a better validation until the rate halves", "at least 1", lambda x: x >= 1)
    loss: str = _key(
        LOSSES[0],
        "mae, cross_entropy, kl; auto: mae on smoothed labels, cross_entropy on one-hot; of tags mae, cross_entropy "
        "(binary, which auto is), of numbers mae, squared_error (auto), huber",
        join_choices(LOSSES),
        is_loss,
    )
    class_weights: str = _choice(
        CLASS_WEIGHTS,
        "balanced: the loss of a track weighs by the inverse of how many training tracks its class has; none: 1, "
        "as all tracks with tags or numbers weigh",
    )
    stages: tuple[str, ...] = _key(
        (),
        "optimisers one after the other, in place of Adam with the rate that halves: each adam or sgd (Nesterov, "
        f"momentum .9), rate and epochs, such as {', '.join(stages.PUBLISHED)}; the best weights go on; empty: Adam",
        f"a list, each {stages.RULE}",
        stages.are_stages,
    )
    rate_factor: float = _key(
        1.0,
        "with fine_tune top or all: from the learning rate of a block of layers to that of the one below it, such as "
        "0.4; 1: all learn at one rate",
        "above 0, at most 1",
        lambda x: 0 < x <= 1,
    )
    warmup_epochs: int = _key(
        0,
        "with fine_tune top or all: first epochs, in which only the dense layers above the embedding train",
        "at least 0",
        lambda x: x >= 0,
    )
    mixed_precision: bool = _key(
        False,
        "with fine_tune all or none: compute in 16 bits, float16 on a graphics card and bfloat16 elsewhere; what is "
        "exported computes in 32",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))


def _is_share_or_auto(text: str) -> bool:
    try:
        return text == "auto" or 0 <= float(text) <= 1
    except ValueError:
        return False


@dataclasses.dataclass(frozen=True)
class ChoiceSettings:
    """Section [choice]: what labels "auto" choose among, by folds inside the training tracks."""

    speed: str = _choice(
        SPEEDS,
        "balanced: the cheapest networks within half a standard error of the best; fast: the cheapest; best: whatever "
        "scores best",
    )
    music: str = _choice(
        MUSIC,
        "same: the model will meet music like that of the collection; other: any music, which takes smoother targets",
    )
    networks: tuple[str, ...] = _key(
        (), "networks to choose among, such as msd-musicnn, or an extractor in graphs/; empty: all four"
    )
    layers: str = _key(
        "",
        "their layers: embedding or deep, or as network.layers; empty: chosen",
        "embedding, deep, all, some of the digits 1 to 5 in their order, or empty",
        lambda x: not x or taps.is_layers(x),
        may_be_number=True,
    )
    smoothing: str = _key(
        "auto",
        "share of each target that its nearest tracks give, from 0 to 1, such as 0.5; auto: chosen",
        "auto, or a number from 0 to 1",
        _is_share_or_auto,
        may_be_number=True,
    )
    kernels: tuple[str, ...] = _key(
        (),
        f"of labels {SVM}: {join_choices(KERNELS)}, or both; a graph of rbf holds its support vectors; empty: both",
        f"some of {', '.join(KERNELS)}",
        lambda x: set(x) <= set(KERNELS),
    )
    leave_out: str = _key("", "column whose values are the folds, such as genre; empty: folds of whole artists")

    def __post_init__(self) -> None:
        object.__setattr__(self, "networks", tuple(self.networks))
        object.__setattr__(self, "kernels", tuple(self.kernels))
        taps.check_names(self.networks, "choice.networks", "recipe, [choice]")


@dataclasses.dataclass(frozen=True)
class AugmentSettings:
    """Section [augment]: training patches changed at random, where layers of a network train (not with head)."""

    time_mask: float = _key(
        0.0,
        "largest share of a patch's frames that is hidden, such as 0.2; 0: none",
        "0 to 0.9",
        lambda x: 0 <= x <= 0.9,
    )
    band_mask: float = _key(
        0.0, "largest share of its bands that is hidden, such as 0.2; 0: none", "0 to 0.9", lambda x: 0 <= x <= 0.9
    )
    mixup: float = _key(
        0.0,
        "patches and targets of two tracks mixed, in shares of a beta distribution of this alpha, such as 0.2; 0: none",
        "0 to 10",
        lambda x: 0 <= x <= 10,
    )
    gain_db: float = _key(
        0.0, "louder or softer by up to so many decibels, such as 6; 0: none", "0 to 60", lambda x: 0 <= x <= 60
    )
    shift_frames: int = _key(
        0,
        "with fine_tune top: a patch begins up to so many frames beside its place (with all and none, anywhere)",
        "0 to 1000",
        lambda x: 0 <= x <= 1000,
    )
    audio: tuple[str, ...] = _key(
        (),
        "variants of the audio, made once: quality (the other resampling), mp3 (64 kbit/s), pitch (a semitone), tempo "
        "(6 %); all but quality need ffmpeg",
        f"some of {', '.join(AUDIO_VARIANTS)}",
        lambda x: set(x) <= set(AUDIO_VARIANTS),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "audio", tuple(self.audio))


@dataclasses.dataclass(frozen=True)
class TargetsSettings:
    """Section [targets]: networks that learn several targets first, and a classifier on all of them (AGF, 3.2)."""

    networks: str = _choice(
        TARGETS,
        "separate: a network per label source; shared: one with the first layers in common; wide: one on the first "
        "source, as large as all; none: the task alone, no network below it; auto: separate with artist groups",
    )
    hidden: int = _key(
        1024,
        "ELU units of the classifier on their features; 0: none, a linear classifier (safer where tracks are few)",
        "0 to 100000",
        lambda x: 0 <= x <= 100000,
    )
    dropout: float = _key(
        0.5, "its rate of dropout on the features and on the hidden layer", "0 to 0.9", lambda x: 0 <= x <= 0.9
    )
    epochs: int = _key(50, "its epochs, always all of them", "at least 1", lambda x: x >= 1)


@dataclasses.dataclass(frozen=True)
class DemoSettings:
    """Section [demo]: the collection that is synthesised when none is given."""

    tracks: int = _key(0, "tracks per class, in all of tags or numbers; 0: by the task", "at least 0", lambda x: x >= 0)
    artists: int = _key(0, "artists per class; 0: one for five tracks", "at least 0", lambda x: x >= 0)
    substyles: int = _key(0, "sub-styles a class, which artists keep to; 0: none", "0 to 16", lambda x: 0 <= x <= 16)
    seconds: float = _key(21.0, "length of a track", "8 to 600", lambda x: 8 <= x <= 600)


@dataclasses.dataclass(frozen=True)
class CalibrationSettings:
    """Section [calibration]."""

    method: str = _key(
        "temperature",
        "temperature: one T before the softmax; vector: a factor and an offset per class (20 tracks of each); none",
        ", ".join(METHODS),
        METHODS.__contains__,
    )


@dataclasses.dataclass(frozen=True)
class UncertaintySettings:
    """Section [uncertainty]."""

    samples: int = _key(
        0,
        "dropout samples for predict --uncertainty, in extra outputs; a head needs network.dropout for it; 0: none",
        "0, or 2 to 1000",
        lambda x: x == 0 or 2 <= x <= 1000,
    )


@dataclasses.dataclass(frozen=True)
class CardSettings:
    """Section [card]: what the exported model says of itself."""

    author: str = _key("", "your name")
    email: str = _key("", "your address")
    dataset: str = _key("", "name of the collection")
    licence: str = _key("", "licence of the exported model")
    training_data_rights: str = _key("", "what you may do with the audio that it was trained on")
    base_url: str = _key("", "address below which models are published; empty: the card has no link")


SECTIONS = {
    "split": SplitSettings,
    "network": NetworkSettings,
    "training": TrainingSettings,
    "augment": AugmentSettings,
    "choice": ChoiceSettings,
    "targets": TargetsSettings,
    "calibration": CalibrationSettings,
    "uncertainty": UncertaintySettings,
    "card": CardSettings,
    "demo": DemoSettings,
}

ADDED = {
    "training": ("stages", "rate_factor", "warmup_epochs", "mixed_precision"),
    "augment": ("time_mask", "band_mask", "mixup", "gain_db", "shift_frames", "audio"),
    "network": ("width", "backbones", "layers", "frozen_until"),
    "choice": ("speed", "music", "networks", "layers", "smoothing", "kernels", "leave_out"),
    "card": ("base_url",),
}  # keys by section that files of older runs do not have
RENAMED = {"transfer": "targets"}  # what the files of older runs call a section


def check_section(section: Any, where: str) -> None:
    """Raise `RecipeError` when a value of a section is out of its range."""
    for field in dataclasses.fields(section):
        value, check = getattr(section, field.name), field.metadata["check"]
        if check is not None and not check(value):
            raise RecipeError(explain(field.name, field.metadata["rule"], value, where, "Correct the value."))

"""The names that recipes and plans choose among: each list once, above both, so that who reads a plan needs no recipe.

Names of plug-ins (label sources, networks, layouts) are not here: `discover.names` lists the files.
"""

from __future__ import annotations

# What a task asks of a track: one class, any number of tags, or a number in each of some dimensions.
SINGLE_LABEL, MULTI_LABEL, REGRESSION = KINDS = ("single_label", "multi_label", "regression")
PRETRAINED = ("msd", "mtt", "audioset")
HEAD, TOP, ALL, SCRATCH = FINE_TUNE = ("head", "top", "all", "none")
# auto first: what a plan chooses by its targets
LOSSES = ("auto", "mae", "cross_entropy", "kl")
LOSSES_OF = {
    SINGLE_LABEL: LOSSES,
    MULTI_LABEL: ("auto", "mae", "cross_entropy"),
    REGRESSION: ("auto", "mae", "squared_error", "huber"),
}
AUTO_LOSS = {MULTI_LABEL: "cross_entropy", REGRESSION: "squared_error"}
CLASS_WEIGHTS = ("balanced", "none")
ACTIVATIONS = ("relu", "elu")
# Labels that stand for a classifier on frozen features which is solved: a linear one with settings that are chosen by
# folds, or on all networks with targets half smoothed or not at all; support vector machines on all layers.
AUTO, JOINT, JOINT_ONE_HOT, SVM = CHOSEN = ("auto", "joint", "joint-one-hot", "svm")
CHOSEN_IN_WORDS = {
    AUTO: "a linear classifier on pretrained networks, which are chosen by folds with layers and smoothing, see choice",
    JOINT: "the same on all networks, each class half that of a track's nearest ones in the space of their features",
    JOINT_ONE_HOT: "the same on all networks with the classes as they are",
    SVM: "support vector machines on the averages of layers 1 to 5 of these networks; kernel and cost chosen by folds",
}
LINEAR, RBF = KERNELS = ("linear", "rbf")
SPEEDS = ("balanced", "fast", "best")
MUSIC = ("same", "other")
# What is made of the audio of training tracks, by name: variants in the store, whose names say how they are made.
AUDIO_VARIANTS = {
    "quality": ("quality-1",),
    "mp3": ("mp3-64k",),
    "pitch": ("pitch-up-1", "pitch-down-1"),
    "tempo": ("tempo-106", "tempo-94"),
}
# What is made of the audio of tracks that test a network, to see what it bears: by kind, variants with their strengths.
DEFORMATIONS = {
    "pitch": {"pitch-down-2": -2.0, "pitch-down-1": -1.0, "pitch-up-1": 1.0, "pitch-up-2": 2.0},  # semitones
    "tempo": {"tempo-71": 0.7071, "tempo-84": 0.8409, "tempo-119": 1.1892, "tempo-141": 1.4142},  # speed
    "noise": {"noise-1": 0.01, "noise-5": 0.05, "noise-10": 0.1, "noise-40": 0.4},  # share of white noise
    "compression": {"drc-music-light": 1.0, "drc-music-standard": 2.0, "drc-speech": 3.0, "drc-radio": 4.0},  # in order
}
LAYERS = ("embedding", "deep", "all")  # or some of the digits 1 to 5, see `taps`
DESCENT, SOLVED = SOLVERS = ("", "solved")
SEPARATE, SHARED, WIDE = TARGET_NETWORKS = ("separate", "shared", "wide")
# What an embedding space learns by: near and far pairs, or classes and tags whose network is cut below its answers.
SIAMESE, TRIPLET, CONTRASTIVE, BASIC, TAGS = SPACE_LOSSES = ("siamese", "triplet", "contrastive", "basic", "tags")
COSINE, L2 = DISTANCES = ("cosine", "l2")
RANDOM, SEMI_HARD = NEGATIVES = ("random", "semi-hard")
# Looks inside a trained network: spectra of its first filters, waveforms that excite deeper ones, what SE blocks scale
# channels by, widths of harmonic filters, and filters of mel bands.
FILTERS, ASCENT, EXCITATIONS, HARMONICS, BANDS = LOOKS = ("filters", "ascent", "excitations", "harmonics", "bands")


def is_loss(name: str) -> bool:
    """Tell whether targets of some kind have a loss of that name."""
    return any(name in losses for losses in LOSSES_OF.values())


def join_choices(choices: tuple[str, ...]) -> str:
    """Write choices as a rule of an error.

    Examples
    --------
    >>> join_choices(("head", "all", "none"))
    'head, all or none'
    """
    return " or ".join((", ".join(choices[:-1]), choices[-1])) if len(choices) > 1 else choices[0]

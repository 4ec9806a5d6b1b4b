"""Train, verify and run Essentia classifiers of one's own.

The map, in reading order: a module imports only what stands above it. CONTRIBUTING.md says what to touch for what.

Underneath:

  errors        one root, and leaves that callers know
  versions      which Essentia makes features here
  records       the data that flows: frozen, checked when made
  choices       the names that recipes and plans choose among
  bounds        what learning rates, margins and seeds may be
  stages        the optimisers of a training, one after the other
  discover      plug-ins by walking a package
  files         the folders of a home, atomic writing, json and digests
  content       audio by a file's name and first bytes
  arrays        arrays of .npy and .npz files, whole or told to be damaged
  tables        rows as spreadsheets and shells write them
  known         what is told of a network to code that must not import it
  frontends     the numbers of the analyses, and one row per network
  taps          the layers of pretrained networks that are read as features, and where each stands
  tags          the 50 tags of the released networks, in the order of their outputs
  fonts         letters of pictures, whichever fonts there are
  urls          audio at a URL, copied to a local file
  progress      bars of long work, and who hears the lines of steps
  zones         a step in a process of its own
  cluster/      calls spread over threads here, or over the workers of a cluster
  parallel      one function over many files, in worker processes that may die

Nouns, which are data:

  scores/       arrays in, numbers out: metrics, calibration, intervals, tests
  linear/       a linear classifier on features of tracks: solved, its settings chosen by folds
  machines/     support vector machines on the same features: fitted, tried on folds, and as numbers
  words/        vectors of words, from the user's file, and of phrases
  labels/       Tracks and features become label distributions; one file per source
  models/       the folder graphs/, and the card and golden answers beside each graph
  datasets/     a folder or a table becomes Tracks; one file per layout
  recipe/       a TOML file becomes a checked Recipe
  collection/   Tracks with checked labels, corrected by a person, split by artist
  features/     what is computed of tracks before training, in the store
  covers/       the pictures of tracks: found, decoded within bounds, in the store
  runs/         the run folder, sole owner of its files: plan, targets, predictions, scores

Zones, which are processes:

  sound/        audio to features, graphs on audio, proof of a graph; the only place that imports Essentia
  nets/         networks, training and export; the only place that imports Keras and TensorFlow

Verbs, which are commands:

  train/        from a recipe and a collection to a verified model in graphs/
  predict/      models on files and folders
  measure/      cross-validation, baselines, and an exported graph on another collection
  report/       a finished run as one page
  search/       an index of embeddings and tags, what is near a track, an artist or words in it, and words for tracks
  annotate/     tracks labelled by people on a local page: what to ask next, and how good a model of the answers is
  install/      models under the names that programs know, in their folders, and as pages of model hubs
  spaces/       embedding spaces learned from artists or words, and how good embeddings are
  studies/      the experiments of the papers, measured
  doctor        the installation
  estimators/   smoothing, calibration and artist groups on plain arrays; the only place made of scikit-learn's classes
  api/          the commands for Python: values in, records out that a notebook shows
  cli/          the command line: commands, options, and the text that the terminal shows

Zones: sound/ imports Essentia and never TensorFlow, nets/ the reverse, everything else neither; they meet in files.

In Python: `import essentia_ldl as ldl`, then `ldl.train`, `ldl.predict` and whatever else `__all__` names. A name is
loaded when it is asked for, so that the import itself loads nothing; what editors see stands in ``__init__.pyi``.
"""

import sys

__version__ = "0.1.0"

_PLACES = {
    "ArtistGroups": "estimators.groups",
    "Home": "files",
    "LabelSmoother": "estimators.smoother",
    "Recipe": "recipe.recipe",
    "TemperatureScaler": "estimators.scalers",
    "VectorScaler": "estimators.scalers",
    "compare_spaces": "api.spaces",
    "cross_validate": "api.training",
    "describe": "api.search",
    "evaluate": "api.asking",
    "evaluate_embeddings": "api.spaces",
    "index": "api.search",
    "learn_space": "api.spaces",
    "learn_words": "api.spaces",
    "measure_covers": "api.spaces",
    "new_recipe": "api.training",
    "predict": "api.asking",
    "read_tracks": "datasets",
    "report": "api.asking",
    "search": "api.search",
    "similar": "api.search",
    "train": "api.training",
}
__all__ = list(_PLACES)


def __getattr__(name: str) -> object:
    """Load a public name from its place."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(type(sys)):
    """This package: `train`, `predict` and `report` are functions here, whichever room of that name was imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _PLACES or not isinstance(value, type(sys)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

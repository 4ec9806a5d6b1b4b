"""The sound zone: everything that imports Essentia. Never TensorFlow or Keras (Essentia carries its own TensorFlow).

Importing this package is the gate: it refuses when TensorFlow is already loaded, sets the environment that Essentia
reads once at import, and silences Essentia's log. `ESSENTIA_LDL_VERBOSE=1` keeps the log.
"""

from __future__ import annotations

import os
import sys

from essentia_ldl.errors import ImportOrderError, explain
from essentia_ldl.zones import tie_to_parent

if "tensorflow" in sys.modules and "essentia" not in sys.modules:
    raise ImportOrderError(
        explain(
            "essentia_ldl.sound",
            "a process without tensorflow",
            "tensorflow is loaded",
            "import order",
            "Import essentia_ldl.sound in a process of its own; loaded second, Essentia aborts the process.",
        )
    )

if sys.argv[:1] == ["-m"]:  # `python -m`, which looks for its module: Essentia takes a second to load
    tie_to_parent()
VERBOSE = os.environ.get("ESSENTIA_LDL_VERBOSE") == "1"
if not VERBOSE:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import essentia  # noqa: E402  (after the gate and the environment)

if not VERBOSE:
    essentia.log.infoActive = essentia.log.warningActive = False

ALGORITHMS = (
    "AudioLoader",
    "FileOutput",
    "FrameCutter",
    "MFCC",
    "MelBands",
    "MetadataReader",
    "MonoLoader",
    "MonoMixer",
    "MusicExtractor",
    "PoolToTensor",
    "RMS",
    "Resample",
    "Spectrum",
    "SpectrumCQ",
    "StereoMuxer",
    "TensorToPool",
    "TensorToVectorReal",
    "TensorTranspose",
    "TensorflowInputMusiCNN",
    "TensorflowInputVGGish",
    "TensorflowPredict",
    "TensorflowPredict2D",
    "TensorflowPredictEffnetDiscogs",
    "TensorflowPredictMAEST",
    "TensorflowPredictMusiCNN",
    "TensorflowPredictVGGish",
    "Trimmer",
    "UnaryOperator",
    "VectorRealToTensor",
    "Windowing",
)


def _import_lean() -> None:
    """Import Essentia's Python classes for `ALGORITHMS` only.

    Importing essentia.standard and essentia.streaming makes an instance of each of some 400 algorithms to read its
    documentation, which takes longer than classifying a short track. Only processes that this package starts for
    itself do this (they have ESSENTIA_LDL_LEAN=1); an Essentia that does not have these two lists imports as ever.
    """
    from essentia import _essentia

    listed = {name: getattr(_essentia, name, None) for name in ("keys", "skeys")}
    if not all(listed.values()):
        return
    try:
        for name, list_algorithms in listed.items():
            known = frozenset(list_algorithms())
            setattr(_essentia, name, lambda known=known: [name for name in ALGORITHMS if name in known])
        import essentia.standard
        import essentia.streaming  # noqa: F401
    finally:
        for name, list_algorithms in listed.items():
            setattr(_essentia, name, list_algorithms)


if os.environ.get("ESSENTIA_LDL_LEAN") == "1" and "essentia.standard" not in sys.modules:
    _import_lean()

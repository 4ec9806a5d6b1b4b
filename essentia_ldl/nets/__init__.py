"""The nets zone: networks, training and export. It may import keras, tensorflow and numpy, and never essentia.

In: a run folder with `plan.json` and `labels.csv`, mel bands of the store, base graphs. Out: trained weights,
predictions, and frozen graphs with their cards. The order of the data: `plan` -> `backbones` -> `classifier`,
`multitask` -> `networks` -> `batches`, `embeddings`, `features`, `bodies` -> `sources` -> `updates` -> `training` ->
`sampling`, `ensembles` -> `freeze`, `cards` -> `export`; `weights` makes the base graphs; `run` is the entry point,
`embed` that of embeddings alone, `hops` that of embeddings at another distance.
Importing this package sets two environment variables and nothing else; `runtime` loads TensorFlow.
"""

from __future__ import annotations

import os

if os.environ.get("ESSENTIA_LDL_VERBOSE") != "1":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Every module of this zone is written for the TensorFlow backend: the export freezes a TensorFlow graph.
os.environ["KERAS_BACKEND"] = "tensorflow"

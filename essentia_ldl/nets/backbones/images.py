"""CNNs made for images, on mel bands as an image of one channel: those of `keras.applications`, with random weights.

In: patches (batch, 187, 96) float32, log-compressed mel bands as MusiCNN reads them, each band shifted and scaled by
its mean and deviation over the frames of the training tracks. Out: embedding (batch, d) float32, the mean of the last
layer over time and bands, which goes straight to the classes: ``hidden = 0`` in a recipe. There are no published
weights for one channel: they are trained from scratch.

`images` is MobileNetV3 (small), a network of squeeze-and-excitation blocks; `vgg16`, `inceptionv3` (GoogLeNet's kin),
`densenet121`, `efficientnetb0` and `resnet50` are called by their names. All of them freeze into operations that
TensorFlow 2.5 knows, and 1.15. Keras has no SqueezeNet.

References
----------
https://keras.io/api/applications: layers, and the papers they are from.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import Any

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, drop
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MUSICNN
EMBEDDING_SIZE = 576
EMBEDDING_NODE = "model/embedding"
EMBEDDING_OP = "Mean"
N_DENSE = 0
FREE_TIME = False
INPUT_NORM = None
INPUT_STANDARDIZE = "input_standardize"
INPUT_DEVIATION_FLOOR = 0.1  # of log10(1 + 10000 x)
FROZEN_UNTIL = "image"
DEPTHS = (FROZEN_UNTIL, "embedding")

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

TAIL_DROPOUT = 0.2
BATCH_NORM_MOMENTUM = 0.9  # in place of up to 0.999, which wants thousands of steps; see resnet: it serves small sets
EPSILON = 1e-6
WHITE = 255.0  # EfficientNetB0 divides by it
# By network: the function of keras.applications, and what it is given beside an image.
APPLICATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "images": ("MobileNetV3Small", {"include_preprocessing": False}),
    "vgg16": ("VGG16", {}),
    "inceptionv3": ("InceptionV3", {}),
    "densenet121": ("DenseNet121", {}),
    "efficientnetb0": ("EfficientNetB0", {}),
    "resnet50": ("ResNet50", {}),
}
SIZES = {"vgg16": 512, "inceptionv3": 2048, "densenet121": 1024, "efficientnetb0": 1280, "resnet50": 2048}


def build(
    front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, name: str = "images", alpha: float = 1.0
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives frames and mel bands.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    name : str
        Key of `APPLICATIONS`.
    alpha : float
        Filters are so many times the usual; of `images` alone.

    Returns
    -------
    keras.Model
        Patches (batch, n_frames, n_bands) float32 -> embedding (batch, d) float32.
    """
    kl = keras.layers
    function, settings = APPLICATIONS[name]
    patches = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
    x = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name=INPUT_STANDARDIZE)(patches)
    x = kl.Reshape((front_end.patch_frames, front_end.n_bands, 1), name="image")(x)
    if name == "efficientnetb0":
        x = kl.Rescaling(WHITE, name="white")(x)
    if alpha != 1:
        settings = {**settings, "alpha": alpha}
    body = getattr(keras.applications, function)(include_top=False, weights=None, input_tensor=x, **settings)
    embedding = kl.GlobalAveragePooling2D(name="embedding")(body.layers[-1].output)
    model = keras.Model(patches, embedding, name="backbone")
    for layer in model.layers:
        if type(layer) is keras.layers.BatchNormalization:
            layer.momentum = BATCH_NORM_MOMENTUM
    names = _name_layers(model)
    return _copy(model, names, frozen_statistics) if names or frozen_statistics else model


tail = functools.partial(drop, rate=TAIL_DROPOUT)


def _name_layers(model: keras.Model) -> dict[str, str]:
    """Return names for the layers with weights that Keras has numbered: it counts through all models of a process.

    The weights of a run are found by the names of their layers.
    """
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for layer in model.layers:
        base = re.sub(r"_\d+$", "", layer.name)
        if layer.weights and base.replace("_", "") == type(layer).__name__.lower():
            counts[base] += 1
            names[layer.name] = f"{base}_number_{counts[base]}"
    return names


def _copy(model: keras.Model, names: dict[str, str], frozen_statistics: bool) -> keras.Model:
    """Make a model like another; batch normalisation may use its stored statistics in training too."""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        is_frozen = frozen_statistics and type(layer) is keras.layers.BatchNormalization
        kind = FixedBatchNormalization if is_frozen else type(layer)
        return kind.from_config({**layer.get_config(), "name": names.get(layer.name, layer.name)})

    return keras.models.clone_model(model, clone_function=copy)


VARIANTS = {
    name: {"build": functools.partial(build, name=name), "EMBEDDING_SIZE": size} for name, size in SIZES.items()
}

"""Networks that see a picture. In: pixels (batch, 224, 224, 3), 0 to 255; out: an embedding (batch, d) float32.

One is small and trained from scratch, minutes on two cores. The other is the user's: a ResNet of keras.applications,
of 50, 101 or 152 layers, in a file of Keras; the paper's is of 101 layers, trained on the photographs of ImageNet. It
stays as it is, so that every picture goes through it once.

References
----------
S. Oramas, F. Barbieri, O. Nieto and X. Serra, "Multimodal deep learning for music genre classification" (TISMIR 1(1),
2018). K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition" (CVPR 2016).
"""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np

from essentia_ldl.errors import Reason, WeightsError, explain
from essentia_ldl.frontends import PICTURE
from essentia_ldl.nets.layers import normalise
from essentia_ldl.nets.runtime import keras

WIDTHS = (16, 32, 64, 128)
MOMENTUM = 0.9  # see nets.backbones.resnet: it serves small sets
RESNETS = ("ResNet50", "ResNet101", "ResNet152")
IMAGENET_CLASSES = 1000
IMAGENET_MEANS = (103.939, 116.779, 123.68)  # of blue, green and red, as keras.applications subtracts them
SUFFIXES = (".keras", ".weights.h5")
REMEDY = "Save a ResNet of keras.applications with model.save or model.save_weights."


def build_small(width: float = 1.0) -> keras.Model:
    """Build the small network: four convolutions of 3 x 3, each over every second pixel, and the mean of what is left.

    Parameters
    ----------
    width : float
        Filters, as a share of `WIDTHS`.

    Returns
    -------
    keras.Model
        Pixels (batch, 224, 224, 3) -> embedding (batch, 128 * width) float32.
    """
    kl = keras.layers
    pixels = keras.Input(PICTURE.patch_shape, name="pixels")
    x = kl.Rescaling(1 / 127.5, offset=-1.0, name="scale")(pixels)
    for number, filters in enumerate(WIDTHS, start=1):
        n = max(1, round(filters * width))
        x = kl.Conv2D(n, 3, strides=2, padding="same", use_bias=False, name=f"conv_{number}")(x)
        x = kl.ReLU(name=f"relu_{number}")(normalise(x, f"norm_{number}", frozen_statistics=False, momentum=MOMENTUM))
    return keras.Model(pixels, kl.GlobalAveragePooling2D(name="embedding")(x), name="image")


def load_image_network(path: str) -> keras.Model:
    """Load the user's network for pictures.

    Parameters
    ----------
    path : str
        ``.keras``, a whole model, or ``.weights.h5``, the weights of a ResNet of keras.applications; with or without
        its classes.

    Returns
    -------
    keras.Model
        Pixels (batch, 224, 224, 3), as `prepare_pixels` makes them -> embedding (batch, d) float32. It does not train.

    Raises
    ------
    WeightsError
        When the file is missing, is not one of Keras, or does not fit.
    """
    file = Path(path)
    if not path.endswith(SUFFIXES):
        raise WeightsError(explain("image weights", " or ".join(SUFFIXES), file.name, path, REMEDY))
    if not file.is_file():
        raise WeightsError(explain("image weights", "a file", "nothing there", path, "Correct the path."))
    model = _load_whole(file) if path.endswith(".keras") else _load_resnet(file)
    model.trainable = False
    return model


def prepare_pixels(pixels: np.ndarray) -> np.ndarray:
    """Return pixels (n, 224, 224, 3) uint8 as ResNets of keras.applications read them, float32: blue, green, red."""
    return pixels[..., ::-1].astype(np.float32) - np.array(IMAGENET_MEANS, np.float32)


def _load_whole(path: Path) -> keras.Model:
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = Reason(str(error).split("\n")[0])
        raise WeightsError(explain("image weights", "a model that Keras loads", reason, path, REMEDY)) from None
    shape = getattr(model, "input_shape", None)
    fits = isinstance(shape, tuple) and len(shape) == 4 and shape[3] == 3 and shape[1] in (None, PICTURE.patch_frames)
    if not fits:
        raise WeightsError(
            explain("image weights", f"a network of pictures {PICTURE.patch_shape}", shape, path, REMEDY)
        )
    below = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    output = below[-1].output if below else model.output
    if len(output.shape) == 4:
        output = keras.layers.GlobalAveragePooling2D(name="embedding")(output)
    if len(output.shape) != 2:
        raise WeightsError(explain("image weights", "a network with one answer", output.shape, path, REMEDY))
    return keras.Model(model.input, output, name="image")


def _load_resnet(path: Path) -> keras.Model:
    """Try the ResNets one after the other, without and with their classes."""
    for name in RESNETS:
        for classes in (0, IMAGENET_CLASSES):
            settings = {"pooling": "avg"} if not classes else {"classes": classes}
            build = getattr(keras.applications, name)
            model = build(weights=None, include_top=bool(classes), input_shape=PICTURE.patch_shape, **settings)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # Keras names every layer that another network has
                    model.load_weights(path)
            except (ValueError, KeyError):
                continue
            except OSError as error:
                reason = Reason(str(error).split("\n")[0])
                raise WeightsError(explain("image weights", "a whole file of Keras", reason, path, REMEDY)) from None
            output = model.output if not classes else model.get_layer("avg_pool").output
            return keras.Model(model.input, output, name="image")
    rule = f"the weights of {', '.join(RESNETS[:-1])} or {RESNETS[-1]}"
    raise WeightsError(explain("image weights", rule, "those of another network", path, REMEDY))

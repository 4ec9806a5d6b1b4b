"""Networks for pictures: the size of the small one, and the user's files."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import WeightsError
from essentia_ldl.nets.covers.images import build_small, load_image_network, prepare_pixels
from essentia_ldl.nets.runtime import keras


def test_the_small_network_has_the_numbers_of_its_layers():
    convolutions = 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128)
    model = build_small()
    assert model.count_params() == convolutions + 4 * (16 + 32 + 64 + 128)
    assert model.output_shape == (None, 128)
    assert build_small(0.125).output_shape == (None, 16)


def test_pixels_are_those_that_keras_applications_make():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    expected = keras.applications.resnet.preprocess_input(pixels.astype(np.float32))
    np.testing.assert_allclose(prepare_pixels(pixels), expected, atol=1e-4)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A network with classes above the mean of its last maps, as ResNets have them."""
    pixels = keras.Input((224, 224, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(5, 3, strides=8)(pixels))
    model = keras.Model(pixels, keras.layers.Dense(10)(x))
    path = tmp_path_factory.mktemp("weights") / "own.keras"
    model.save(path)
    return path, keras.Model(pixels, x)


def test_a_whole_model_is_read_up_to_its_classes(small_file):
    path, body = small_file
    model = load_image_network(str(path))
    inputs = np.random.default_rng(0).random((2, 224, 224, 3), np.float32)
    np.testing.assert_allclose(model(inputs), body(inputs), atol=1e-6)
    assert not model.trainable_variables


@pytest.mark.slow
@pytest.mark.parametrize(("name", "top"), [("ResNet50", False), ("ResNet101", True)])
def test_weights_of_a_resnet_are_read(name, top, tmp_path):
    original = getattr(keras.applications, name)(weights=None, include_top=top, input_shape=(224, 224, 3))
    original.save_weights(tmp_path / "own.weights.h5")
    model = load_image_network(str(tmp_path / "own.weights.h5"))
    assert model.output_shape == (None, 2048)
    inputs = np.random.default_rng(0).normal(0, 50, (1, 224, 224, 3)).astype(np.float32)
    output = original.get_layer("avg_pool").output if top else keras.layers.GlobalAveragePooling2D()(original.output)
    np.testing.assert_allclose(model(inputs), keras.Model(original.input, output)(inputs), rtol=1e-4, atol=1e-5)


def test_files_that_do_not_fit_are_told_in_a_sentence(tmp_path):
    with pytest.raises(WeightsError, match=r"image weights: expected \.keras or \.weights\.h5; got 'a\.pt'"):
        load_image_network(str(tmp_path / "a.pt"))
    with pytest.raises(WeightsError, match="expected a file; got 'nothing there'"):
        load_image_network(str(tmp_path / "gone.keras"))
    (tmp_path / "damaged.keras").write_bytes(b"no model")
    with pytest.raises(WeightsError, match="expected a model that Keras loads"):
        load_image_network(str(tmp_path / "damaged.keras"))
    (tmp_path / "damaged.weights.h5").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="expected a whole file of Keras"):
        load_image_network(str(tmp_path / "damaged.weights.h5"))
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    flat.save(tmp_path / "flat.keras")
    with pytest.raises(WeightsError, match=r"a network of pictures \(224, 224, 3\)"):
        load_image_network(str(tmp_path / "flat.keras"))


@pytest.mark.slow
def test_weights_of_another_network_are_refused(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(WeightsError, match="the weights of ResNet50, ResNet101 or ResNet152; got 'those of another"):
        load_image_network(str(tmp_path / "x.weights.h5"))

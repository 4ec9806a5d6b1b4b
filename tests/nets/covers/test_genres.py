"""Networks that learn genres: embeddings of every track, from its patches and its picture."""

from __future__ import annotations

import numpy as np

from essentia_ldl.features.store import Store
from essentia_ldl.frontends import CQT
from essentia_ldl.nets.backbones import cqtcnn
from essentia_ldl.nets.covers.genres import train_audio, train_image
from essentia_ldl.nets.inputs.patches import cut_grid
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.covers import MOST_SIZE


def test_the_embedding_of_a_track_is_the_mean_over_its_patches(make_covers_plan, capsys):
    plan = make_covers_plan({"epochs": 1})
    keras.utils.set_random_seed(0)
    body, embeddings = train_audio(plan)
    assert embeddings.shape == (16, 256)
    frames = Store(plan.store).read(plan.tracks[2].audio, CQT)
    expected = np.asarray(body(cut_grid(frames, CQT))).mean(axis=0)
    np.testing.assert_allclose(embeddings[2], expected, rtol=1e-4, atol=1e-5)
    assert "covers: spectra, 1 epochs, best is 1" in capsys.readouterr().out


def test_a_common_space_has_as_many_numbers_as_the_network_of_spectra_at_most():
    assert MOST_SIZE == cqtcnn.EMBEDDING_SIZE


def test_pictures_are_embedded_one_by_one(make_covers_plan):
    keras.utils.set_random_seed(0)
    body, embeddings = train_image(make_covers_plan({"epochs": 1}))
    assert embeddings.shape == (16, body.output_shape[1])
    assert len(np.unique(embeddings.round(5), axis=0)) == 16


def test_the_users_network_stays_as_it_is(make_covers_plan, tmp_path):
    pixels = keras.Input((224, 224, 3))
    model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))
    model.save(tmp_path / "means.keras")
    _, embeddings = train_image(make_covers_plan(image_weights=str(tmp_path / "means.keras")))
    assert embeddings.shape == (16, 3)
    assert np.all(embeddings[::2, 2] > embeddings[1::2, 2] + 100), "blue, green and red: the first class is red"

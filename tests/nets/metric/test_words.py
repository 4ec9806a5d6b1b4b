"""Trainings of words and audio in one space: what a track is told, where words begin, and words that nobody saw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from essentia_ldl import taps
from essentia_ldl.arrays import read_arrays
from essentia_ldl.features.joint_store import FeaturePlaces, find_folders
from essentia_ldl.features.store import array_path
from essentia_ldl.nets.metric.losses import measure_distance, score_triplet
from essentia_ldl.nets.metric.train import learn, open_source
from essentia_ldl.nets.metric.words import WordOutputs, WordRun, draw_told, start_words
from essentia_ldl.nets.runtime import tf
from essentia_ldl.runs.space import VECTORS, make_settings
from essentia_ldl.runs.words import SIDE, write_planned_words
from essentia_ldl.words.side import read_side

N_WORDS, N_UNSEEN, SIZE = 20, 4, 8


@pytest.fixture
def make_words(make_space, random_graphs):
    """A function (loss, ...) -> a plan whose tracks sound as the vectors of their two words do, with a little noise."""

    def make(loss="words", name="run", **settings):
        random = np.random.default_rng(4)
        units = random.normal(size=(N_WORDS, SIZE)).astype(np.float32)
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        words = [f"w{number:02}" for number in range(N_WORDS)]
        tags = {}
        for artist in range(40):
            for number in range(4):
                least, most = (0, N_WORDS) if artist % 4 == 3 else (N_UNSEEN, N_WORDS)
                tags[f"{artist}-{number}.mp3"] = [words[row] for row in random.integers(least, most, 2)]
        settings = {"loss": loss, "epochs": 30, "size": SIZE, "rate": 1e-2, **settings}
        roles = ("train", "train", "valid", "test")
        plan = make_space(name, n_artists=40, roles=roles, settings=settings, tags=tags)
        write_planned_words(plan.folder, words, units, words[N_UNSEEN:])
        folder = find_folders(("msd-musicnn",), taps.EMBEDDING, FeaturePlaces(plan.store, random_graphs), 4)
        n_numbers = taps.count_columns("msd-musicnn", taps.DEEP)
        turn = random.normal(size=(SIZE, n_numbers)) / np.sqrt(SIZE)
        for track in plan.tracks:
            place = units[[words.index(word) for word in tags[track.id]]].sum(axis=0) @ turn
            patches = place + 0.2 * random.normal(size=(3, n_numbers))
            np.save(array_path(folder["msd-musicnn"], track.content), patches.astype(np.float32))
        return plan

    return make


def score_auc(plan, words) -> float:
    """Measure words on the tracks that test."""
    side, vectors = read_side(plan.folder / SIDE), read_arrays(plan.folder / VECTORS, "vectors")["vectors"]
    rows = plan.rows("test")
    tracks = vectors[rows] / np.linalg.norm(vectors[rows], axis=1, keepdims=True)
    truth = np.array([[word in plan.tags[plan.tracks[row].id] for word in side.words] for row in rows])
    places = [side.words.index(word) for word in words]
    return float(np.mean([roc_auc_score(truth[:, place], tracks @ side.units[place]) for place in places]))


@pytest.mark.parametrize("loss", ["words", "devise"])
def test_words_that_were_never_seen_are_heard(make_words, loss):
    plan = make_words(loss)
    history = learn(plan.folder)
    words = read_side(plan.folder / SIDE).words
    assert score_auc(plan, words[N_UNSEEN:]) > 0.9
    assert score_auc(plan, words[:N_UNSEEN]) > 0.75
    assert history["epochs"][-1]["train_loss"] < history["epochs"][0]["train_loss"]
    assert history["epochs"][history["best_epoch"] - 1]["valid_map"] > 0.5


def test_pretrained_words_keep_still_until_they_are_joined(make_words):
    plan = make_words("devise", epochs=4)
    run = WordRun(plan, open_source(plan))
    start = run.outputs.kernel.numpy()
    assert np.array_equal(start, np.eye(SIZE))
    for epoch in range(4):
        run.train_epoch(epoch)
        assert np.array_equal(run.outputs.kernel.numpy(), start) == (epoch < 2)


def test_the_same_plan_gives_the_same_bits(make_words):
    one, other = make_words(name="one", epochs=2), make_words(name="other", epochs=2)
    learn(one.folder)
    learn(other.folder)
    assert np.array_equal(read_side(one.folder / SIDE).kernel, read_side(other.folder / SIDE).kernel)


def test_a_hinge_is_that_of_the_losses(make_words):
    plan = make_words(epochs=1)
    run = WordRun(plan, open_source(plan))
    embeddings = tf.constant(np.random.default_rng(1).normal(size=(3, SIZE)).astype(np.float32))
    told = np.zeros((3, N_WORDS), np.float32)
    told[0, [4, 7]], told[1, [9, 5]] = [1, -1], [1, -1]
    found = run._score(run.outputs(embeddings), tf.constant(told)).numpy()
    places = run.place_words().units
    for row, (word, other) in enumerate(((4, 7), (9, 5))):
        near, far = (measure_distance(embeddings[row], tf.constant(places[one])) for one in (word, other))
        assert found[row] == pytest.approx(float(score_triplet(near, far, 0.4)), abs=1e-5)
    assert found[2] == 0


def test_only_seen_words_are_told():
    random = np.random.default_rng(2)
    targets = np.array([[1, 1, 0, 0, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], np.float32)
    is_seen = np.array([False, True, True, True, True])
    told = np.stack([draw_told(targets, is_seen, random) for _ in range(50)])
    assert set(np.unique(told)) == {-1, 0, 1}
    assert not told[:, :, 0].any()
    assert not told[:, 1:].any()  # every seen word, none, and an unseen one
    assert np.array_equal(told[:, 0].sum(axis=1), np.zeros(50))
    assert (told[:, 0, 1] == 1).all()
    assert (told[:, 0, 2:].min(axis=0) == -1).all()


def test_the_word_side_begins_as_it_is_asked():
    units = np.random.default_rng(3).normal(size=(5, 12)).astype(np.float32)
    wide = start_words(units, 20, make_settings("devise"))
    assert np.array_equal(wide, np.eye(12, 20))
    narrow = start_words(units, 6, make_settings("devise"))
    assert narrow.T @ narrow == pytest.approx(np.eye(6), abs=1e-6)
    assert np.linalg.norm(units @ narrow) == pytest.approx(np.linalg.norm(units), rel=1e-5)
    free = start_words(units, 6, make_settings("words"))
    assert np.abs(free).max() <= np.sqrt(6 / 18)
    assert not np.array_equal(free, start_words(units, 6, make_settings("words", seed=1)))


def test_outputs_are_cosines():
    units, start = np.eye(3, dtype=np.float32), np.array([[2, 0], [0, 3], [1, 1]], np.float32)
    found = WordOutputs(units, start)(tf.constant([[3.0, 4.0]])).numpy()
    assert found == pytest.approx(np.array([[0.6, 0.8, 1.4 / 2**0.5]]), abs=1e-6)

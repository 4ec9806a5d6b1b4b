"""Changed patches: each change does what it says and no more, draws are repeatable, and only training meets them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import StoreError
from essentia_ldl.features.store import Store, find_variant
from essentia_ldl.nets.inputs.augment import Augmenter, change_gain, hide_stretches, mix_tracks
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.training import train as training_module
from essentia_ldl.nets.training.train import train
from essentia_ldl.nets.training.updates import Run
from essentia_ldl.runs.plan import AugmentPlan, read_plan

PATCHES = np.random.default_rng(0).uniform(0.5, 4, (40, 30, 20)).astype(np.float32)


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mask_hides_one_stretch_of_at_most_its_share(axis):
    found = hide_stretches(PATCHES, 0.3, axis, random())
    changed = (found != PATCHES).any(axis=3 - axis)
    counts = changed.sum(axis=1)
    assert counts.max() == int(0.3 * PATCHES.shape[axis])
    assert counts.min() == 0
    assert (np.abs(np.diff(changed.astype(int), axis=1)).sum(axis=1) <= 2).all(), "in one piece"
    means = np.broadcast_to(PATCHES.mean(axis=(1, 2), keepdims=True), PATCHES.shape)
    np.testing.assert_allclose(found[found != PATCHES], means[found != PATCHES], rtol=1e-5)


def test_a_gain_is_that_of_the_audio_in_every_compression():
    """Golden: bands of power x in the compressions of the front-ends, twice as loud: four times the power."""
    powers = np.array([1e-4, 0.5, 7.0], np.float64).reshape(1, 1, 3)
    twice = np.array([20 * np.log10(2)])
    cases = {
        "musicnn": lambda x: np.log10(1 + 1e4 * x),
        "resnet": lambda x: np.log10(1 + 1e4 * x),
        "dcnn": lambda x: 10 * np.log10(np.maximum(x, 1e-10)),
        "vggish": lambda x: np.log(np.sqrt(x) + 0.01),
        "artists": lambda x: np.log10(1 + 10 * np.sqrt(x)),
    }
    for name, compress in cases.items():
        front_end = frontends.get(name)
        found = change_gain(compress(powers).astype(np.float32), twice, front_end)
        np.testing.assert_allclose(found, compress(4 * powers), rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(change_gain(found, -twice, front_end), compress(powers), rtol=1e-3, err_msg=name)
    assert change_gain(np.full((1, 1, 1), -95.0, np.float32), np.array([-20.0]), frontends.DCNN).item() == -100


def test_a_mixture_mixes_patches_targets_and_weights_alike():
    targets = np.eye(40, dtype=np.float32)
    weights = np.arange(40, dtype=np.float32)
    patches, mixed, weighed = mix_tracks((PATCHES, targets, weights), 0.4, random())
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(patches, np.einsum("nm,mfb->nfb", mixed, PATCHES), atol=1e-5)
    np.testing.assert_allclose(weighed, mixed @ weights, rtol=1e-5)
    assert (np.diag(mixed) >= 0.5).all()
    assert 0.5 < np.diag(mixed).min() < 0.7


@pytest.fixture
def plan(make_run):
    settings = {"time_mask": 0.2, "band_mask": 0.2, "mixup": 0.3, "gain_db": 6.0}
    return read_plan(make_run(n_tracks=3, n_frames=400, network={"fine_tune": "all"}, augment=settings))


def take(plan, seed=1):
    rows = np.arange(3)
    bands = BandSource(plan)
    augmenter, drawn = Augmenter(plan, bands), random(seed)
    patches = augmenter.take(rows, np.array([3, 0, 7]), drawn)
    return augmenter.change((patches, np.eye(3, dtype=np.float32), np.ones(3, np.float32)), drawn)


def test_an_epoch_is_a_function_of_its_generator(plan):
    for ours, theirs in zip(take(plan), take(plan), strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(take(plan)[0], take(plan, 2)[0])


def test_nothing_is_changed_by_nothing(plan):
    plain = dataclasses.replace(plan, augment=AugmentPlan())
    bands = BandSource(plain)
    np.testing.assert_array_equal(take(plain)[0], bands.take(np.arange(3), np.array([3, 0, 7])))


def test_a_shift_stays_inside_the_track_and_near_the_grid(plan):
    top = dataclasses.replace(
        plan, network=dataclasses.replace(plan.network, fine_tune="top"), augment=AugmentPlan(shift_frames=20)
    )
    bands = BandSource(top)
    augmenter, starts = Augmenter(top, bands), []
    bands.cut_variant = lambda row, start, variant: (starts.append(int(start)), np.zeros(1))[1]
    drawn = random()
    for _ in range(60):
        augmenter.take(np.array([0, 1, 2]), np.array([0, 1, 2]), drawn)
    first, second, third = np.array(starts).reshape(-1, 3).T
    assert (first.min(), first.max()) == (0, 20)
    assert 73 <= second.min() < 80
    assert 105 < second.max() <= 113
    assert third.max() <= 400 - 187
    np.testing.assert_array_equal(augmenter.n_choices, bands.n_patches)


def test_variants_are_drawn_and_cut_at_the_same_share(plan, tmp_path):
    store = Store(tmp_path / "store")
    bands = {"": 400, "tempo-106": 377, "tempo-94": 425}
    for track in plan.tracks:
        for variant, n_frames in bands.items():
            ramp = np.linspace(0, 1, n_frames, dtype=np.float32)[:, None] * np.ones((1, 96), np.float32)
            store.write(track.content, frontends.MUSICNN, ramp, variant)
    places = dataclasses.replace(plan.places, store=store.root)
    varied = dataclasses.replace(plan, places=places, augment=AugmentPlan(audio=("tempo",)))
    source = BandSource(varied)
    last = int(source.n_choices[0]) - 1
    augmenter, drawn = Augmenter(varied, source), random()
    patches = np.concatenate([augmenter.take(np.arange(3), np.full(3, last), drawn) for _ in range(20)])
    ends = patches[:, -1, 0]
    assert (ends > 0.99).all()
    assert len({round(float(patch[1, 0] - patch[0, 0]), 6) for patch in patches}) == 3, "all three lengths occur"
    missing = dataclasses.replace(varied, augment=AugmentPlan(audio=("mp3",)))
    with pytest.raises(StoreError, match="Run the command again"):
        [Augmenter(missing, BandSource(missing)).take(np.arange(3), np.zeros(3, int), drawn) for _ in range(20)]


def test_another_quality_is_kept_as_a_front_end_of_its_own():
    front_end, variant = find_variant(frontends.MUSICNN, "quality-1")
    assert (front_end.resample_quality, variant) == (1, "")
    assert find_variant(frontends.MUSICNN, "mp3-64k") == (frontends.MUSICNN, "mp3-64k")


TOP = {
    "n_tracks": 6,
    "n_frames": 290,
    "network": {"fine_tune": "top"},
    "augment": {"time_mask": 0.2, "band_mask": 0.2, "mixup": 0.2, "gain_db": 6.0, "shift_frames": 46},
}


@pytest.mark.slow
def test_an_augmented_training_goes_on_where_it_was_and_scores_plain_patches(make_run, monkeypatch):
    """The whole path with rates of depths and a warm-up, too."""
    training = {"epochs": 3, "batch_size": 2, "rate_factor": 0.4, "warmup_epochs": 1}
    whole = train(make_run("whole", **TOP, training=training), say=lambda _: None)
    cut, real = make_run("cut", **TOP, training=training), Run.train_epoch

    def stop(run, epoch):
        if epoch > 1:
            raise KeyboardInterrupt
        return real(run, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "train_epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train(cut, checkpoint_every_s=0)
    assert train(cut, say=lambda _: None) == whole
    with monkeypatch.context() as patch:
        patch.setattr(Augmenter, "take", lambda *_: pytest.fail("only training patches are changed"))
        patch.setattr(Run, "train_epoch", lambda run, epoch: 1.0)
        patch.setattr(training_module, "_estimate", lambda *_: None)  # which takes a training batch
        train(make_run("scored", **TOP, training={"epochs": 1}), say=lambda _: None)
    plain = train(make_run("plain", **{**TOP, "augment": {}}, training=training), say=lambda _: None)
    assert plain["epochs"][1]["train_loss"] != whole["epochs"][1]["train_loss"]


def test_samples_become_louder_and_are_hidden_in_time():
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 1000)).astype(np.float32)
    louder = change_gain(samples, np.array([6.0, -6.0]), frontends.SAMPLECNN)
    np.testing.assert_allclose(louder, samples * [[10**0.3], [10**-0.3]], rtol=1e-6)
    assert louder.dtype == np.float32
    hidden = hide_stretches(samples, 0.5, 1, np.random.default_rng(1))
    assert hidden.shape == samples.shape
    for before, after in zip(samples, hidden, strict=True):
        [places] = np.nonzero(before != after)
        assert 0 < len(places) <= 500
        assert np.array_equal(places, np.arange(places[0], places[-1] + 1))
        np.testing.assert_allclose(after[places], before.mean(), atol=1e-6)

"""The contract of every backbone, and what is particular to each."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from essentia_ldl import discover, frontends
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import DenseLayers, build_network, build_tagger, split_model
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.shared import share
from essentia_ldl.nets.tapped import list_own, measure_own, tap_own
from essentia_ldl.runs.plan import BACKBONES
from essentia_ldl.taps import MOST_LAYERS

NAMES = discover.names(BACKBONES)
LONG = dict.fromkeys(("attention", "crnn", "images"), pytest.mark.slow)  # many layers, which take seconds to build
# whole, they have millions of numbers
SLOW = LONG | dict.fromkeys(("harmoniccnn", "pons", "shortchunk", "vggish"), pytest.mark.slow)
WHOLE, BUILT = ([pytest.param(name, marks=marks.get(name, [])) for name in NAMES] for marks in (SLOW, LONG))
SMALL = {"vggish": {"n_filters": (4, 4, 4, 4, 4, 4), "n_units": (8, 8)}}  # 72 million numbers are slow to draw
NARROW = SMALL | {  # for tests of what is built how, and not of how much
    "dcnn": {"factor": 0.125},
    "musicnn": {"n_midend": 4, "n_embedding": 8},
    "resnet": {"n_filters": 8},
    "vgg": {"n_filters": 16},
    **{name: {"width": 4} for name in ("framecnn", "pons", "samplecnn")},
    "harmoniccnn": {"width": 16},  # of a narrower embedding two draws of dropout may leave the same
    "images": {"alpha": 0.35},
    "artists": {"width": 8},
    "attention": {"width": 8},
    "crnn": {"width": 16},
    "fcn": {"width": 16},
    "shortchunk": {"width": 4},
}


def count(variables) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def draw(n_frames: int, n: int = 3, n_bands: int = 96) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 5, (n, n_frames, n_bands)).astype(np.float32)


def draw_for(backbone, n: int = 3) -> np.ndarray:
    shape = backbone.FRONT_END.patch_shape
    return draw(shape[0], n, shape[1]) if len(shape) == 2 else draw(shape[0], n, 1)[..., 0] / 5


@functools.cache
def tagger_of(name: str) -> keras.Model:
    """The whole network of full size with 50 outputs, built once: 72 million numbers are slow to draw."""
    return build_tagger(discover.load(BACKBONES, name))


@functools.cache
def body_of(name: str) -> keras.Model:
    """The network up to its embedding, for tests that only read it."""
    return discover.load(BACKBONES, name).build(**SMALL.get(name, {}))


@functools.cache
def tuned(name: str) -> keras.Model:
    """The whole network with two outputs that is fine-tuned from end to end, which changes no statistics."""
    return build_network(discover.load(BACKBONES, name), 2, fine_tune="all", size=NARROW.get(name))


@pytest.mark.parametrize("name", WHOLE)
def test_contract(name):
    backbone = discover.load(BACKBONES, name)
    front_end = backbone.FRONT_END
    model = backbone.build(front_end)
    embedding = model(draw_for(backbone), training=False)
    assert embedding.shape == (3, backbone.EMBEDDING_SIZE)
    assert embedding.dtype == tf.float32
    assert model.layers[-1].name == "embedding"
    assert backbone.EMBEDDING_NODE.startswith("model/")
    assert isinstance(backbone.N_DENSE, int)
    if backbone.INPUT_NORM is not None:
        assert isinstance(model.get_layer(backbone.INPUT_NORM), keras.layers.BatchNormalization)
    if hasattr(backbone, "INPUT_STANDARDIZE"):
        layer = model.get_layer(backbone.INPUT_STANDARDIZE)
        assert [weight.name for weight in layer.weights] == ["moving_mean", "moving_variance"]
        assert not layer.trainable_weights
        assert backbone.INPUT_DEVIATION_FLOOR > 0
    tagger = tagger_of(name)
    with_weights = {layer.name for layer in tagger.layers if layer.weights}
    if backbone.CHECKPOINTS:
        assert set(backbone.CHECKPOINT_LAYERS.values()) == with_weights
    assert set(backbone.CHECKPOINT_SIZES) <= set(backbone.CHECKPOINTS)


@pytest.mark.parametrize("name", WHOLE)
def test_parameter_counts(name):
    backbone = discover.load(BACKBONES, name)
    published = getattr(backbone, "PARAMETERS_50", None)
    if published is None:
        pytest.skip("the backbone states no published count")
    tagger = tagger_of(name)
    assert (count(tagger.trainable_weights), count(tagger.non_trainable_weights)) == published


@pytest.mark.parametrize("name", BUILT)
def test_time_axis(name):
    backbone = discover.load(BACKBONES, name)
    model = body_of(name)
    for n_frames in (64, 100):
        patches = draw(n_frames, n_bands=backbone.FRONT_END.n_bands)
        if backbone.FREE_TIME:
            assert model(patches, training=False).shape == (3, backbone.EMBEDDING_SIZE)
        else:
            with pytest.raises(Exception, match=r"(?s)(shape|reshape)"):
                model(patches, training=False)


@pytest.mark.parametrize("name", BUILT)
@pytest.mark.parametrize(("fine_tune", "moves"), [("all", False), pytest.param("none", True, marks=pytest.mark.slow)])
def test_batch_statistics(name, fine_tune, moves):
    """Fine-tuning keeps the statistics and trains scale and offset; training from scratch learns the statistics."""
    backbone = discover.load(BACKBONES, name)
    scratch = functools.partial(build_network, backbone, 2, fine_tune=fine_tune, size=NARROW.get(name))
    model = tuned(name) if fine_tune == "all" else scratch()
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization) and layer.scale]
    before = [norm.moving_mean.numpy() for norm in norms]
    with tf.GradientTape() as tape:
        cost = tf.reduce_sum(model(draw_for(backbone, 2), training=True) ** 2)
    trained = {variable.path for variable in model.trainable_variables}
    assert all(g is not None for g in tape.gradient(cost, [v.value for v in model.trainable_variables]))
    for norm, mean in zip(norms, before, strict=True):
        assert bool(np.any(norm.moving_mean.numpy() != mean)) == moves
        expected = norm.name != backbone.INPUT_NORM
        assert (norm.gamma.path in trained, norm.beta.path in trained) == (expected, expected)


@pytest.mark.parametrize("name", BUILT)
def test_tasks_can_share_it(name):
    """Every network can be cut: what is before the cut is there once, the rest once per task."""
    backbone = discover.load(BACKBONES, name)
    single = build_network(backbone, 2, DenseLayers(8), fine_tune="none", size=NARROW.get(name))
    model = share(single, getattr(backbone, "SHARED_UNTIL", "embedding"), {"a": 2, "b": 3})
    outputs = model(draw_for(backbone))
    assert [output.shape for output in outputs] == [(3, 2), (3, 3)]
    names = [layer.name for layer in model.layers if layer.name not in {layer.name for layer in single.layers}]
    own = [layer.name.removeprefix("a_") for layer in model.layers if layer.name.startswith("a_")]
    assert sorted(names) == sorted([f"{task}_{layer}" for task in "ab" for layer in own])
    assert {"hidden", "logits"} <= set(own)
    assert [layer.name for layer in single.layers if layer.name not in own] == [
        layer.name for layer in model.layers if layer.name not in names
    ]
    trained = {variable.path for variable in model.trainable_variables}
    assert f"{backbone.INPUT_NORM}/gamma" not in trained  # as in a network with one target


@pytest.mark.parametrize("name", BUILT)
def test_the_last_layers_can_be_tuned_alone(name):
    """What is frozen is one part, what trains is the other, and both together are the network."""
    backbone = discover.load(BACKBONES, name)
    model = build_network(backbone, 2, fine_tune="top", size=NARROW.get(name))
    lower, upper = split_model(model, backbone.FROZEN_UNTIL)
    patches = draw_for(backbone, 2)
    np.testing.assert_allclose(upper(lower(patches, training=False)), model(patches, training=False), atol=1e-5)
    assert not lower.trainable_variables
    assert {v.path for v in model.trainable_variables} == {v.path for v in upper.trainable_variables}
    trained = {layer.name for layer in upper.layers if layer.trainable_variables}
    assert {"hidden", "logits"} < trained, "a layer of the backbone trains, too"
    before = {v.path: v.numpy() for v in model.variables if "moving_" in v.name}
    model(patches, training=True)
    assert all(np.array_equal(v.numpy(), before[v.path]) for v in model.variables if v.path in before)


@pytest.mark.parametrize("name", BUILT)
def test_depths_are_layers_from_the_bottom_up(name):
    backbone = discover.load(BACKBONES, name)
    names = [layer.name for layer in body_of(name).layers]
    places = [names.index(depth) for depth in backbone.DEPTHS]
    assert places == sorted(places)
    assert backbone.FROZEN_UNTIL in backbone.DEPTHS
    assert backbone.DEPTHS[-1] == "embedding"


@pytest.mark.parametrize("name", BUILT)
def test_other_tasks_can_read_its_layers_side_by_side(name):
    """One to five, each averaged, whatever their positions are."""
    own = list_own(name, discover.load(BACKBONES, name))
    assert [tap.number for tap in own] == list(range(1, len(own) + 1))
    assert 1 <= len(own) <= MOST_LAYERS
    model = tap_own(body_of(name), own, "layers")
    assert model.outputs[1].shape == (None, sum(measure_own(model, own)))


def test_input_norm_trains_when_asked():
    backbone = discover.load(BACKBONES, "vgg")
    model = build_network(backbone, 2, fine_tune="all", train_input_norm=True)
    assert f"{backbone.INPUT_NORM}/gamma" in {variable.path for variable in model.trainable_variables}


@pytest.mark.parametrize("name", BUILT)
def test_dropout_is_active_while_statistics_are_frozen(name):
    backbone = discover.load(BACKBONES, name)
    model, patches = tuned(name), draw_for(backbone, 1)
    assert not np.allclose(model(patches, training=True), model(patches, training=True))
    assert np.array_equal(model(patches, training=False), model(patches, training=False))


@pytest.mark.parametrize("name", WHOLE)
def test_whole_network_sizes(name):
    """Sizes of the networks with K outputs and no dense layer between follow from those with 50."""
    backbone = discover.load(BACKBONES, name)
    if not hasattr(backbone, "PARAMETERS_50"):
        pytest.skip("the backbone states no published count")
    d, hidden, n_classes = backbone.EMBEDDING_SIZE, 100, 2
    model = build_network(backbone, n_classes, DenseLayers(hidden), train_input_norm=True)
    expected = backbone.PARAMETERS_50[0] - 50 * (d + 1) + (d + 1) * hidden + (hidden + 1) * n_classes
    assert count(model.trainable_weights) == expected


def test_pooled_features_are_interleaved():
    """Maximum and mean of a channel stand next to each other, as the released weights need."""
    model = body_of("musicnn")
    names = ("max_over_time", "mean_over_time", "pooled")
    maximum, mean, pooled = keras.Model(model.input, [model.get_layer(n).output for n in names])(draw(187))
    assert np.array_equal(pooled[:, 0::2], maximum)
    assert np.array_equal(pooled[:, 1::2], mean)


def test_the_plain_zone_knows_which_networks_can_be_cut_and_widened():
    rows = frontends.NETWORKS
    modules = {name: load_backbone(name) for name in rows}
    assert {name for name, row in rows.items() if not row.family} == set(NAMES)
    assert {n: row.front_end for n, row in rows.items()} == {n: module.FRONT_END for n, module in modules.items()}
    assert {n: row.is_cut for n, row in rows.items()} == {n: hasattr(m, "SHARED_UNTIL") for n, m in modules.items()}
    with_weights = {n for n, module in modules.items() if module.CHECKPOINTS or hasattr(module, "GRAPH_LAYERS")}
    assert {n: row.depths for n, row in rows.items() if row.depths} == {n: modules[n].DEPTHS for n in with_weights}
    assert {n: row.is_widened for n, row in rows.items()} == {n: hasattr(m, "widen") for n, m in modules.items()}
    assert {n: row.is_narrowed for n, row in rows.items()} == {n: hasattr(m, "narrow") for n, m in modules.items()}

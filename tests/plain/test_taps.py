"""Which layers are features: sizes, places, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import frontends, taps
from essentia_ldl.errors import RecipeError, UnknownNameError

DIGITS = ("1", "135", "12345")
CHOICES = ("embedding", "deep", "all", *DIGITS)


@pytest.mark.parametrize(
    ("layers", "sizes"),
    [
        ("embedding", (200, 256)),
        ("deep", (634, 818)),  # 2 * 3 * 64 + 200 + 50, and 2 * 2 * 128 + 256 + 50
        ("all", (634 + 561, 818 + 3 * 128)),
        ("12345", (561 + 3 * 64 + 200, 5 * 128)),
        ("1", (561, 128)),
    ],
)
def test_sizes(layers, sizes):
    assert tuple(taps.count_columns(name, layers) for name in ("msd-musicnn", "msd-vgg")) == sizes


def test_all_four_networks_have_2904_deep_numbers():
    assert taps.count_features(tuple(taps.NETWORKS), "deep") == 2904


def test_names_are_those_of_networks_with_weights():
    for backbone, dataset in taps.NETWORKS.values():
        assert dataset in frontends.NETWORKS[backbone].pretrained
        assert frontends.NETWORKS[backbone].front_end == taps.FRONT_END


@pytest.mark.parametrize("network", taps.NETWORKS)
def test_what_is_stored_serves_every_choice(network):
    backbone = taps.get_network(network)[0]
    for layers in CHOICES:
        stored, columns = taps.find_stored(layers), taps.slice_layers(network, layers)
        labels = [tap for tap in taps.list_taps(backbone, stored) for _ in range(tap.size)]
        assert [labels[column] for column in columns] == [
            tap for tap in taps.list_taps(backbone, layers) for _ in range(tap.size)
        ]
    everything = [*taps.list_taps(backbone, "all")]
    assert everything[: len(taps.list_taps(backbone, "deep"))] == list(taps.list_taps(backbone, "deep"))


def test_the_order_of_deep_is_means_maxima_embedding_tags():
    for backbone in taps.TAPS:
        order = [tap.pooling or tap.layer for tap in taps.list_taps(backbone, "deep")]
        assert list(dict.fromkeys(order)) == ["mean", "max", "embedding", "tags"]


def test_columns_of_networks_side_by_side():
    columns = taps.slice_joint(("msd-vgg", "mtt-musicnn"), "embedding", "deep")
    assert np.array_equal(columns, [*range(512, 768), *range(818 + 384, 818 + 584)])
    assert len(taps.slice_joint((), "deep", "deep")) == 0


def test_all_is_not_in_deep():
    with pytest.raises(RecipeError, match="stored layers: expected all; got 'deep'"):
        taps.slice_joint(("msd-vgg",), "12345", "deep")


@pytest.mark.parametrize("layers", ["", "shallow", "6", "0", "31", "11", "1 2", "١"])
def test_what_names_no_layers(layers):
    with pytest.raises(RecipeError, match=r"network\.layers: expected embedding, deep or all, or some of the digits"):
        taps.check_layers(layers, "here")


def test_unknown_and_repeated_networks():
    with pytest.raises(UnknownNameError, match="Did you mean 'msd-musicnn'"):
        taps.check_backbones(["msd-musicn"], "here")
    with pytest.raises(RecipeError, match="each network once"):
        taps.check_backbones(["msd-vgg", "msd-vgg"], "here")
    with pytest.raises(UnknownNameError, match="layers as features"):
        taps.list_taps("resnet", "deep")


# --- an extractor beside them ---------------------------------------------------------------------------------------

PUBLISHED = taps.Published("net-1", 12, "0" * 64, "model/Placeholder", "model/dense/BiasAdd", "net-1.pb", "unknown")


@pytest.mark.parametrize("layers", CHOICES)
def test_an_extractor_adds_its_embedding_whatever_layers_the_others_add(layers):
    extractor = taps.place_extractor(PUBLISHED)
    assert taps.count_columns(extractor, layers) == 12
    assert np.array_equal(taps.slice_layers(extractor, layers), np.arange(12))
    names, stored = ("msd-vgg", extractor, "mtt-musicnn"), taps.find_stored(layers)
    assert taps.count_features(names, layers) == 12 + taps.count_features(("msd-vgg", "mtt-musicnn"), layers)
    columns = taps.slice_joint(names, layers, stored)
    start = taps.count_columns("msd-vgg", stored)
    apart = taps.slice_joint(("msd-vgg", "mtt-musicnn"), layers, stored)
    assert np.array_equal(columns[(columns >= start) & (columns < start + 12)], start + np.arange(12))
    rest = columns[(columns < start) | (columns >= start + 12)]
    assert np.array_equal(np.where(rest >= start, rest - 12, rest), apart)


def test_a_name_and_its_network_are_one():
    for name in taps.NETWORKS:
        network = taps.describe_network(name)
        assert network == taps.describe_network(network)
        for layers in CHOICES:
            assert np.array_equal(taps.slice_layers(network, layers), taps.slice_layers(name, layers))
    with pytest.raises(UnknownNameError, match="one of msd-musicnn"):
        taps.describe_network("net-1")
    placed = taps.place_extractors(("msd-vgg", "net-1"), [PUBLISHED])
    assert placed == ("msd-vgg", taps.place_extractor(PUBLISHED))
    with pytest.raises(RecipeError, match="each network once"):
        taps.check_backbones([*placed, placed[1]], "here")


@pytest.mark.parametrize("name", ["", "../net-1", "graphs/net-1", "net-1.pb", "net-1.json"])
def test_an_extractor_is_named_without_folder_and_suffix(name):
    with pytest.raises(RecipeError, match=r"choice\.networks: expected .*, or the name of an extractor in graphs"):
        taps.check_names(["msd-vgg", name], "choice.networks", "here")


def test_mfcc_are_refused_with_the_reason():
    with pytest.raises(RecipeError, match=r"got 'mfcc, which are of 15 s .*--baseline layers-mfcc-svm"):
        taps.check_names(["msd-musicnn", "mfcc"], "network.backbones", "here")


def test_an_extractor_has_a_plain_name_and_a_size():
    for changes in ({"name": "../net"}, {"size": 0}):
        with pytest.raises(RecipeError, match="extractor: expected a plain name, and a size"):
            dataclasses.replace(PUBLISHED, **changes)


# --- a network of one's own -----------------------------------------------------------------------------------------

OWN = dataclasses.replace(
    PUBLISHED, size=160, layers=[[f"pool_{n}", 32] for n in range(1, 5)] + [["embedding", 32]], backbone="choi"
)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("12345", range(160)),
        ("2", range(32, 64)),
        ("15", [*range(32), *range(128, 160)]),
        ("embedding", range(128, 160)),
    ],
)
def test_any_of_its_layers_is_taken(layers, expected):
    network = taps.place_extractor(OWN)
    assert np.array_equal(taps.slice_layers(network, layers), list(expected))
    assert taps.count_columns(network, layers) == len(list(expected))
    assert (network.front_end.name, network.hop_frames) == ("choi", network.front_end.patch_hop_frames)


def test_layers_that_it_has_not_are_told():
    three = dataclasses.replace(OWN, size=96, layers=OWN.layers[:3])
    with pytest.raises(RecipeError, match=r"network\.layers: expected some of 123; got '135'"):
        taps.slice_layers(taps.place_extractor(three), "135")


def test_networks_side_by_side_read_the_same_patches():
    with pytest.raises(RecipeError, match="networks that read the same patches; got 'msd-vgg reads those of musicnn, "):
        taps.check_backbones(["msd-vgg", taps.place_extractor(OWN)], "here")

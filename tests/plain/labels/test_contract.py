"""What every label source promises; a file added to essentia_ldl/labels is tested on the day it is added."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import discover, frontends, labels
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.records import Track

PACKAGE = "essentia_ldl.labels"
CLASSES = ("non_sad", "sad")
MODULES = discover.names(PACKAGE)
NAMES = sorted(labels.presets())
AUXILIARY = [name for name in NAMES if labels.is_auxiliary(name)]
# As many training tracks as the demo leaves: 48 tracks, a fifth of them held out.
N_TRAIN, N_TEST = 38, 6
# Sizes that so few tracks allow, and vectors of their sub-genres, for the presets that have these settings; every other
# preset is tested as it is.
VECTORS = str(Path(__file__).with_name("vectors.txt"))
SMALL = {"n_clusters": 8, "n_groups": 3, "vectors": VECTORS}
WITHOUT_ARTISTS = {"word_embedding"}  # auxiliary sources whose targets are not the artist's


def build(name, classes, read_features):
    settings = {key: value for key, value in SMALL.items() if key in labels.presets()[name][1]}
    return labels.build(name, classes, read_features, settings)


@pytest.fixture(scope="module")
def tracks():
    return [
        Track(
            f"t{i:02d}.wav",
            f"/music/t{i:02d}.wav",
            CLASSES[i % 2],
            artist=f"artist {i % 7}",
            columns={CLASSES[0]: f"{(i * 7 % 10) / 10}", CLASSES[1]: "0.5"}
            | dict.fromkeys(("subgenres", "genre"), f"Dub;Ska {i % 3}"),
        )
        for i in range(N_TRAIN + N_TEST)
    ]


@pytest.fixture(scope="module")
def read_features(tracks):
    generator = np.random.default_rng(7)
    frames, patches, descriptors = {}, {}, {}
    for i, track in enumerate(tracks):
        level = generator.normal(size=13) + 0.5 * (i % 2)
        frames[track.id] = (level + generator.normal(size=(1293, 13))).astype(np.float32)
        # Tracks of 3 to 6 patches, and more dimensions than LMNN's components.
        patches[track.id] = generator.normal(0.5 * (i % 2), 1, (3 + i % 4, 40)).astype(np.float32)
        descriptors[track.id] = generator.normal(size=(1, 20)).astype(np.float32)

    def read(track, front_end_name):
        if front_end_name in (labels.EMBEDDING, labels.DESCRIPTORS):
            return {labels.EMBEDDING: patches, labels.DESCRIPTORS: descriptors}[front_end_name][track.id]
        n_bands = frontends.get(front_end_name).n_bands
        return np.tile(frames[track.id], (1, 2))[:, :n_bands]

    return read


@pytest.fixture(scope="module")
def fitted(tracks, read_features):
    return {name: build(name, CLASSES, read_features).fit(tracks[:N_TRAIN]) for name in NAMES}


@pytest.mark.parametrize("module_name", MODULES)
def test_source_has_presets_and_build(module_name):
    module = discover.load(PACKAGE, module_name)
    assert module.PRESETS
    assert callable(module.build)
    assert all(isinstance(settings, dict) for settings in module.PRESETS.values())


def test_preset_belongs_to_one_source_only():
    every = [name for module in MODULES for name in discover.load(PACKAGE, module).PRESETS]
    assert sorted(every) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_source_is_a_label_source(fitted, name):
    source = fitted[name]
    assert isinstance(source, labels.LabelSource)
    assert set(source.front_ends) <= {*frontends.ALL, labels.EMBEDDING, labels.DESCRIPTORS}
    assert json.loads(json.dumps(source.report)) == source.report


def test_every_preset_says_what_it_is_in_a_line():
    assert sorted(labels.summaries()) == NAMES
    for text in labels.summaries().values():
        assert text.strip() == text != ""
        assert len(text) < 100
        assert "\n" not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_explained(name):
    module_name, settings = labels.presets()[name]
    assert set(settings) <= set(labels.explanations(module_name))


@pytest.mark.parametrize("name", NAMES)
def test_check_takes_what_fit_takes_and_reads_nothing(tracks, name):
    def refuse(track, front_end_name):
        raise AssertionError("read before fit")

    build(name, CLASSES, refuse).check(tracks[:N_TRAIN])


@pytest.mark.parametrize("name", NAMES)
def test_build_reads_nothing(name):
    def refuse(track, front_end_name):
        raise AssertionError("read before fit")

    labels.build(name, CLASSES, refuse)


@pytest.mark.parametrize("name", NAMES)
def test_fit_returns_the_source(tracks, read_features, name):
    source = build(name, CLASSES, read_features)
    assert source.fit(tracks[:N_TRAIN]) is source


@pytest.mark.parametrize("name", NAMES)
def test_rows_follow_tracks_and_columns_follow_classes(fitted, tracks, name):
    table = fitted[name](tracks[::-1])
    assert table.ids == tuple(track.id for track in tracks[::-1])
    assert table.classes == (fitted[name].classes if name in AUXILIARY else CLASSES)
    assert table.distributions.dtype == np.float32
    np.testing.assert_allclose(table.distributions.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_row_does_not_depend_on_the_other_tracks_asked(fitted, tracks, name):
    together = fitted[name](tracks)
    for track in (tracks[0], tracks[-1]):
        np.testing.assert_array_equal(fitted[name]([track]).distributions, together.rows([track.id]))


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_same_rows_in_any_order_of_training(fitted, tracks, read_features, name):
    again = build(name, CLASSES, read_features).fit(tracks[:N_TRAIN][::-1])
    np.testing.assert_array_equal(again(tracks).distributions, fitted[name](tracks).distributions)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(AUXILIARY)))
def test_relabelled_columns_move_and_nothing_else(fitted, tracks, read_features, name):
    swapped = labels.build(name, CLASSES[::-1], read_features).fit(tracks[:N_TRAIN])(tracks)
    # Sums run in another order, so a neighbour at the edge may change; mixed columns would differ by 0.2 and more.
    assert np.abs(swapped.distributions[:, ::-1] - fitted[name](tracks).distributions).mean() < 0.02


@pytest.mark.parametrize("name", AUXILIARY)
def test_auxiliary_source_does_not_look_at_classes_or_labels(fitted, tracks, read_features, name):
    others = [dataclasses.replace(track, label="x", columns=dict(track.columns)) for track in tracks]
    again = build(name, ("x", "y", "z"), read_features).fit(others[:N_TRAIN])
    np.testing.assert_array_equal(again(others).distributions, fitted[name](tracks).distributions)


@pytest.mark.parametrize("name", AUXILIARY)
def test_columns_of_an_auxiliary_source_are_its_own_and_known_when_it_is_built(fitted, read_features, name):
    columns = build(name, CLASSES, read_features).classes
    assert columns == fitted[name].classes
    assert len(set(columns)) == len(columns) >= 2
    assert not set(columns) & set(CLASSES)


@pytest.mark.parametrize("name", AUXILIARY)
def test_auxiliary_source_says_for_which_tracks_it_has_a_target(fitted, tracks, name):
    assert all(map(fitted[name].covers, tracks))
    stranger = dataclasses.replace(tracks[0], artist="someone else", columns={})
    assert not fitted[name].covers(stranger)
    if name not in WITHOUT_ARTISTS:
        with pytest.raises(DataError, match="someone else"):
            fitted[name]([stranger])
    nobody = dataclasses.replace(tracks[0], artist=None, columns={})
    assert not fitted[name].covers(nobody)
    row = fitted[name]([nobody]).distributions[0]
    np.testing.assert_allclose(row, np.full(len(row), 1 / len(row)), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_setting_is_an_error(read_features, name):
    with pytest.raises(RecipeError, match=rf"got 'n_neighbours' \(labels\.{name}\.n_neighbours\)"):
        labels.build(name, CLASSES, read_features, {"n_neighbours": 3})


@pytest.mark.parametrize("name", NAMES)
def test_wrong_type_of_a_setting_is_an_error(read_features, name):
    for key in labels.presets()[name][1]:
        with pytest.raises(RecipeError, match=rf"labels\.{name}\.{key}"):
            labels.build(name, CLASSES, read_features, {key: ["3"]})


@pytest.mark.parametrize("name", NAMES)
def test_changed_preset_does_not_reach_the_next_one(name):
    labels.presets()[name][1]["extra"] = 1
    assert "extra" not in labels.presets()[name][1]

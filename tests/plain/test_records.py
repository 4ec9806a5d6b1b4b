"""Records: one that exists is valid, and stays as it was made."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import errors, frontends
from essentia_ldl.errors import CardError, DataError, EssentiaLdlError, UnknownNameError, explain
from essentia_ldl.models.card import GraphCard
from essentia_ldl.records import Failure, FrontEnd, LabelTable, Prediction, Split, Track


def make_card(**changes):
    fields = {
        "name": "mood sad",
        "type": "music classification",
        "classes": ["non_sad", "sad"],
        "schema": {
            "inputs": [{"name": "model/Placeholder", "shape": [187, 96]}],
            "outputs": [
                {"name": "model/Sigmoid", "output_purpose": "predictions", "shape": [1, 2]},
                {"name": "model/dense/BiasAdd", "output_purpose": "embeddings", "shape": [1, 200]},
            ],
        },
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
    }
    return {**fields, **changes}


# --- errors ---------------------------------------------------------------------------------------------------------


def test_an_error_message_has_one_form():
    assert (
        explain("label", "a class", "x", "row 3", "Correct it.")
        == "label: expected a class; got 'x' (row 3). Correct it."
    )


@pytest.mark.parametrize(
    ("leaf", "builtin"),
    [
        ("AudioError", OSError),
        ("DataError", ValueError),
        ("RecipeError", ValueError),
        ("CardError", ValueError),
        ("GraphError", RuntimeError),
        ("StoreError", OSError),
        ("UnknownNameError", LookupError),
        ("WeightsError", OSError),
        ("TrainingError", RuntimeError),
        ("ImportOrderError", ImportError),
    ],
)
def test_every_leaf_is_also_the_builtin_that_a_caller_would_catch(leaf, builtin):
    cls = getattr(errors, leaf)
    assert issubclass(cls, EssentiaLdlError)
    assert issubclass(cls, builtin)
    assert str(cls("one sentence.")) == "one sentence."


# --- Track and Split ------------------------------------------------------------------------------------------------


def test_a_track_is_frozen_down_to_its_columns():
    columns = {"year": "1999"}
    track = Track("a", "/a", "sad", columns=columns)
    columns["year"] = "2000"
    assert track.columns["year"] == "1999"
    with pytest.raises(TypeError):
        track.columns["year"] = "2001"
    with pytest.raises(dataclasses.FrozenInstanceError):
        track.label = "happy"


def test_a_track_needs_a_label_and_a_known_split():
    with pytest.raises(DataError, match=r"^label: expected a class name; got '' \(a\.wav\)"):
        Track("a.wav", "/a.wav", "")
    with pytest.raises(DataError, match=r"expected train, valid or test; got 'dev' \(a\.wav\)"):
        Track("a.wav", "/a.wav", "sad", split="dev")
    assert Track("a.wav", "/a.wav", "sad", split="valid").split == "valid"


def test_tags_and_numbers_stand_for_a_label():
    track = Track("a.wav", "/a.wav", "", tags=("rock", "guitar", "rock"))
    assert (track.tags, track.numbers, track.label) == (("guitar", "rock"), None, "")
    assert Track("a.wav", "/a.wav", "", tags=()).tags == ()
    numbers = {"valence": 3, "arousal": -0.5}
    track = Track("a.wav", "/a.wav", "", numbers=numbers)
    numbers["valence"] = 9
    assert dict(track.numbers) == {"valence": 3.0, "arousal": -0.5}
    with pytest.raises(TypeError):
        track.numbers["valence"] = 1.0
    with pytest.raises(DataError, match=r"^tags: expected names, none of them empty; got .* \(a\.wav\)"):
        Track("a.wav", "/a.wav", "", tags=("rock", ""))
    with pytest.raises(DataError, match=r"^tags: expected names"):
        Track("a.wav", "/a.wav", "", tags="rock")
    with pytest.raises(DataError, match=r"^valence: expected a finite number; got nan \(a\.wav\)"):
        Track("a.wav", "/a.wav", "", numbers={"valence": float("nan")})


def test_a_split_knows_the_side_of_every_track():
    split = Split(("a", "b"), ("c",), ("d",), {"a": "x", "b": "x", "c": "y"})
    assert [split.role(i) for i in "abcd"] == ["train", "train", "valid", "test"]
    with pytest.raises(DataError, match="expected an id of this split; got 'e'"):
        split.role("e")


@pytest.mark.parametrize(
    ("sides", "artists", "message"),
    [
        (((), ("a",)), {}, "at least one training track"),
        ((("a", "a"),), {}, "each track once"),
        ((("a",), ("a",)), {}, r"track in a split: expected one side only; got 'a' \(in train and in valid\)"),
        ((("a",), (), ("a",)), {}, r"in train and in test"),
        ((("a",), ("b",)), {"a": "x", "b": "x"}, r"artist in a split: expected one side only; got 'x'"),
        ((("a",), ("b",), ("c",)), {"b": "x", "c": "x"}, r"got 'x' \(in valid and in test\)"),
    ],
)
def test_a_split_that_leaks_cannot_exist(sides, artists, message):
    with pytest.raises(DataError, match=message):
        Split(*sides, artists=artists)


def test_an_artist_and_a_track_of_the_same_name_are_two_things():
    assert Split(("x",), ("b",), artists={"b": "x"}).role("b") == "valid"


# --- FrontEnd -------------------------------------------------------------------------------------------------------


def test_the_front_ends_have_the_numbers_of_essentias_algorithms():
    musicnn = frontends.get("musicnn")
    assert (musicnn.sample_rate_hz, musicnn.frame_samples, musicnn.hop_samples) == (16000, 512, 256)
    assert (musicnn.n_bands, musicnn.patch_frames, musicnn.patch_hop_frames) == (96, 187, 93)
    assert musicnn.patch_samples / musicnn.sample_rate_hz == pytest.approx(2.976)
    assert musicnn.resample_quality == 4
    mfcc = frontends.get("mfcc")
    assert (mfcc.sample_rate_hz, mfcc.frame_samples, mfcc.fft_samples, mfcc.hop_samples) == (44100, 1024, 2048, 512)
    assert (mfcc.n_bands, mfcc.segment_offset_s, mfcc.segment_duration_s) == (13, 5.0, 15.0)


@pytest.mark.parametrize("name", sorted(frontends.ALL))
def test_the_key_of_a_front_end_holds_every_number(name):
    front_end = frontends.ALL[name]
    assert front_end.name == name
    keys = {front_end.key}
    for field in dataclasses.fields(FrontEnd):
        value = getattr(front_end, field.name)
        if isinstance(value, int | float):
            keys.add(dataclasses.replace(front_end, **{field.name: value + 1}).key)
    n_numbers = sum(isinstance(getattr(front_end, f.name), int | float) for f in dataclasses.fields(FrontEnd))
    assert len(keys) == 1 + n_numbers
    assert all(key.startswith(f"{name}-") for key in keys)


def test_a_compression_is_in_the_key_and_stores_from_before_keep_theirs():
    dcnn, resnet = frontends.get("dcnn"), frontends.get("resnet")
    assert (dcnn.compression, resnet.compression) == ("decibel", "")
    assert dataclasses.replace(dcnn, compression="").key != dcnn.key
    keys = [frontends.get(name).numbers_key for name in ("musicnn", "mfcc", "vggish", "resnet", "openl3")]
    assert keys == ["musicnn-413c8ccc", "mfcc-89f1dec9", "vggish-5c687294", "resnet-618689de", "openl3-852d8e7c"]
    with pytest.raises(DataError, match=r"compression: expected .*'decibel' or 'log-10'; got 'cube root'"):
        dataclasses.replace(dcnn, compression="cube root")


def test_a_front_end_refuses_what_is_no_analysis():
    with pytest.raises(DataError, match="front-end kind: expected mel or waveform"):
        dataclasses.replace(frontends.MUSICNN, kind="chroma")
    for field in ("sample_rate_hz", "hop_samples", "n_bands", "patch_frames", "patch_hop_frames", "frame_samples"):
        with pytest.raises(DataError, match=f"^{field}: expected a positive integer; got 0"):
            dataclasses.replace(frontends.MUSICNN, **{field: 0})
    with pytest.raises(UnknownNameError, match="Did you mean 'musicnn'"):
        frontends.get("musicn")


# --- LabelTable -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "row", "wrong", "rule"),
    [
        ("single_label", [0.25, 0.75], [1, 1], "probabilities that sum to 1"),
        ("multi_label", [1, 1], [1.5, 0], "values from 0 to 1"),
        ("multi_label", [0, 0], [-0.1, 0], "values from 0 to 1"),
        ("regression", [-4, 9], [np.nan, 0], "finite numbers"),
    ],
)
def test_rows_of_a_label_table_are_as_their_kind_says(kind, row, wrong, rule):
    table = LabelTable(("a", "b"), ("x", "y"), np.array([row, row]), kind)
    assert table.rows(["b"]).tolist() == [row]
    with pytest.raises(DataError, match=rf"^label row: expected {rule}; got .* \(b\)"):
        LabelTable(("a", "b"), ("x", "y"), np.array([row, wrong]), kind)


def test_the_kind_of_a_label_table_is_known():
    with pytest.raises(DataError, match="expected single_label or multi_label or regression; got 'many'"):
        LabelTable((), ("x",), np.zeros((0, 1)), "many")


def test_a_label_table_gives_rows_in_the_order_asked_and_cannot_be_changed():
    table = LabelTable(("a", "b", "c"), ("x", "y"), np.array([[1, 0], [0, 1], [0.25, 0.75]]))
    assert table.distributions.dtype == np.float32
    np.testing.assert_array_equal(table.rows(["c", "a"]), [[0.25, 0.75], [1, 0]])
    with pytest.raises(ValueError, match="read-only"):
        table.distributions[0, 0] = 0.5
    with pytest.raises(DataError, match="expected an id of the label table; got 'd'"):
        table.rows(["a", "d"])


@pytest.mark.parametrize(
    ("ids", "rows", "message"),
    [
        (("a",), [[1.0, 0.0, 0.0]], r"shape \(1, 2\)"),
        (("a", "b"), [[1.0, 0.0]], r"shape \(2, 2\)"),
        (("a", "a"), [[1, 0], [0, 1]], "ids that differ"),
        (("a", "b"), [[1, 0], [0.5, 0.4]], r"sum to 1; got .* \(b\)"),
        (("a", "b"), [[1, 0], [1.5, -0.5]], r"sum to 1; got \[1\.5, -0\.5\] \(b\)"),
        (("a", "b"), [[1, 0], [np.nan, 1]], r"sum to 1; got \[nan, 1\.0\] \(b\)"),
        (("a", "b"), [[1, 0], [np.inf, 0]], r"\(b\)"),
    ],
)
def test_a_label_table_refuses_what_is_no_distribution(ids, rows, message):
    with pytest.raises(DataError, match=message):
        LabelTable(ids, ("x", "y"), np.array(rows, dtype=np.float64))


# --- GraphCard ------------------------------------------------------------------------------------------------------


def test_a_card_tells_what_predict_needs():
    card = GraphCard(make_card(essentia_ldl={"run": "r"}))
    assert card.classes == ("non_sad", "sad")
    assert card.input_name == "model/Placeholder"
    assert card.output("predictions") == "model/Sigmoid"
    assert card.output("embeddings") == "model/dense/BiasAdd"
    assert card.output("logits") is None
    assert (card.name, card.algorithm, card.sample_rate_hz) == ("mood sad", "TensorflowPredictMusiCNN", 16000)
    assert card.embedding_model is None
    assert card.extra == {"run": "r"}
    assert GraphCard(make_card()).extra == {}


@pytest.mark.parametrize("key", ["name", "type", "schema", "inference"])
def test_a_card_without_a_key_is_refused(key):
    fields = make_card()
    del fields[key]
    with pytest.raises(CardError, match=f"expected the key '{key}'"):
        GraphCard(fields)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": {"inputs": [], "outputs": [{"name": "x"}]}}, r"schema\.inputs"),
        ({"schema": {"inputs": [{"name": "x"}], "outputs": [{"shape": [2]}]}}, r"schema\.outputs"),
        ({"schema": []}, r"schema\.inputs"),
        ({"inference": {"sample_rate": 16000}}, "expected sample_rate and algorithm"),
        ({"inference": "TensorflowPredict"}, "expected sample_rate and algorithm"),
        ({"classes": ["a", "b", "c"]}, "expected 2 names, as model/Sigmoid has"),
    ],
)
def test_a_card_of_another_shape_is_refused(changes, message):
    with pytest.raises(CardError, match=message):
        GraphCard(make_card(**changes))


def test_a_card_is_an_object():
    with pytest.raises(CardError, match="expected a json object; got 'list'"):
        GraphCard([])


# --- Prediction and Failure -----------------------------------------------------------------------------------------


def test_a_prediction_refuses_columns_that_are_not_the_classes_and_nan():
    good = Prediction("a", "m", ("x", "y"), np.array([0.5, 0.5]), np.full((3, 2), 0.5), 9.0)
    assert good.notes == ()
    with pytest.raises(DataError, match="expected 2 columns"):
        Prediction("a", "m", ("x", "y"), np.ones(3), np.ones((3, 3)), 9.0)
    with pytest.raises(DataError, match="expected finite numbers"):
        Prediction("a", "m", ("x", "y"), np.ones(2), np.full((3, 2), np.nan), 9.0)


def test_a_failure_is_a_row():
    assert dataclasses.astuple(Failure("/a.mp3", "features", "why")) == ("/a.mp3", "features", "why")

"""The labels command: every source, told in lines, tables, a picture and json; what cannot be is told early."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from essentia_ldl import labels
from essentia_ldl.cli.main import main
from essentia_ldl.cli.text.labels import describe_picture, describe_source
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Track
from essentia_ldl.runs.targets import read_table
from essentia_ldl.train import prepare, targets
from essentia_ldl.train import show_labels as show_labels_module
from essentia_ldl.train.show_labels import Asked, show_labels

here = Home.from_environment  # the fixtures set the variable

CLASSES = ("non_sad", "sad")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))


@pytest.fixture
def fitted(monkeypatch):
    """Sixty tracks whose features come from a seed instead of from files."""
    generator = np.random.default_rng(4)
    shares = [f"{share:.2f}" for share in generator.uniform(0, 1, 60)]
    tracks = [
        Track(f"t{i:02d}", f"/t{i:02d}", CLASSES[i % 2], columns={"sad": share, "non_sad": "0.5"})
        for i, share in enumerate(shares)
    ]
    frames = {t.id: (generator.normal(i % 2, 1, 13) + generator.normal(size=(1290, 13))) for i, t in enumerate(tracks)}

    def read(track, front_end):
        return frames[track.id] if front_end == "mfcc" else frames[track.id][:4].reshape(1, 52)

    def fit(recipe, name, collection, split):
        settings = recipe.label_settings.get(name)
        source = labels.build(name, recipe.classes, read, settings).fit(collection.tracks)
        return source(collection.tracks), source.report

    collection = Collection(tuple(tracks), {}, {}, (), here())
    monkeypatch.setattr(show_labels_module, "prepare", lambda *_: collection)
    monkeypatch.setattr(show_labels_module, "fit_labels", fit)
    return tracks


def show(task, asked, folder):
    """Return the lines of the command."""
    lines: list[str] = []
    asked = Asked(tuple(asked), folder)
    done = show_labels(
        *(read_recipe(task), Source(), asked, here(), [].append), lambda one: lines.extend(describe_source(one))
    )
    return [*lines, *describe_picture(done)]


def test_a_source_that_fails_takes_nothing_from_the_ones_before(fitted, tmp_path, monkeypatch):
    fit = show_labels_module.fit_labels

    def refuse(recipe, name, *rest):
        if name == "sb":
            raise DataError("sb cannot be fitted.")
        return fit(recipe, name, *rest)

    monkeypatch.setattr(show_labels_module, "fit_labels", refuse)
    result = CliRunner().invoke(main, ["labels", "mood-sad", "-o", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == "error: sb cannot be fitted.\n"
    assert result.stdout.splitlines()[0] == f"sa: {tmp_path / 'sa.csv'}"
    assert "sa: mass on the own class, mean " in result.stdout
    assert "\n  sad      mean " in result.stdout
    assert (tmp_path / "sa.csv").is_file()


@pytest.mark.slow
def test_every_source_is_told_in_lines_tables_a_picture_and_json(fitted, tmp_path):
    every = sorted(name for name in labels.presets() if not labels.is_auxiliary(name))
    lines = show("mood-sad", [*every, "none"], tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == sorted(f"{name}.csv" for name in every)
    assert (tmp_path / "histogram.png").stat().st_size > 5000
    reports = json.loads((tmp_path / "labels.json").read_text())
    assert sorted(reports) == every
    for name in every:
        table = read_table(tmp_path / f"{name}.csv")
        own = labels.score_own_mass(table, {track.id: track.label for track in fitted})
        start = lines.index(f"{name}: {tmp_path / f'{name}.csv'}")
        assert lines[start + 1].startswith(f"{name}: mass on the own class, mean {own.mean():.2f}, 60 tracks")
        assert lines[start + 2].startswith(f"  non_sad  mean {own[::2].mean():.2f}, min {own[::2].min():.2f}, ")
        assert lines[start + 3].startswith(f"  sad      mean {own[1::2].mean():.2f}, min {own[1::2].min():.2f}, ")
    with open(tmp_path / "none.csv") as file:
        assert next(csv.reader(file)) == ["id", *CLASSES]


def test_what_the_filter_left_out_is_told_a_class(fitted, tmp_path):
    recipe = tmp_path / "x.toml"
    recipe.write_text(
        'task = "x"\nclasses = ["non_sad", "sad"]\n'
        '[labels.emb-lmnn]\nlmnn_filter = "wilson"\nn_components = 8\nmax_iter = 60\n'
        '[labels.emb]\nlmnn = true\nlmnn_filter = "wilson"\nn_components = 50\nmax_iter = 60\n'
    )
    lines = show(str(recipe), ["emb-lmnn", "emb"], tmp_path)
    reports = json.loads((tmp_path / "labels.json").read_text())
    for report in reports.values():
        counts = ", ".join(f"{n} {name}" for name, n in report["n_filtered"].items())
        assert f"LMNN did not learn from {counts}: most neighbours contradict" in lines
    assert sum(reports["emb-lmnn"]["n_put_back"].values()) == 0
    assert sum(reports["emb"]["n_put_back"].values()) > 0  # 50 components of 60 tracks need 51
    assert sum(line.startswith("it learned from ") for line in lines) == 1


@pytest.fixture
def artists(monkeypatch):
    """Sixty tracks of twelve artists and two without, two styles; one artist names no sub-genre."""
    generator = np.random.default_rng(5)
    tracks = [
        Track(
            f"t{i:02d}",
            f"/t{i:02d}",
            CLASSES[i % 2],
            artist=f"artist {i % 12:02d}" if i < 60 else None,
            columns={"subgenres": "" if i % 12 == 5 else ("Dub;Ska", "Polka;Waltz")[i % 2]},
        )
        for i in range(62)
    ]
    frames = {t.id: (20 * (i % 2) + generator.normal(size=(100, 25))) for i, t in enumerate(tracks)}

    def read(track, front_end):
        return frames[track.id][:1] if front_end == labels.DESCRIPTORS else frames[track.id]

    monkeypatch.setattr(targets, "TrackFeatures", lambda *_: read)
    monkeypatch.setattr(show_labels_module, "prepare", lambda *_: Collection(tuple(tracks), {}, {}, (), here()))
    return tracks


SMALL = "".join(f"[labels.agf-{letter}]\nn_groups = 4\nn_clusters = 6\n" for letter in "mde")
AGF = f'task = "x"\nclasses = ["non_sad", "sad"]\n{SMALL}[labels.agf-s]\nn_groups = 4\n'


@pytest.mark.parametrize("asked", [["agf"], ["none+agf-m", "agf-d+agf-e", "agf-s", "agf-s"]])
def test_groups_of_artists_are_told_by_artists_and_words(artists, tmp_path, asked):
    recipe = tmp_path / "x.toml"
    recipe.write_text(AGF)
    lines = show(str(recipe), asked, tmp_path)
    names = ["agf-d", "agf-e", "agf-m", "agf-s", "none"]
    assert sorted(path.stem for path in tmp_path.glob("*.csv")) == names
    assert (tmp_path / "histogram.png").exists()
    reports = json.loads((tmp_path / "labels.json").read_text())
    assert sorted(reports) == names
    assert [line.split(":")[0] for line in lines if "/" in line and ".csv" in line] == [
        "none",
        *(f"agf-{c}" for c in "mdes"),
    ]
    for name in names[:4]:
        table = read_table(tmp_path / f"{name}.csv")
        assert table.classes == tuple(f"{name[-1]}{k}" for k in range(1, 5))
        left_out = {"t60", "t61", *(("t05", "t17", "t29", "t41", "t53") if name == "agf-s" else ())}
        assert set(table.ids) == {t.id for t in artists} - left_out
        start = lines.index(f"{name}: {tmp_path / f'{name}.csv'}")
        told = "\n".join(lines[start : start + 9])
        assert f"{len(table.ids)} tracks of {11 if name == 'agf-s' else 12} artists (0 of one track)" in told
        assert "no target: 2 tracks without artist" in told
        assert "group  tracks  artists" in told
    shown = [line for text in lines if str(tmp_path) not in text for line in text.splitlines()]
    assert max(map(len, shown)) <= 100
    start = lines.index(f"agf-s: {tmp_path / 'agf-s.csv'}")
    assert lines[start + 4] == "no target: 1 artist without words: artist 05"
    rows = [line for line in lines[start:] if line.startswith("s") and "%" in line]
    assert all(("Dub" in row) != ("Polka" in row) for row in rows[:2])


def test_there_is_no_histogram_of_groups_alone(artists, tmp_path):
    recipe = tmp_path / "x.toml"
    recipe.write_text(AGF)
    lines = show(str(recipe), ["agf-s"], tmp_path)
    assert not (tmp_path / "histogram.png").exists()
    assert not any("own class" in line for line in lines)


@pytest.fixture
def table(tmp_path):
    rows = [f"{i}.wav\t{CLASSES[i % 2]}\t{i / 100}" for i in range(40)]
    for i in range(40):
        (tmp_path / f"{i}.wav").touch()
    (tmp_path / "index.tsv").write_text("\n".join(["path\tlabel\tsadness", *rows]))
    return str(tmp_path / "index.tsv")


@pytest.mark.parametrize(
    ("settings", "source", "message"),
    [
        ("", "shares", "share column: expected a column 'non_sad'"),
        ('[labels.shares]\ncolumn = "sadnes"\n', "shares", "Did you mean 'sadness'?"),
        ("[labels.sa]\nn_neighbors = 40\n", "sa", "at most 39, as the 40 training tracks give"),
        ("[labels.sb]\nn_components = 40\n", "sb", "at most 39, as the 40 training tracks give"),
        ('[network]\nfine_tune = "none"\n', "emb", "Use fine_tune head or all, or other labels."),
        ('[network]\nfine_tune = "none"\n[labels.sb]\nfeatures = "embedding"\n', "sb", "Use fine_tune head or all"),
    ],
)
@pytest.mark.parametrize("command", ["labels", "train", "crossval"])
def test_what_cannot_be_is_told_before_the_features_are_computed(
    table, tmp_path, monkeypatch, settings, source, message, command
):
    def refuse(*_, **__):
        raise AssertionError("the long work began")

    monkeypatch.setattr(prepare, "extract", refuse)
    recipe = tmp_path / "x.toml"
    recipe.write_text(f'task = "x"\nclasses = ["non_sad", "sad"]\n{settings}')
    if command != "labels":
        message = message.split(" as the 40")[0].replace("at most 39,", "at most ")  # fewer tracks train
    result = CliRunner().invoke(main, [command, str(recipe), "--data", table, "--labels", source])
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert message in result.stderr


@pytest.mark.parametrize(
    ("settings", "source", "message"),
    [
        ("", "agf", "got 'none in 40 training tracks' (labels.agf-m). Add a column artist to the table"),
        ("artist", "agf-m", "at most 5, as the 5 artists of the training tracks give; got 40 (labels.agf-m.n_groups)"),
        ("artist", "none+agf-s", "a column 'subgenres' in the table of the collection; got ['sadness']"),
        ("artist", "agf-e", "Lower labels.agf-e.n_groups"),
        ("artist", "agf-x", "Did you mean 'agf-s'?"),
    ],
)
def test_artists_that_cannot_be_grouped_are_told_before_the_features_are_computed(
    table, tmp_path, monkeypatch, settings, source, message
):
    def refuse(*_, **__):
        raise AssertionError("the long work began")

    monkeypatch.setattr(prepare, "extract", refuse)
    if settings:
        path = tmp_path / "index.tsv"
        head, *rows = path.read_text().split("\n")
        rows = [f"{row}\tartist {i % 5}" for i, row in enumerate(rows)]
        path.write_text("\n".join([f"{head}\t{settings}", *rows]))
    recipe = tmp_path / "x.toml"
    recipe.write_text('task = "x"\nclasses = ["non_sad", "sad"]\n')
    result = CliRunner().invoke(main, ["labels", str(recipe), "--data", table, "--labels", source])
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert message in result.stderr


def test_help_lists_every_source():
    for command in ("labels", "train", "crossval"):
        result = CliRunner().invoke(main, [command, "--help"])
        assert ", ".join(labels.presets()) in " ".join(result.stdout.split()).replace("- ", "-")  # broken at hyphens


def test_tags_have_no_mass_to_show(tmp_path):
    recipe = Recipe("x", ("rock",), kind="multi_label")
    with pytest.raises(
        RecipeError, match="kind: expected single_label, whose tracks have one class; got 'multi_label'"
    ):
        show_labels(recipe, Source(tmp_path), Asked(), here())

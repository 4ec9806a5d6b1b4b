"""The command line of `new`, and what its recipes and tables are refused for before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.recipe.toml import read_recipe


def test_new_writes_a_recipe_that_reads_and_says_what_comes_next(tmp_path, run, check_error, make_folder):
    make_folder(tmp_path / "my music", "low", "high")
    result = run("new", "energy", "--data", "my music")
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "home" / "recipes" / "energy.toml"
    assert result.stdout.splitlines()[0] == f"{path}: 2 classes (high, low)"
    assert "make train TASK=energy" in result.stdout
    assert read_recipe("energy", tmp_path / "home" / "recipes").classes == ("high", "low")
    before = path.read_bytes()
    check_error(run("new", "energy", "--data", "my music"), "task: expected a new name; got 'energy'")
    check_error(run("new", "mood-sad", "--data", "my music"), "expected a new name")
    assert path.read_bytes() == before


TABLES = {  # of six tracks, by what is written for each
    "tags": ("tags", lambda n: "rock" if n % 2 else "jazz"),
    "absent": ("tags", lambda n: "rock" if n % 2 else ""),
    "everywhere": ("tags", lambda n: "jazz;rock" if n % 2 else "jazz"),
    "numbers": ("song_id,valence", lambda n: f"{n},{n * n % 5}"),
    "nan": ("valence", lambda n: "nan" if n == 3 else n),
    "far": ("valence", lambda n: "1e39" if n == 3 else n),
    "near": ("valence", lambda n: f"{n}e-50"),
    "labels": ("label", lambda n: "rock" if n % 2 else "jazz"),
}


def write_tables() -> None:
    for name, (columns, cell) in TABLES.items():
        rows = [f"{n}.wav,a{n},{cell(n)}" for n in range(6)]
        Path(f"{name}.csv").write_text("\n".join([f"path,artist,{columns}", *rows]) + "\n")
    for n in range(6):
        Path(f"{n}.wav").touch()


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_tags_and_numbers_that_cannot_be_learned_are_one_sentence_before_the_work(command, run, check_error):
    write_tables()
    for kind, name in (("multi_label", "tags"), ("regression", "numbers"), ("single_label", "labels")):
        assert run("new", name, "--data", f"{name}.csv", "--kind", kind).exit_code == 0
    for task, table, *parts in (
        (
            "tags",
            "absent",
            "tag 'jazz': expected at least one track that has it; got 0 (absent.csv)",
            "Add tracks of it",
        ),
        ("tags", "everywhere", "tag 'jazz': expected at least one track without it; got 'all have it'"),
        ("numbers", "nan", "valence: expected a finite number; got 'nan' (nan.csv, row 5). Fill the cell"),
        ("numbers", "far", "'valence': expected numbers that 32 bits tell apart and hold; got '0 to 1e+39'"),
        (
            "numbers",
            "near",
            "'valence': expected numbers that 32 bits tell apart and hold; got '0 to 5e-50'",
        ),
        ("labels", "tags", "expected a column 'label'", "For its tags set kind to multi_label."),
        ("labels", "numbers", "expected a column 'label'", "For numbers such as 'valence' set kind to regression."),
        ("tags", "labels", "tags: expected a column 'tags' with lists", "A column 'label' alone is of single_label"),
        ("tags", "numbers", "tags: expected a column 'tags' with lists, or columns of 1 and 0; got ['song_id', 'val"),
        ("numbers", "labels", "dimension 'valence': expected a column of its name; got ['label']", "is single_label."),
        ("numbers", "tags", "dimension 'valence': expected a column of its name; got ['tags']", "is multi_label."),
    ):
        check_error(run(command, task, "--data", f"{table}.csv"), *parts)
        assert not Path("home", "runs").exists()


def test_new_says_which_columns_it_took_for_dimensions(run):
    write_tables()
    result = run("new", "mood", "--data", "numbers.csv", "--kind", "regression")
    assert result.exit_code == 0
    told = "dimensions are valence; the column song_id is no dimension and left out (option columns=A,B)"
    assert told in result.stdout.splitlines()
    assert read_recipe("mood", Path("home", "recipes")).classes == ("valence",)

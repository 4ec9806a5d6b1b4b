"""Damaged cards, recipes, tables, runs and stores: one sentence each, and the good ones beside them work on."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from inside import run_inside
from mutations import BOMBS, LONG, Mutant, damage_bytes, damaged_json, damaged_lines, draw_examples
from watching import Sandbox, digest_tree

from essentia_ldl.search.catalogue import IndexedTrack, gather
from essentia_ldl.search.library import Library, Maker, write_library

SHOWN = 100  # characters of a value in a message, and what stands around it
TABLE_ROWS = [f"audio/{n:02}.wav,{('calm', 'tense')[n % 2]},artist {n // 2},{n / 10}" for n in range(12)]
TABLE = "\n".join(["path,label,artist,share", *TABLE_ROWS]) + "\n"


def draw_damage(data: bytes, strategy: st.SearchStrategy, n_files: int, number: int) -> Iterator[Mutant]:
    """Yield damaged forms of a file: bombs, damaged bytes, and, as most of them, what is well formed and wrong."""
    draw = random.Random(number)
    bombs = draw.sample(sorted(BOMBS), min(len(BOMBS), n_files // 5))
    yield from (Mutant(name, "free", BOMBS[name]) for name in bombs)
    n_bytes = n_files // 5
    yield from (damage_bytes(data, draw) for _ in range(n_bytes))
    for how, value in draw_examples(strategy, n_files - len(bombs) - n_bytes, number):
        text = value if isinstance(value, str) else json.dumps(value)
        yield Mutant(how, "free", text.encode("utf-8", "surrogatepass"))


def try_all(mutants: Iterator[Mutant], path: Path, run: Callable[[], Any], counts, is_spare=False) -> None:
    """Put every damaged form in the place of a file and run a command on it; the file is whole again at the end.

    `is_spare` says that the command may take the file away, as it can be computed again.
    """
    before = path.read_bytes()
    for mutant in mutants:
        path.write_bytes(mutant.data)
        ended = run()
        counts.add("inputs")
        counts.add("refused", int(ended.status == 1))
        counts.judge(ended, f"{path.name}: {mutant.how}", data=mutant.data)
        if (path.exists() or not is_spare) and path.read_bytes() != mutant.data:
            counts.fault("bytes lost", f"{path.name}: {mutant.how}", mutant.data)
        if "x" * SHOWN in ended.err and LONG.encode() in mutant.data:
            counts.fault("no sentence", f"{mutant.how}: a value is shown whole: {ended.err[:400]}", mutant.data)
    path.write_bytes(before)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home of its own, also for what runs in this process."""
    box = Sandbox(tmp_path)
    for name, value in box.environment("").items():
        if name in ("ESSENTIA_LDL_HOME", "HOME", "XDG_CACHE_HOME", "TMPDIR"):
            monkeypatch.setenv(name, value)
    return box.home


def test_cards(home, base_graphs, counts, sizes):
    """A damaged card is a row of its own in `models`, and the good one beside it is listed."""
    graphs = home / "graphs"
    graphs.mkdir()
    for name in ("msd-vgg-1", "mtt-vgg-1"):
        document = json.loads((base_graphs / f"{name}.json").read_bytes())
        document["essentia_ldl"]["sha256"] = hashlib.sha256(b"graph").hexdigest()
        (graphs / f"{name}.json").write_text(json.dumps(document, indent=2))
        (graphs / f"{name}.pb").write_bytes(b"graph")
    card = graphs / "msd-vgg-1.json"
    document = json.loads(card.read_bytes())
    mutants = draw_damage(card.read_bytes(), damaged_json(document), sizes.inputs("cards"), sizes.seed)

    def run() -> Any:
        ended = run_inside(home.parent, "models")
        if "mtt-vgg-1 " not in ended.out:
            counts.fault(
                "files without an answer", f"the good model is not listed: {ended.said[:300]}", card.read_bytes()
            )
        return ended

    try_all(mutants, card, run, counts)


def test_recipes(home, counts, sizes):
    """A damaged recipe is refused in a sentence, or read."""
    run_inside(home.parent, "recipe", "mood-sad")
    text = run_inside(home.parent, "recipe", "mood-sad", "--all").out
    path = home / "mine.toml"
    path.write_text(text)
    mutants = draw_damage(text.encode(), damaged_lines(text), sizes.inputs("recipes"), sizes.seed + 1)
    try_all(mutants, path, lambda: run_inside(home.parent, "recipe", str(path), "--all"), counts)


def test_tables(home, tmp_path, counts, sizes):
    """A damaged table becomes a recipe of the classes that it has, or is refused; only the recipe is written."""
    folder = tmp_path / "data"
    (folder / "audio").mkdir(parents=True)
    for n in range(12):
        (folder / f"audio/{n:02}.wav").write_bytes(b"RIFF    WAVE")
    path = folder / "table.csv"
    path.write_text(TABLE)
    audio = digest_tree(folder / "audio")
    strategy = damaged_lines(TABLE) | damaged_lines(TABLE.replace(",", "\t"))

    def run() -> Any:
        shutil.rmtree(home / "recipes", ignore_errors=True)
        return run_inside(home.parent, "new", "mine", "--data", str(path))

    try_all(draw_damage(TABLE.encode(), strategy, sizes.inputs("tables"), sizes.seed + 2), path, run, counts)
    assert digest_tree(folder / "audio") == audio


def test_runs(home, report_writer, counts, sizes):
    """`report` of a run with one damaged file: a page, or a sentence."""
    writer = report_writer.Writer(home, n_tracks=16)
    run = writer.train()
    others = (
        "plan.json",
        "scores.json",
        "predictions.npz",
        "labels.csv",
        "labels.json",
        "history.json",
        "failures.csv",
    )
    names = [*others, "recipe.toml"]
    n_files, draw = sizes.inputs("runs"), random.Random(f"runs {sizes.seed}")
    shares = [n_files // len(names) + (n < n_files % len(names)) for n in range(len(names))]
    for number, (name, share) in enumerate(zip(names, shares, strict=True)):
        path = run / name
        data = path.read_bytes()
        if name.endswith(".json"):
            mutants = draw_damage(
                data, damaged_json(json.loads(data.decode("utf-8", "surrogateescape"))), share, sizes.seed + 10 + number
            )
        elif name.endswith(".npz"):
            mutants = iter([damage_bytes(data, draw) for _ in range(share)])
        else:
            text = data.decode("utf-8", "replace")
            mutants = draw_damage(data, damaged_lines(text), share, sizes.seed + 10 + number)
        try_all(mutants, path, lambda: run_inside(home.parent, "report", str(run)), counts)


def test_store(home, report_writer, counts, sizes):
    """`report` with one damaged file of the store, which is left out or told."""
    run = report_writer.Writer(home, n_tracks=16).train()
    stored = sorted(path for path in (home / "store").rglob("*") if path.is_file())
    draw = random.Random(f"store {sizes.seed}")
    for _ in range(sizes.inputs("store")):
        path = draw.choice(stored)
        data = path.read_bytes()
        bomb = draw.choice(sorted(BOMBS))
        mutant = draw.choice((damage_bytes(data, draw), Mutant(bomb, "free", BOMBS[bomb])))
        try_all(iter([mutant]), path, lambda: run_inside(home.parent, "report", str(run)), counts, is_spare=True)


def write_tagged(path: Path, folder: Path) -> None:
    """Write an index of six tracks with three tags."""
    entries = gather(IndexedTrack(str(folder / f"{n}.wav"), 3.5, 10, 20, f"artist {n // 2}", "sad") for n in range(6))
    random_ = np.random.default_rng(0)
    units, activations = (random_.random(size=(6, n)).astype(np.float32) for n in (4, 3))
    maker, tags = Maker("m-1", "0" * 64, "emb"), ("sad", "loud", "piano")
    with open(path, "wb") as file:
        write_library(Library(maker, entries, units, np.arange(6), b"", tags, activations), file)


def test_word_vectors(home, tmp_path, counts, sizes):
    """`search` with a damaged index with tags, or damaged vectors of words, as text and as bytes."""
    index, path, draw = home / "lib.index", home / "glove.txt", random.Random(f"words {sizes.seed}")
    write_tagged(index, tmp_path)
    words = ("sad", "loud", "piano", "gloomy", "the")
    rows = np.random.default_rng(1).normal(size=(5, 6)).astype("<f4")
    text = "".join(f"{word} {' '.join(f'{x:.4f}' for x in row)}\n" for word, row in zip(words, rows, strict=True))
    binary = b"5 6\n" + b"".join(word.encode() + b" " + row.tobytes() for word, row in zip(words, rows, strict=True))
    run = functools.partial(run_inside, home.parent, "search", "gloomy", "--index", str(index), "--words", str(path))
    n_files = sizes.inputs("indexes")
    path.write_text(text)
    whole = index.read_bytes()
    try_all(iter([damage_bytes(whole, draw) for _ in range(n_files)]), index, run, counts)
    index.write_bytes(whole)
    for data in (text.encode(), binary):
        try_all(iter([damage_bytes(data, draw) for _ in range(n_files)]), path, run, counts)
    try_all(draw_damage(text.encode(), damaged_lines(text), n_files, sizes.seed), path, run, counts)


def test_indexes(home, tmp_path, counts, sizes):
    """`similar` with a damaged index, of bytes or of what its head says: an answer, or a sentence."""
    entries = gather(IndexedTrack(str(tmp_path / f"{n}.wav"), 3.5, 10, 20, f"artist {n // 2}", "sad") for n in range(6))
    units = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    path, starts = home / "lib.index", np.arange(6)
    with open(path, "wb") as file:
        write_library(Library(Maker("m-1", "0" * 64, "emb"), entries, units, starts), file)
    data, draw, n_files = path.read_bytes(), random.Random(f"indexes {sizes.seed}"), sizes.inputs("indexes")
    head = json.loads(np.load(path)["head"].tobytes())

    def damage() -> Iterator[Mutant]:
        yield from (damage_bytes(data, draw) for _ in range(n_files // 2))
        for how, value in draw_examples(damaged_json(head), n_files - n_files // 2, sizes.seed):
            text = value if isinstance(value, str) else json.dumps(value)
            written = io.BytesIO()
            parts = {"head": np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8), "vectors": units}
            np.savez(written, **entries.numbers, **parts, starts=starts)
            yield Mutant(how, "free", written.getvalue())

    run = functools.partial(run_inside, home.parent, "similar", "artist 1", "--index", str(path))
    try_all(damage(), path, run, counts)

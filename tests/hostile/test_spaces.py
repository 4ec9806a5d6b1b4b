"""Damaged pictures, tables and runs of what is learned from artists and covers: one sentence, or the rest goes on."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutations import BOMBS, Mutant, damage_bytes, damaged_json, damaged_lines, draw_examples
from steps import COVERS, SPACE, Goods, Step, cut_wav
from watching import LONGEST_LINE, Sandbox, kept

pytestmark = pytest.mark.slow
FEWEST_S = 15.1  # of a track with a picture


def write_pictured(pictured: Path, folder: Path, mutants: list[Mutant]) -> Path:
    """Copy a collection and add a track for every damaged picture; return the table."""
    shutil.copytree(pictured, folder)
    with open(folder / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    added = []
    for number, mutant in enumerate(mutants):
        like = rows[number % len(rows)]
        name = f"audio/bad-{number:03}.wav"
        cut_wav(folder / like["path"], folder / name, FEWEST_S, 0.002 * (1 + number // len(rows)))
        (folder / f"covers/bad-{number:03}.png").write_bytes(mutant.data)
        added.append({**like, "path": name, "cover": f"covers/bad-{number:03}.png"})
    with open(folder / "index.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([*rows, *added])
    return folder / "index.csv"


def test_damaged_pictures(pictured, base_graphs, tmp_path, counts, sizes):
    """One `covers` over good pictures and damaged ones: each is used, or a row of failures.csv; no file changes."""
    box, draw, faults = Sandbox(tmp_path / "box"), random.Random(f"pictures {sizes.seed}"), []
    good = [path.read_bytes() for path in sorted((pictured / "covers").iterdir())]
    bombs = sorted(BOMBS)
    mutants = [
        Mutant(name := draw.choice(bombs), "free", BOMBS[name])
        if draw.random() < 0.2
        else damage_bytes(draw.choice(good), draw)
        for _ in range(sizes.inputs("pictures"))
    ]
    table = write_pictured(pictured, tmp_path / "music", mutants)
    with kept(table.parent, faults):
        ended = box.run("covers", table, *COVERS, "--no-export")
    for kind, shown in faults:
        counts.fault(kind, shown)
    counts.add("inputs", len(mutants))
    counts.judge(ended, "covers with damaged pictures")
    [run] = (box.home / "runs").glob("covers-*")
    with open(run / "failures.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        reasons = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(file)}
    used = {Path(track["id"]).name for track in json.loads((run / "fold-0/plan.json").read_bytes())["tracks"]}
    for number, mutant in enumerate(mutants):
        name = f"bad-{number:03}.wav"
        reason = reasons.get(name) or reasons.get(f"bad-{number:03}.png")
        counts.add("refused", int(reason is not None))
        if (reason is None) == (name not in used):
            counts.fault("files without an answer", f"{mutant.how}: {reason}", mutant.data)
        elif reason is not None and ("\n" in reason or len(reason) > LONGEST_LINE or "Traceback" in reason):
            counts.fault("no sentence", f"{mutant.how}: {reason}", mutant.data)
    if box.list_scratch():
        counts.fault("scratch left", str(box.list_scratch()))


def draw_tables(table: Path, n_files: int, number: int) -> Iterator[Mutant]:
    """Yield damaged tables of a collection."""
    for how, text in draw_examples(damaged_lines(table.read_text()), n_files, number):
        yield Mutant(how, "free", text.encode("utf-8", "surrogatepass"))


def test_damaged_tables(collection, base_graphs, tmp_path, counts, sizes):
    """`space artists` of a damaged table learns from what it can read of it, or says what it cannot."""
    box, folder = Sandbox(tmp_path / "box"), tmp_path / "music"
    shutil.copytree(collection, folder)
    Step("space", Goods(folder, folder, base_graphs)).fill(box.home)
    table = folder / "index.csv"
    for mutant in draw_tables(table, -(-sizes.inputs("spaces") // 2), sizes.seed + 50):
        table.write_bytes(mutant.data)
        ended = box.run("space", "artists", table, *SPACE)
        counts.add("inputs")
        counts.add("refused", int(ended.status == 1))
        counts.judge(ended, f"space of a table: {mutant.how}", data=mutant.data)


def test_damaged_runs(collection, base_graphs, tmp_path, counts, sizes):
    """A run of `space artists` that did not end, with a damaged file in it: it is learned again, or told."""
    box, step = Sandbox(tmp_path / "box"), Step("space", Goods(collection, collection, base_graphs))
    step.fill(box.home)
    ended = box.run(*step.arguments(box.home))
    assert ended.status == 0, ended.said
    whole, draw = tmp_path / "whole", random.Random(f"spaces {sizes.seed}")
    shutil.copytree(box.home, whole)
    [run] = (whole / "runs").iterdir()
    names = sorted(str(path.relative_to(whole)) for path in run.rglob("*") if path.stat().st_size)
    for number in range(-(-sizes.inputs("spaces") // 2)):
        shutil.rmtree(box.home)
        shutil.copytree(whole, box.home)
        path = box.home / draw.choice(names)
        data = path.read_bytes()
        mutant = damage_bytes(data, draw)
        if path.suffix == ".json" and draw.random() < 0.6:
            [(how, value)] = draw_examples(damaged_json(json.loads(data)), 1, sizes.seed + 60 + number)
            mutant = Mutant(how, "free", json.dumps(value).encode())
        path.write_bytes(mutant.data)
        if path.name != "run.json" and draw.random() < 0.7:  # as a kill before the end leaves it
            (path.parents[0 if path.parent.name != "export" else 1] / "run.json").unlink()
        ended = box.run(*step.arguments(box.home))
        counts.add("inputs")
        counts.add("refused", int(ended.status == 1))
        counts.judge(ended, f"{path.name} of a space: {mutant.how}", data=mutant.data)

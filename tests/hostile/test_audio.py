"""Damaged audio: every file has an answer or a reason, no number is wrong where the truth is known, no file changes."""

from __future__ import annotations

import csv
import json
import math
import random
from pathlib import Path

import pytest
from mutations import SAME, SHORT, Mutant, damage_audio
from sizes import Sizes
from steps import BASE
from watching import LIMIT_S, LONGEST_LINE, Sandbox, kept

BATCH = 150  # files per process
TOLERANCE = 1e-3  # of a probability, where a file sounds as before; padding may move the frames of an mp3
SLACK_S = 1.6  # what a header may tell too much, and rounding
MOST_S = 3.0  # times the length of the good file that damage may make of it: a piece may be in it twice


def write_mutants(folder: Path, formats: dict[str, bytes], draw: random.Random, n_files: int) -> dict[str, Mutant]:
    """Write damaged files, some under the suffix of another format; return them by their path."""
    found = {}
    for number in range(n_files):
        form = draw.choice(sorted(formats))
        mutant = damage_audio(formats[form], form, draw)
        suffix = form if draw.random() < 0.9 else draw.choice(sorted(formats))
        path = folder / f"{number:03}.{suffix}"
        path.write_bytes(mutant.data)
        found[str(path)] = mutant._replace(how=f"{form} as .{suffix}, {mutant.how}")
    return found


def read_answers(output: Path) -> tuple[dict[str, dict], dict[str, str]]:
    """Read what `predict` wrote: answers and reasons by path."""
    answers, reasons = {}, {}
    if output.exists():
        for line in output.read_text("utf-8").splitlines():
            answer = json.loads(line)
            answers[answer["path"]] = answer
    failures = output.with_suffix(".failures.csv")
    if failures.exists():
        with open(failures, newline="", encoding="utf-8", errors="surrogateescape") as file:
            reasons = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    return answers, reasons


def differ(answer: dict, expected: dict) -> float:
    """Return the largest difference between the probabilities of two answers."""
    return max(abs(value - expected["probabilities"][name]) for name, value in answer["probabilities"].items())


def check_answers(mutants: dict[str, Mutant], good: dict[str, dict], output: Path, counts) -> None:
    """Compare every answer with what is known of its file."""
    answers, reasons = read_answers(output)
    for path, mutant in mutants.items():
        form, answer, reason = mutant.how.split()[0], answers.get(path), reasons.get(path)
        if (answer is None) == (reason is None):
            counts.fault("files without an answer", f"{path}: {mutant.how}: {answer}, {reason}", mutant.data)
        elif reason is not None:
            counts.add("refused")
            if "\n" in reason or not 5 < len(reason) < LONGEST_LINE or "Traceback" in reason:
                counts.fault("no sentence", f"{mutant.how}: {reason}", mutant.data)
            if mutant.truth == SAME:
                counts.fault("wrong numbers", f"{mutant.how} refused: {reason}", mutant.data)
        else:
            counts.add("files predicted")
            numbers = list(answer["probabilities"].values())
            is_sound = all(math.isfinite(one) and 0 <= one <= 1 for one in numbers)
            may_tell_any_rate = any(word in mutant.how for word in (" at ", "flip ", " over "))
            most_s = math.inf if may_tell_any_rate else MOST_S * good[form]["duration_s"]
            if not is_sound or not 0 < answer["duration_s"] < most_s:
                counts.fault("wrong numbers", f"{mutant.how}: {answer['duration_s']} s, {numbers[:5]}", mutant.data)
            if mutant.truth == SHORT and answer["duration_s"] < good[form]["duration_s"] - SLACK_S:
                shown = f"{mutant.how}: {answer['duration_s']} s of {good[form]['duration_s']} s, {answer['notes']}"
                counts.fault("wrong numbers", shown, mutant.data)
            if mutant.truth == SAME and differ(answer, good[form]) > TOLERANCE:
                counts.fault("wrong numbers", f"{mutant.how}: {differ(answer, good[form]):.4f} away", mutant.data)


def run_batch(sandbox: Sandbox, folder: Path, name: str, counts) -> Path:
    """Predict a folder in one process; return the output, whose suffix says the form."""
    output, faults = sandbox.work / f"{name}.jsonl", []
    with kept(folder, faults):
        ended = sandbox.run("predict", "-m", BASE, "-o", output, folder, limit_s=2 * LIMIT_S)
    counts.judge(ended, name)
    for kind, shown in faults:
        counts.fault(kind, shown)
    if sandbox.list_scratch():
        counts.fault("scratch left", str(sandbox.list_scratch()))
    return output


@pytest.mark.parametrize("batch", range(-(-Sizes.inputs("audio") // BATCH)))
def test_damaged_audio(batch, sandbox, formats, counts, sizes):
    """One `predict` over a folder of damaged files in every format, beside the good ones."""
    folder = sandbox.root / "music"
    folder.mkdir()
    n_files = min(BATCH, sizes.inputs("audio") - batch * BATCH)
    draw = random.Random(f"audio {sizes.seed} {batch}")
    mutants = write_mutants(folder, formats, draw, n_files)
    for form, data in formats.items():
        (folder / f"good.{form}").write_bytes(data)
    counts.add("inputs", n_files)
    output = run_batch(sandbox, folder, "out", counts)
    answers, reasons = read_answers(output)
    good = {form: answers.get(str(folder / f"good.{form}")) for form in formats}
    assert all(good.values()), f"{reasons}, {output}"
    check_answers(mutants, good, output, counts)

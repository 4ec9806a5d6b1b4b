"""What mel bands of librosa change in the answers of a graph: by the transform alone, and by librosa's resampling.

``python tests/librosa_study.py GRAPH FILE...`` runs the program tests/clients/librosa_bands.py and `predict` on the
same files, and prints a table in Markdown: the largest difference of a mean probability per file, its median and its
largest over the files, and how many files have another first class. The rows:

- no resampling: both read the 16 kHz WAV that librosa made of a file;
- Essentia's quality 1, 4: librosa resamples by its default, Essentia by one of its two;
- quality 1 beside 4: Essentia alone, to compare with.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from essentia_ldl.models.folder import read_model
from essentia_ldl.predict.ask import Question, predict_files

sys.path.insert(0, str(Path(__file__).parent / "clients"))
import librosa_bands


def ask_essentia(graph: str, paths: Sequence[str], quality: int | None = None) -> np.ndarray:
    """Return (n_files, n_classes): what `predict` says."""
    question = Question(engine="essentia", resample_quality=quality)
    answers = predict_files([read_model(graph)], paths, Path(graph).parent, question)
    return np.stack([answer.probabilities for [answer] in answers])


def compare(name: str, one: np.ndarray, other: np.ndarray) -> str:
    largest = np.abs(one - other).max(axis=1)
    n_changed = np.sum(one.argmax(axis=1) != other.argmax(axis=1))
    return f"| {name} | {np.median(largest):.2g} | {largest.max():.2g} | {n_changed} of {len(one)} |"


def main(graph: str, *paths: str) -> None:
    model = librosa_bands.open_graph(graph, read_model(graph).card.output("predictions"))
    with tempfile.TemporaryDirectory() as folder:
        plain = [f"{folder}/{number}.wav" for number in range(len(paths))]
        for source, target in zip(paths, plain, strict=True):
            soundfile.write(target, librosa_bands.load(source), librosa_bands.RATE, "FLOAT")
        found, found_plain = (
            np.stack([librosa_bands.predict(model, path).mean(axis=0) for path in files]) for files in (paths, plain)
        )
        told_plain, first, fourth = (
            ask_essentia(graph, files, quality) for files, quality in ((plain, None), (paths, 1), (paths, 4))
        )
    print("| compared | median | largest | another first class |", "| --- | --- | --- | --- |", sep="\n")
    print(compare("no resampling", found_plain, told_plain))
    print(compare("librosa's default beside Essentia's quality 1", found, first))
    print(compare("librosa's default beside Essentia's quality 4", found, fourth))
    print(compare("quality 1 beside 4", first, fourth))


if __name__ == "__main__":
    main(*sys.argv[1:])

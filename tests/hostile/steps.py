"""The commands that are killed, run twice at once and on full disks: what each needs, and what it leaves.

In: folders with good files. Out: `Step`, and what a command left as digests without the names of folders and runs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import time
import wave
from pathlib import Path

from watching import Ended, Sandbox

from essentia_ldl.features import joint_store
from essentia_ldl.files import write_json

TASK, BASE = "mood-sad", "msd-vgg-1"
TRAINING = ("--network", "vgg", "--labels", "none", "--epochs", "2", "--set", "network.hidden=4", "--jobs", "1")
BELOW = "msd-vgg"
SPACE = ("--on", BELOW, "--epochs", "2", "--name", "mine", "--jobs", "1")
COVERS = ("--folds", "2", "--epochs", "1", "--size", "8", "--name", "mine", "--jobs", "1")
ANSWERS = ("predict", "index")  # which write one document of a folder with music
NAMES = ("predict", "index", "report", "train", "crossval", "graphs", "space", "covers")
RUN = re.compile(rb"(?:mood-sad(?:-crossval)?|space-mine|covers)-\d{8}-\d{6}(?:-\d+)?")
UNSTABLE = {"checkpoint.npz", "lock", "corrections.json"}  # a checkpoint holds times; the others are of no result
N_PREDICTED = 40


@dataclasses.dataclass(frozen=True)
class Goods:
    """The good files that commands work on.

    Parameters
    ----------
    collection, music : Path
        Labelled tracks, and a folder with tracks and one file that is no audio.
    graphs : Path
        The base graphs.
    trained : Path
        A home in which a training has ended.
    wheel : Path or None
        Of the released weights, where graphs are to be built.
    pictured : Path or None
        Labelled tracks of which each has a picture.
    """

    collection: Path
    music: Path
    graphs: Path
    trained: Path | None = None
    wheel: Path | None = None
    pictured: Path | None = None


@dataclasses.dataclass(frozen=True)
class Step:
    """A command by its name in `NAMES`, on good files."""

    name: str
    goods: Goods

    def fill(self, home: Path) -> None:
        """Put into a home what the command starts from."""
        if self.name == "report":
            shutil.copytree(self.goods.trained, home, dirs_exist_ok=True)
        elif self.name != "graphs":
            (home / "graphs").mkdir(parents=True, exist_ok=True)
            wanted = f"{BASE}.*" if self.name in ANSWERS else "*"  # a training builds those that are missing
            for path in self.goods.graphs.glob(wanted):
                shutil.copy(path, home / "graphs")
        if self.name == "space":  # one engine here too
            name = joint_store.name_network(BELOW, "embedding", home / "graphs")
            write_json(joint_store.find_choice(name, home / "store"), {"engine": "tensorflow", "shared": False})

    def arguments(self, home: Path) -> list[str]:
        """Return the command, whose output goes into the home."""
        data = ("--data", self.goods.collection, *TRAINING)
        parts = {
            # one engine: which of two is faster is measured in every home, and their last digits are not the same
            "predict": ("predict", "-m", BASE, "--engine", "essentia", "-o", home / "out.csv", self.goods.music),
            "index": ("index", "-m", BASE, "--engine", "essentia", "-o", home / "out.index", self.goods.music),
            "report": ("report",),
            "train": ("train", TASK, *data),
            "crossval": ("crossval", TASK, *data, "--folds", "2"),
            "graphs": ("graphs", "build", "--wheel", self.goods.wheel),
            "space": ("space", "artists", self.goods.collection, *SPACE),
            "covers": ("covers", self.goods.pictured, *COVERS),
        }
        return list(map(str, parts[self.name]))

    def read_results(self, home: Path, root: Path) -> dict[str, str]:
        """Return the digests of what the command is for; the names of runs and folders are taken out of texts."""
        folders = {"report": ["runs"], "graphs": ["graphs"], **dict.fromkeys(ANSWERS, ())}
        folders = folders.get(self.name, ["graphs", "runs"])
        files = [path for folder in folders for path in (home / folder).rglob("*") if path.is_file()]
        files += [path for path in home.glob("out*") if path.is_file()]
        found = {}
        for path in sorted(files):
            is_given = self.name != "graphs" and (self.goods.graphs / path.name).exists()
            if (
                is_given
                or path.name in UNSTABLE
                or (self.name == "report" and path.suffix not in (".html", ".csv", ".png"))
            ):
                continue
            data = path.read_bytes()
            if path.suffix in (".json", ".toml", ".csv", ".html"):
                data = RUN.sub(b"RUN", data.replace(str(root).encode(), b"ROOT"))
            name = RUN.sub(b"RUN", str(path.relative_to(home)).encode()).decode()
            found[name] = hashlib.sha256(data).hexdigest()
        return found


@dataclasses.dataclass(frozen=True)
class Undisturbed:
    """What a command left that nobody disturbed: status, seconds, digests, and the bytes that it added to its home."""

    status: int
    seconds: float
    results: dict[str, str]
    added: int

    def differs(self, results: dict[str, str]) -> str:
        """Name the results that are other ones; empty where all are the same."""
        other = {name for name in self.results | results if self.results.get(name) != results.get(name)}
        return ", ".join(sorted(other)[:8])


def measure(step: Step, root: Path) -> Undisturbed:
    """Run a command to its end in folders of its own."""
    box = Sandbox(root)
    step.fill(box.home)
    before = size_of(box.home)
    began = time.monotonic()
    ended: Ended = box.run(*step.arguments(box.home))
    expected = 1 if step.name in ANSWERS else 0  # one file is no audio
    if ended.status != expected:
        raise RuntimeError(f"{step.name} ended with {ended.status}: {ended.said}")
    seconds = time.monotonic() - began
    return Undisturbed(expected, seconds, step.read_results(box.home, root), size_of(box.home) - before)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, in pages of 4 kB."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def save(found: Undisturbed, path: Path) -> None:
    path.write_text(json.dumps(dataclasses.asdict(found)))


def load(path: Path) -> Undisturbed:
    return Undisturbed(**json.loads(path.read_text()))


def cut_wav(source: Path, target: Path, seconds: float, start_s: float = 0.0) -> None:
    """Write a piece of a WAV file."""
    with wave.open(str(source)) as file:
        parameters, rate_hz = file.getparams(), file.getframerate()
        file.setpos(round(start_s * rate_hz))
        frames = file.readframes(round(seconds * rate_hz))
    with wave.open(str(target), "wb") as file:
        file.setparams(parameters)
        file.writeframes(frames)


def write_music(collection: Path, folder: Path) -> None:
    """Write pieces of a collection's tracks, none like another, and a file that is no audio."""
    tracks = sorted(collection.rglob("*.wav"))
    for number in range(N_PREDICTED):
        cut_wav(tracks[number % len(tracks)], folder / f"{number:02}.wav", 3.2, 0.1 * (number // len(tracks)))
    (folder / "17-bad.wav").write_bytes(b"no audio")

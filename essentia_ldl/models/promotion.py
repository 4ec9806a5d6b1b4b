"""How the models of a run get into the folder graphs/.

In: verified graphs and cards of a run; out: ``<stem>-<version>.pb``, ``.json`` and, where the run has them, the golden
answers and the word side that travel with the graph. A model is never overwritten: every stem counts its versions
apart, a run takes the next free number of each, and a file appears whole or not at all, the card last.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import Reason, StoreError
from essentia_ldl.files import digest_file, read_object, taking_turns, write_json
from essentia_ldl.models.answers import SUFFIX as ANSWERS
from essentia_ldl.models.answers import read_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model, read_model
from essentia_ldl.words.side import SUFFIX as WORDS

CLAIM = "promoted.json"
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)  # the second and third are one on Linux


def next_version(folder: Path, stem: str) -> int:
    """Return the first version number that a stem has free, counting half-written files as taken."""
    pattern = re.compile(re.escape(stem) + r"-(\d+)\.(pb|json|answers\.npz|words\.npz)")
    taken = [int(match[1]) for path in folder.glob(f"{stem}-*") if (match := pattern.fullmatch(path.name))]
    return max(taken, default=0) + 1


def promote(
    exported: Path, stems: Sequence[str], folder: Path, additions: Mapping[str, Any] | None = None
) -> list[Model]:
    """Move verified graphs of a run into the folder of models, each under the next version number of its stem.

    Parameters
    ----------
    exported : Path
        Folder with ``<stem>.pb``, ``<stem>.json``, and perhaps ``<stem>.answers.npz`` and ``<stem>.words.npz``.
    stems : sequence of str
        File names without version, such as ``"mood_sad-musicnn-msd"``.
    folder : Path
        graphs/.
    additions : Mapping[str, Any] or None
        What the cards say more under "essentia_ldl": the run and its scores.

    Returns
    -------
    list[Model]
        One a stem.

    Raises
    ------
    StoreError
        When a file cannot be written; nothing of this call is left behind then.
    """
    claim = exported / CLAIM
    claimed = _read_claim(claim, stems)
    versions = {stem: claimed.get(stem) or next_version(folder, stem) for stem in stems}
    if versions != claimed:
        write_json(claim, {"versions": versions})
    try:
        with taking_turns(folder):  # a graph of the same bytes may be another run's, whose card is not there yet
            while (stem := _place_all(exported, versions, folder, additions or {})) is not None:
                versions[stem] = next_version(folder, stem)  # another run took the number meanwhile
                write_json(claim, {"versions": versions})
    except StoreError:
        raise
    except OSError as error:
        reason = Reason(error.strerror or error)
        raise StoreError(f"The model could not be put into {folder}: {reason}. Free space and run again.") from None
    return [read_model(folder / f"{stem}-{version}.pb") for stem, version in versions.items()]


def _read_claim(claim: Path, stems: Sequence[str]) -> dict[str, int]:
    """Return the versions that a killed run had chosen; earlier versions of the toolkit chose one for all stems."""
    try:
        told = read_object(claim)
    except StoreError:
        return {}
    found = told.get("versions", dict.fromkeys(stems, told.get("version")))
    if not isinstance(found, dict):
        return {}
    return {stem: number for stem in stems if type(number := found.get(stem)) is int and number > 0}


def _place_all(exported: Path, versions: Mapping[str, int], folder: Path, additions: Mapping[str, Any]) -> str | None:
    """Put all files of a run into the folder, the cards last; or none, and return the stem whose number is taken."""
    placed: list[Path] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as staging:
            for stem, version in versions.items():
                _stage(exported / stem, Path(staging, f"{stem}-{version}"), additions)
            for suffix in (".pb", ANSWERS, WORDS, ".json"):
                for stem, version in versions.items():
                    name = f"{stem}-{version}{suffix}"
                    try:
                        if Path(staging, name).is_file() and _place(Path(staging, name), folder / name):
                            placed.append(folder / name)
                    except FileExistsError:
                        _remove(placed)
                        return stem
    except OSError:
        _remove(placed)
        raise
    return None


def _remove(placed: Sequence[Path]) -> None:
    for path in placed:
        path.unlink()


def _stage(source: Path, target: Path, additions: Mapping[str, Any]) -> None:
    """Copy what a run exported under a stem, with the card of its name in graphs/; refuse what does not fit."""
    graph = target.with_name(f"{target.name}.pb")
    shutil.copyfile(source.with_name(f"{source.name}.pb"), graph)
    card = GraphCard(read_object(source.with_name(f"{source.name}.json")))
    before = str(card.fields.get("link", ""))
    link = "".join(before.rpartition("/")[:2]) + graph.name if before else ""
    fields = {**card.fields, "link": link, "essentia_ldl": {**card.extra, **additions}}
    write_json(target.with_name(f"{target.name}.json"), fields)
    for suffix in (ANSWERS, WORDS):  # runs of earlier versions have no answers
        if source.with_name(source.name + suffix).is_file():
            shutil.copyfile(source.with_name(source.name + suffix), target.with_name(target.name + suffix))
    read_answers(read_model(graph).graph, digest_file(graph))  # a card or answers of another graph are refused


def _place(source: Path, target: Path) -> bool:
    """Link a whole file under its final name; False when it is there already, from before a kill."""
    with contextlib.suppress(FileNotFoundError):
        if digest_file(target) == digest_file(source):
            return False
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists():  # a file system without hard links
            raise FileExistsError(target) from None
        os.replace(source, target)
    return True

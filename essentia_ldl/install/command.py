"""The `install` command: models in, the same models under the names that programs know out, checked and verified.

A graph keeps its bytes, unless its name asks for the other pair of nodes; its card gets the name, the version and the
address. Every graph is verified in Essentia under its new name before it replaces anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import DataError, EssentiaLdlError, StoreError, explain
from essentia_ldl.files import digest_file, is_file_name, write_json
from essentia_ldl.install.clients import Lack, find_lacks
from essentia_ldl.install.hub import write_page
from essentia_ldl.install.naming import check_fit, find_task, name_officially, note_inside, parse_own
from essentia_ldl.install.official import FULL, Official, parse_name
from essentia_ldl.models.answers import name_answers, read_answers
from essentia_ldl.models.card import SERVED_INPUT, SERVED_OUTPUT, GraphCard, make_link
from essentia_ldl.models.folder import Model, find_extractor, find_model, read_model
from essentia_ldl.models.promotion import next_version
from essentia_ldl.zones import run_zone

INTERFACES = "essentia_ldl.nets.export.interfaces"
VERIFY = "essentia_ldl.sound"


@dataclasses.dataclass(frozen=True)
class Layout:
    """Under which names and in which folders models are installed.

    Parameters
    ----------
    into : str
        The folder.
    name : str
        The name to give, for one model; empty for its own, or Essentia's with `is_official`.
    is_official : bool
        Name it as Essentia names the model of its task, network and kind.
    is_legacy : bool
        The same, for full graphs alone.
    is_tree : bool
        Lay out Essentia's folders below `into`.
    is_hub : bool
        Give each model a folder of its own, with a page for model hubs.
    with_extractor : bool
        Install the network below a head too.
    base_url : str
        Address below which the models are published; empty takes that of the card.

    Raises
    ------
    DataError
        When two of them contradict each other.
    """

    into: str
    name: str = ""
    is_official: bool = False
    is_legacy: bool = False
    is_tree: bool = False
    is_hub: bool = False
    with_extractor: bool = False
    base_url: str = ""

    def __post_init__(self) -> None:
        if self.name and (self.is_official or self.is_legacy):
            raise DataError(explain("name", "one of --as and --official", "both", self.name, "Leave one out."))
        if self.is_tree and self.is_hub:
            raise DataError(explain("layout", "one of --tree and --hub-layout", "both", self.into, "Leave one out."))
        if self.name and not is_file_name(self.name):
            raise DataError(explain("name", "a plain name of a file", self.name, "install", "Correct it."))


@dataclasses.dataclass(frozen=True)
class Allowed:
    """What may be done.

    Parameters
    ----------
    demo : bool
        Install models that were trained on the synthetic demo.
    overwrite : bool
        Write over models that are there.
    """

    demo: bool = False
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class Installed:
    """What `install` did.

    Parameters
    ----------
    graphs : tuple[tuple[str, str], ...]
        Name of each model as it was, and path of its .pb now.
    lacks : tuple[Lack, ...]
        How much the folder has of groups of models that programs use together.
    notes : tuple[str, ...]
        What the user should know, in sentences.
    """

    graphs: tuple[tuple[str, str], ...]
    lacks: tuple[Lack, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Move:
    """One model, its name and folder, what the name says, and the network below a head where it is there."""

    model: Model
    name: str
    folder: Path
    known: Official | None
    below: Model | None = None

    @property
    def target(self) -> Path:
        return self.folder / f"{self.name}.pb"

    @property
    def is_served(self) -> bool:
        """Whether the nodes of the graph change."""
        return self.known is not None and self.known.is_served and self.model.card.input_name != SERVED_INPUT


def install(
    names: Sequence[str], layout: Layout, graphs: Path, say: Callable[[str], object], allowed: Allowed | None = None
) -> Installed:
    """Install models.

    Parameters
    ----------
    names : sequence of str
        In graphs/, or .pb files.
    layout : Layout
        Names and folders.
    graphs : Path
        The folder of models.
    say : callable
        Gets lines of what is done.
    allowed : Allowed or None
        What may be written; None allows neither demo models nor writing over others.

    Raises
    ------
    UnknownNameError
        When a model is not there, or a name is none of Essentia's; the nearest is told.
    CardError
        When a model does not fit its new name: its classes, their order, or its kind.
    DataError
        When one name is given to several models, or a demo model is not allowed.
    StoreError
        When a model of that name is there, or the folder cannot be written to.
    GraphError
        When a graph does not answer in Essentia as it did when it was exported.
    """
    allowed = allowed or Allowed()
    models = [find_model(name, graphs) for name in names]
    if layout.name and len(models) > 1:
        raise DataError(explain("--as", "one model", f"{len(models)}", layout.name, "Install them one by one."))
    notes: list[str] = []
    moves = [_plan(model, layout, graphs, notes) for model in models]
    if layout.with_extractor:
        moves += _plan_extractors(moves, layout, graphs, notes)
    for move in moves:
        _check_allowed(move, allowed)
    repeated = {move.target for move in moves if sum(move.target == other.target for other in moves) > 1}
    if repeated:
        raise DataError(explain("names", "one model each", sorted(repeated)[0].stem, "install", "Name one of them."))
    into = Path(layout.into)
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=into) as staging:
            staged = [_stage(move, Path(staging, str(number)), layout) for number, move in enumerate(moves)]
            proved = [str(path) for path in staged if name_answers(path).is_file()]
            if proved:
                run_zone(VERIFY, *proved)
            notes += [
                f"{path.stem} has no golden answers, so that it was not verified."
                for path in staged
                if str(path) not in proved
            ]
            for move, path in zip(moves, staged, strict=True):
                move.folder.mkdir(parents=True, exist_ok=True)
                for file in sorted(path.parent.iterdir(), key=lambda file: file.suffix == ".json"):  # the card is last
                    os.replace(file, move.folder / file.name)
                say(f"{move.model.name} -> {move.target}")
    except OSError as error:
        reason = f"{error.strerror or error}"
        raise StoreError(explain("folder", "one that can be written to", reason, into, "Choose another.")) from None
    lacks = () if layout.is_hub else find_lacks(into, [move.name for move in moves])
    return Installed(tuple((move.model.name, str(move.target)) for move in moves), lacks, tuple(notes))


def _plan(model: Model, layout: Layout, graphs: Path, notes: list[str]) -> _Move:
    task = find_task(model)
    if layout.is_official or layout.is_legacy:
        known: Official | None = name_officially(model)
        if layout.is_legacy and known.kind != FULL:
            rule, remedy = "a full graph", "Name one, or say --official."
            raise DataError(explain("--legacy", rule, f"a {known.kind}", model.name, remedy))
    else:
        name = layout.name or model.name
        known = parse_name(name, task) if layout.name else parse_own(name, task)
    if known is not None:
        check_fit(model, known)
        notes += note_inside(model, known)
        folder = find_folder(layout, known, known.stem)
        version = known.version or next_version(folder, known.stem)
        known = dataclasses.replace(known, version=version)
        name = f"{known.stem}-{version}"
    folder = find_folder(layout, known, name)
    if folder == Path(layout.into) and layout.is_tree:
        notes.append(f"{name} is none of Essentia's names, so that it has no place in its tree.")
    below = None
    with contextlib.suppress(EssentiaLdlError):  # the network of a head may be elsewhere
        below = find_extractor(model, graphs)
    return _Move(model, name, folder, known, below)


def find_folder(layout: Layout, known: Official | None, name: str) -> Path:
    """Return where a model of a name goes."""
    into = Path(layout.into)
    if layout.is_hub:
        return into / name
    return into / known.folder if layout.is_tree and known is not None else into


def _plan_extractors(moves: Sequence[_Move], layout: Layout, graphs: Path, notes: list[str]) -> list[_Move]:
    found: dict[str, _Move] = {}
    own = dataclasses.replace(layout, name="", is_official=False, is_legacy=False)
    for move in moves:
        extractor = find_extractor(move.model, graphs)
        if extractor is not None and extractor.name not in {one.name for one in moves} | set(found):
            planned = _plan(extractor, own, graphs, notes)
            there = planned.target
            if there.is_file() and digest_file(there) == digest_file(Path(extractor.graph)):
                continue  # other heads have brought it
            found[extractor.name] = planned
    return list(found.values())


def _check_allowed(move: _Move, allowed: Allowed) -> None:
    if move.model.card.extra.get("demo") and not allowed.demo:
        remedy = "Train on your own music with --data, or say --demo."
        raise DataError(explain("model", "one of real music", "a demo model", move.model.name, remedy))
    there = [path for path in (move.target, move.target.with_suffix(".json")) if path.exists()]
    if there and os.path.realpath(move.target) == os.path.realpath(move.model.graph):
        remedy = "Name another folder, or another name with --as."
        raise StoreError(explain("model", "a place of its own", "the model itself", move.target, remedy))
    if there and not allowed.overwrite:
        raise StoreError(
            explain("model", "a name that is free", "one is there", there[0], "Say --force to replace it.")
        )


def _stage(move: _Move, folder: Path, layout: Layout) -> Path:
    """Write a model under its new name into a folder of its own; return the .pb."""
    folder.mkdir()
    source, target = Path(move.model.graph), folder / move.target.name
    read_answers(source, digest_file(source))  # those of other bytes are refused
    if move.is_served:
        run_zone(INTERFACES, str(source), str(target), str(move.model.card.output("predictions")))
    else:
        shutil.copyfile(source, target)
        if name_answers(source).is_file():
            shutil.copyfile(name_answers(source), name_answers(target))
    write_json(target.with_suffix(".json"), describe(move, layout, digest_file(target)))
    read_model(target)  # a card that does not fit its graph is refused
    if layout.is_hub:
        write_page(read_model(target), folder, move.known, move.below)
    return target


def describe(move: _Move, layout: Layout, sha256: str) -> dict[str, Any]:
    """Return the card of an installed model."""
    card, known = move.model.card, move.known
    fields = {**card.fields, "essentia_ldl": {**card.extra, "sha256": sha256, "installed_from": move.model.name}}
    base_url = layout.base_url or str(card.extra.get("base_url", ""))
    if layout.is_tree and not base_url:
        base_url = Path(layout.into).absolute().as_uri()
    if known is not None:
        fields["version"] = str(known.version)
        if known.task:
            fields["name"] = known.task.replace("_", " ")
        fields["link"] = make_link(base_url, f"{known.folder}/{move.name}.pb")
    else:
        fields["link"] = make_link(base_url, f"{move.name}.pb")
    inference = dict(card.fields["inference"])
    below: Mapping[str, Any] | None = card.embedding_model
    if below is not None:
        place = parse_own(str(below.get("model_name", "")), "")
        address = make_link(base_url, f"{place.folder}/{below['model_name']}.pb") if place and base_url else None
        inference["embedding_model"] = {**below, "link": address or below.get("link", "")}
        fields["inference"] = inference
    if move.is_served:
        fields["schema"] = _serve_schema(card)
    return fields


def _serve_schema(card: GraphCard) -> dict[str, Any]:
    """Return the nodes of a graph with the other pair of nodes."""
    inputs = [{**one, "name": SERVED_INPUT} for one in card.fields["schema"]["inputs"]]
    outputs = []
    for one in card.fields["schema"]["outputs"]:
        if one.get("output_purpose") == "predictions":
            outputs.append({**one, "name": SERVED_OUTPUT})
            one = {**one, "output_purpose": ""}
        outputs.append(one)
    return {**card.fields["schema"], "inputs": inputs, "outputs": outputs}

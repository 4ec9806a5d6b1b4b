"""Which of Essentia's names a model may have: by its task, its network, its kind, and its classes in their order."""

from __future__ import annotations

import re

from essentia_ldl.errors import CardError, UnknownNameError, explain
from essentia_ldl.install.official import CLASSES, EXTRACTOR, FULL, HEAD, NETWORKS, UNCHECKED, Official, parse_name
from essentia_ldl.models.folder import HEADS, Model


def find_task(model: Model) -> str:
    """Return the task of a model as names of files write it."""
    return re.sub(r"\W+", "_", model.card.name.strip().lower())


def name_officially(model: Model) -> Official:
    """Return what Essentia calls the model of this task, network and kind.

    Raises
    ------
    UnknownNameError
        When Essentia has no such task.
    CardError
        When the network is none of Essentia's.
    """
    if (base := parse_own(model.name, "")) is not None and base.kind == EXTRACTOR:
        return base
    task, below = find_task(model), model.card.embedding_model
    if below is not None:
        stem = re.sub(r"-\d+$", "", str(below.get("model_name", "")))
        found = parse_name(f"{task}-{stem}-1")
    else:
        backbone, dataset = model.card.extra.get("backbone"), model.card.extra.get("pretrained")
        network = backbone if backbone in NETWORKS else "musicnn"
        datasets, version, _ = NETWORKS[network]
        dataset = dataset if dataset in datasets else datasets[0]
        found = parse_name(f"{task}-{network}-{dataset}-{version}")
    if found is None:
        remedy = "Name it with --as."
        raise CardError(explain("model", "a network that Essentia has models of", below, model.name, remedy))
    return found


def check_fit(model: Model, known: Official) -> None:
    """Check that a model is what a name of Essentia's promises.

    Raises
    ------
    CardError
        When it is of another kind, or its classes are not Essentia's, in their order.
    """
    card, remedy = model.card, "Choose another name, or another model."
    kind = HEAD if card.algorithm == HEADS else FULL
    _, _, algorithm = NETWORKS[known.network]
    wanted = HEAD if known.kind == HEAD else FULL
    if kind != wanted:
        words = {HEAD: "a head, which reads embeddings", FULL: "a full graph, which reads bands"}
        raise CardError(explain(f"name {known.stem}", words[wanted], words[kind], model.name, remedy))
    if kind == FULL and card.algorithm != algorithm:
        raise CardError(explain(f"name {known.stem}", f"a graph for {algorithm}", card.algorithm, model.name, remedy))
    if kind == HEAD:
        below = str((card.embedding_model or {}).get("model_name", ""))
        if re.sub(r"-\d+$", "", below) != f"{known.dataset}-{known.network}":
            rule = f"a head on {known.dataset}-{known.network}"
            raise CardError(explain(f"name {known.stem}", rule, f"one on {below or 'another'}", model.name, remedy))
    classes = CLASSES.get(known.task)
    if classes is not None and card.classes != classes:
        turned = sorted(card.classes) == sorted(classes)
        rule = f"{', '.join(classes)}, in this order, which programs have in their code"
        got = f"{', '.join(card.classes)}{': another order' if turned else ''}"
        remedy = (
            "Rename the classes in the recipe and train again; columns follow the alphabet."
            if not turned
            else ("Export the model again; columns follow the alphabet.")
        )
        raise CardError(explain(f"classes of {known.task}", rule, got, model.name, remedy))


def parse_own(name: str, task: str) -> Official | None:
    """Take apart the name that a model has; one that only looks like Essentia's is left as it is."""
    try:
        return parse_name(name, task)
    except UnknownNameError:
        return None


def note_inside(model: Model, known: Official) -> list[str]:
    """Tell what was not checked, and where a graph of several networks stands under the name of one."""
    notes = []
    if known.task in UNCHECKED:
        notes.append(f"The classes that programs expect of {known.task} were not seen, so that they are not checked.")
    backbones = model.card.extra.get("backbones") or []
    if known.kind != FULL or not backbones:
        return notes
    inside = ", ".join(map(str, backbones))
    return [
        *notes,
        f"{known.stem} answers as the published one does, by Essentia's defaults; it holds {inside}, so that "
        "programs that read inner nodes do not find them.",
    ]

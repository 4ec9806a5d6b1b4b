"""Labels of a collection become classes of a model: by what the user maps, and by spellings that mean the same.

In: labels, class names and a small table; out: a class for every label, or an error that lists all that have none. In
this order: what the user maps, the class's own name, the aliases of the task's recipe, and other spellings of these
(Not Sad, not_sad and non-sad are one).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.models.card import GraphCard
from essentia_ldl.recipe import toml

IGNORE = "ignore"


def map_labels(
    labels: Sequence[str],
    classes: Sequence[str],
    mapping: Mapping[str, str],
    aliases: Mapping[str, str],
    where: object,
) -> dict[str, str]:
    """Map the labels of a collection to the classes of a model.

    Parameters
    ----------
    labels : sequence of str
        One per track.
    classes : sequence of str
        The model's.
    mapping : Mapping[str, str]
        What the user says, before all else: label -> class or "ignore".
    aliases : Mapping[str, str]
        Of the task's recipe.
    where : object
        The collection, for errors.

    Returns
    -------
    dict[str, str]
        Every label -> class or "ignore", in alphabetical order.

    Raises
    ------
    DataError
        When labels map to nothing; all of them are listed.
    UnknownNameError
        When the mapping names a label that the collection lacks, or a class that the model lacks.
    """
    counts = Counter(labels)
    for label, name in mapping.items():
        if label not in counts:
            raise unknown(f"label to map, in {where}", label, counts)
        if name not in classes and name != IGNORE:
            raise unknown(f"class that {label} maps to", name, [*classes, IGNORE])
    spellings: dict[str, set[str]] = {}
    for written, name in (*((name, name) for name in classes), *aliases.items()):
        spellings.setdefault(_spell(written), set()).add(name)
    table, strange = {}, {}
    for label in sorted(counts):
        near = spellings.get(_spell(label), set())
        exact = {**aliases, **{name: name for name in classes}, **mapping}.get(label)
        if exact is None and len(near) != 1:
            strange[label] = counts[label]
        else:
            table[label] = exact or next(iter(near))
    if strange:
        first = next(iter(strange))
        remedy = f"Map each with --map '{first}=CLASS', or leave its tracks out with --map '{first}={IGNORE}'."
        rule = f"labels that are classes of the model ({', '.join(classes)})"
        raise DataError(explain("labels", rule, strange, where, remedy))
    return table


def find_aliases(card: GraphCard, recipes: Path | None = None) -> dict[str, str]:
    """Return the aliases of the recipe of a card's task, where there is one for the same classes."""
    link = PurePosixPath(str(card.fields.get("link", "")))
    for name in (card.name, link.parent.name):
        task = re.sub(r"[ _]+", "-", name)
        if task in toml.list_tasks(recipes):
            found = toml.read_recipe(task, recipes)
            return dict(found.aliases) if set(found.classes) == set(card.classes) else {}
    return {}


def _spell(label: str) -> str:
    plain = re.sub(r"[\W_]+", "_", label.lower()).strip("_")
    return re.sub(r"^(not|non)_", "non_", plain)

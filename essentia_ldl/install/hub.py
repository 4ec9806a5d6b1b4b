"""The folder of a model as model hubs show it: a page with a head that they read, and the entry for Essentia's list.

In: a model with its card. Out: README.md, whose first lines are YAML, and models.yaml, in the form in which Essentia's
repository lists its models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from essentia_ldl.files import replacing
from essentia_ldl.install.official import EXTRACTOR, Official
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import HEADS, Model

PAGE, LIST = "README.md", "models.yaml"
UNSAID = "not said"
EMBEDDINGS = "model/dense/BiasAdd"  # of MusiCNN


def write_page(model: Model, folder: Path, known: Official | None, below: Model | None = None) -> None:
    """Write README.md and models.yaml of a model into a folder.

    Parameters
    ----------
    model : Model
        Under the name that it has there.
    folder : Path
        Of its files.
    known : Official or None
        What its name says; None for a name that is none of Essentia's.
    below : Model or None
        The network whose embeddings a head reads.
    """
    for name, text in ((PAGE, _describe(model, below)), (LIST, _list_model(model, known))):
        with replacing(folder / name) as file:
            file.write(text.encode("utf-8", "replace"))


def _describe(model: Model, below: Model | None) -> str:
    card, extra = model.card, model.card.extra
    licence = str(extra.get("licence") or "")
    scores = read_scores(card)
    head: dict[str, Any] = {
        "license": "other",
        "license_name": licence or UNSAID,
        "library_name": "essentia",
        "pipeline_tag": "audio-classification",
        "tags": ["music", "audio", "essentia", "tensorflow", "music-information-retrieval"],
    }
    if scores:
        results = [{"type": kind, "value": value, "name": text} for kind, value, text in scores]
        task = {"type": "audio-classification", "name": card.name}
        data = {"type": "private", "name": str(card.fields.get("dataset", {}).get("name") or "unnamed")}
        head["model-index"] = [{"name": model.name, "results": [{"task": task, "dataset": data, "metrics": results}]}]
    lines = ["---", *_write_yaml(head), "---", "", f"# {model.name}", "", str(card.fields.get("description", "")), ""]
    lines += _list_facts(card, licence)
    if scores:
        lines += ["", "## Measured", "", "| score | value |", "| --- | --- |"]
        lines += [f"| {kind} | {text} |" for kind, _, text in scores]
    lines += ["", "## Use", "", "```python", *_write_code(model, below), "```", ""]
    notes = [str(note) for note in extra.get("notes", [])]
    if notes:
        lines += ["## Notes", "", *(f"- {note}" for note in notes), ""]
    return "\n".join(lines)


def _list_facts(card: GraphCard, licence: str) -> list[str]:
    data = card.fields.get("dataset", {})
    size = f" ({data['size']})" if data.get("size") else ""
    return [
        f"- Classes, in the order of the columns: {', '.join(card.classes) or 'none'}",
        f"- Trained on: {data.get('name') or 'unnamed'}{size}",
        f"- Rights of the training data: {card.extra.get('training_data_rights') or UNSAID}",
        f"- Licence of the model: {licence or UNSAID}",
        f"- Author: {card.fields.get('author') or UNSAID}",
    ]


def read_scores(card: GraphCard) -> list[tuple[str, float, str]]:
    """List the scores of a card: what each is, its value, and the value with what is known of its uncertainty."""
    found = []
    measured = card.extra.get("scores") or {}
    crossval = measured.get("crossval") or {}
    value, error = crossval.get("balanced_accuracy_pooled"), crossval.get("balanced_accuracy_error")
    if isinstance(value, float):
        how = f"{crossval.get('n_folds')} folds of {crossval.get('n_tracks')} tracks"
        how += ", artists kept apart" if crossval.get("grouped_by_artist") else ""
        spread = f", 95 % interval {value - 1.96 * error:.3f} to {min(value + 1.96 * error, 1):.3f}" if error else ""
        found.append(("balanced_accuracy", round(value, 4), f"{value:.3f}{spread}; {how}"))
    ece = ((crossval.get("calibration") or {}).get("after") or {}).get("ece") or {}
    if isinstance(ece.get("value"), float):
        low, high = ece.get("interval") or (ece["value"], ece["value"])
        text = f"{ece['value']:.3f}, interval {low:.3f} to {high:.3f}"
        found.append(("expected_calibration_error", round(ece["value"], 4), text))
    metrics = (card.fields.get("dataset") or {}).get("metrics") or {}
    found += [(str(name), float(one), f"{one:.3f}") for name, one in metrics.items() if isinstance(one, float)]
    return found


def _write_code(model: Model, extractor: Model | None) -> list[str]:
    card = model.card
    rate_hz, output = card.fields["inference"]["sample_rate"], card.output("predictions")
    load = f'audio = MonoLoader(filename="track.mp3", sampleRate={rate_hz}, resampleQuality=4)()'
    below = card.embedding_model
    if card.algorithm != HEADS:
        lines = [f"from essentia.standard import MonoLoader, {card.algorithm}", "", load]
        lines += [f'model = {card.algorithm}(graphFilename="{model.name}.pb", output="{output}")', "model(audio)"]
        return lines
    name, algorithm = str((below or {}).get("model_name")), str((below or {}).get("algorithm"))
    node = str(extractor.card.output("embeddings") if extractor is not None else EMBEDDINGS)
    return [
        f"from essentia.standard import MonoLoader, TensorflowPredict2D, {algorithm}",
        "",
        load,
        f'embeddings = {algorithm}(graphFilename="{name}.pb", output="{node}")',
        f'model = TensorflowPredict2D(graphFilename="{model.name}.pb", input="{card.input_name}", output="{output}")',
        "model(embeddings(audio))",
    ]


def _list_model(model: Model, known: Official | None) -> str:
    card = model.card
    if known is None:
        section, entry = "classification-heads" if card.algorithm == HEADS else "classifiers", model.name
    else:
        section, entry = known.folder.rpartition("/")[0], known.folder.rpartition("/")[2]
    is_extractor = known is not None and known.kind == EXTRACTOR
    lines = [f"{section}:", f"  {entry}:"]
    if card.algorithm != HEADS:
        lines += [f"    algo_name: {card.algorithm}", f"    sample_rate: {card.fields['inference']['sample_rate']}"]
    lines += ["    outputs:", f"     - {'embeddings' if is_extractor else 'predictions'}", "    models:"]
    return "\n".join([*lines, f"     - {model.name}", ""])


def _write_yaml(value: Any, indent: int = 0) -> list[str]:
    """Write plain values as YAML; texts as json, which YAML reads."""
    blank, lines = " " * indent, []
    items = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    for key, one in items:
        label = f"{blank}{key}:" if key is not None else f"{blank}-"
        if isinstance(one, dict | list):
            below = _write_yaml(one, indent + 2)
            lines += [label, *below] if key is not None else [f"{blank}- {below[0].strip()}", *below[1:]]
        else:
            lines.append(f"{label} {json.dumps(one)}")
    return lines

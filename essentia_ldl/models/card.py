"""The card of a graph: Essentia's metadata json, checked when it is read and before it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from essentia_ldl.errors import CardError, explain

REMEDY = "Export or copy the model again."


@dataclasses.dataclass(frozen=True)
class GraphCard:
    """The .json beside a graph, in Essentia's metadata schema.

    Parameters
    ----------
    fields : Mapping[str, Any]
        The whole json object. Our additions live under the key "essentia_ldl".

    Raises
    ------
    CardError
        When a key that `predict` or Essentia's clients need is missing or has the wrong shape.
    """

    fields: Mapping[str, Any]

    def __post_init__(self) -> None:
        fields = self.fields
        if not isinstance(fields, Mapping):
            raise CardError(explain("card", "a json object", type(fields).__name__, "card", REMEDY))
        object.__setattr__(self, "fields", MappingProxyType(dict(fields)))
        where = fields.get("name", "card")
        for key in ("name", "type", "schema", "inference"):
            if key not in fields:
                raise CardError(explain("card", f"the key {key!r}", sorted(fields), where, REMEDY))
        _check(isinstance(fields["name"], str), "name", "a text", fields["name"], where)
        schema = fields["schema"]
        for part in ("inputs", "outputs"):
            entries = schema.get(part) if isinstance(schema, Mapping) else None
            named = isinstance(entries, list) and entries and all(map(_is_node, entries))
            _check(named, f"schema.{part}", "a list of named nodes", entries, where)
        self._check_inference(where)
        classes = fields.get("classes", [])
        texts = isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes)
        _check(texts, "classes", "a list of names", classes, where)
        predictions = self._purpose("predictions")
        if predictions is not None and "classes" in fields:
            shape = predictions.get("shape") or [len(classes)]
            rule = f"{shape[-1]} names, as {predictions['name']} has"
            _check(shape[-1] == len(classes), "classes", rule, classes, where)
        extra = fields.get("essentia_ldl", {})
        _check(isinstance(extra, Mapping), "essentia_ldl", "a json object", extra, where)
        for key in ("patch_hop_frames", "resample_quality"):
            value = extra.get(key, 1)
            whole = type(value) is int and value >= (1 if key == "patch_hop_frames" else 0)
            _check(whole, f"essentia_ldl.{key}", "a positive integer", value, where)

    def _check_inference(self, where: str) -> None:
        inference = self.fields["inference"]
        known = isinstance(inference, Mapping) and {"algorithm", "sample_rate"} <= set(inference)
        _check(known, "inference", "sample_rate and algorithm", inference, where)
        rate_hz = inference["sample_rate"]
        _check(type(rate_hz) is int and rate_hz > 0, "inference.sample_rate", "a rate in Hz", rate_hz, where)
        extractor = inference.get("embedding_model")
        usable = extractor is None or (isinstance(extractor, Mapping) and "algorithm" in extractor)
        _check(usable, "inference.embedding_model", "algorithm and model_name", extractor, where)
        name = (extractor or {}).get("model_name") or "-"
        rule = "a file name without folders, because it becomes a path"
        _check(_is_file_name(name), "inference.embedding_model.model_name", rule, name, where)

    def _purpose(self, purpose: str) -> Mapping[str, Any] | None:
        for output in self.fields["schema"]["outputs"]:
            if output.get("output_purpose") == purpose:
                return output
        return None

    def output(self, purpose: str) -> str | None:
        """Return the name of the first node with that output_purpose ("predictions", "embeddings"), or None."""
        node = self._purpose(purpose)
        return None if node is None else node["name"]

    @property
    def name(self) -> str:
        """Human-readable name, such as "mood sad"."""
        return self.fields["name"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the graph's columns; empty for an extractor without classes."""
        return tuple(self.fields.get("classes", ()))

    @property
    def input_name(self) -> str:
        """Name of the graph's input node."""
        return self.fields["schema"]["inputs"][0]["name"]

    @property
    def algorithm(self) -> str:
        """Essentia algorithm that runs the graph, such as "TensorflowPredictMusiCNN"."""
        return self.fields["inference"]["algorithm"]

    @property
    def sample_rate_hz(self) -> int:
        """Sampling rate of the audio that the graph expects."""
        return int(self.fields["inference"]["sample_rate"])

    @property
    def embedding_model(self) -> Mapping[str, Any] | None:
        """The extractor that a head needs before it, as {algorithm, model_name, link}, or None."""
        return self.fields["inference"].get("embedding_model")

    @property
    def extra(self) -> Mapping[str, Any]:
        """Our additions: front_end, patch_hop_frames, demo, licence, scores, recipe hash, versions; may be empty."""
        return self.fields.get("essentia_ldl", {})


def _is_node(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)


def _is_file_name(name: object) -> bool:
    """Tell whether a name cannot lead out of a folder."""
    return isinstance(name, str) and name == PurePath(name).name and name != ".." and "\0" not in name


def _check(holds: object, what: str, rule: str, value: object, where: str) -> None:
    if not holds:
        raise CardError(explain(what, rule, value, where, REMEDY))

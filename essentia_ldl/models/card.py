"""The card of a graph: Essentia's metadata json, checked when it is read and before it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from essentia_ldl import frontends
from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.errors import CardError, explain
from essentia_ldl.files import is_file_name
from essentia_ldl.models.algorithms import BY_PREDICTOR, of_algorithm
from essentia_ldl.records import FrontEnd

REMEDY = "Export or copy the model again."
# The nodes of a graph that TensorFlow made of a saved model, by which programs read some of Essentia's heads.
SERVED_INPUT, SERVED_OUTPUT = "serving_default_model_Placeholder", "PartitionedCall"


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
        algorithm, rate_hz = inference["algorithm"], inference["sample_rate"]
        _check(isinstance(algorithm, str), "inference.algorithm", "the name of an algorithm", algorithm, where)
        _check(type(rate_hz) is int and rate_hz > 0, "inference.sample_rate", "a rate in Hz", rate_hz, where)
        extractor = inference.get("embedding_model")
        usable = extractor is None or (isinstance(extractor, Mapping) and "algorithm" in extractor)
        _check(usable, "inference.embedding_model", "algorithm and model_name", extractor, where)
        name = extractor.get("model_name") if extractor else None
        plain = not name or is_file_name(name)  # it becomes the name of a file beside the head
        _check(plain, "inference.embedding_model.model_name", "a plain name without folders", name, where)

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
    def kind(self) -> str:
        """What its outputs are, one of `choices.KINDS`, by the type of the card."""
        return {"multi-label classifier": MULTI_LABEL, "regression model": REGRESSION}.get(
            str(self.fields["type"]), SINGLE_LABEL
        )

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


def make_link(base_url: str | None, place: str) -> str:
    """Return the address of a model: absolute, as programs open it, or empty where it is not published.

    Examples
    --------
    >>> make_link("https://music.example/models/", "feature-extractors/musicnn/msd-musicnn-1.pb")
    'https://music.example/models/feature-extractors/musicnn/msd-musicnn-1.pb'
    >>> make_link("", "feature-extractors/musicnn/msd-musicnn-1.pb")
    ''
    """
    return f"{base_url.rstrip('/')}/{place}" if base_url else ""


def find_front_end(card: GraphCard, where: str) -> FrontEnd:
    """Return the front-end of a graph that reads sound, found by the algorithm in its card.

    Parameters
    ----------
    card : GraphCard
        Of the graph that reads patches: a full classifier or an extractor.
    where : str
        Name of the model, for the message.

    Returns
    -------
    FrontEnd
        With the card's own patch hop and resampling quality, and, for MAEST, whose networks read 5, 10, 20 or 30 s, the
        patch length of the card's input; the hop is one frame less, as Essentia sets it.

    Raises
    ------
    CardError
        When no front-end has that algorithm; for TensorflowPredict, when neither card nor name tells the front-end.
    """
    front_end = of_algorithm(card.algorithm, where, str(card.extra.get("front_end", "")), where)
    if front_end is frontends.MAEST:
        shape = card.fields["schema"]["inputs"][0].get("shape") or []
        if len(shape) >= 2 and type(shape[-2]) is int and shape[-2] > 1 and shape[-1] == front_end.n_bands:
            front_end = dataclasses.replace(front_end, patch_frames=shape[-2], patch_hop_frames=shape[-2] - 1)
    elif card.extra and card.algorithm in BY_PREDICTOR:  # shapes in cards of others are not always right
        shape = [size for size in card.fields["schema"]["inputs"][0].get("shape") or [] if type(size) is int]
        fits = len(shape) < 2 or shape[-2:] == [front_end.patch_frames, front_end.n_bands]
        rule = f"one that makes patches of {shape}, as the graph reads them"
        _check(fits, "inference.algorithm", rule, card.algorithm, where)
    rule = f"{front_end.sample_rate_hz} Hz, at which {front_end.name} was trained"
    fits = front_end.kind != "waveform" or card.sample_rate_hz == front_end.sample_rate_hz
    _check(fits, "inference.sample_rate", rule, card.sample_rate_hz, where)
    names = ("patch_hop_frames", "resample_quality")
    return dataclasses.replace(
        front_end, **{name: int(card.extra.get(name, getattr(front_end, name))) for name in names}
    )


def _is_node(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)


def _check(holds: object, what: str, rule: str, value: object, where: str) -> None:
    if not holds:
        raise CardError(explain(what, rule, value, where, REMEDY))


def find_embeddings(card: GraphCard, where: str, remedy: str) -> Mapping[str, Any]:
    """Return what the card of a network says of its output of purpose "embeddings".

    Parameters
    ----------
    card : GraphCard
        Of no head.
    where : str
        Name of the network.
    remedy : str
        Where there is no such output or several: what to do, with {} in place of those to choose among.

    Raises
    ------
    CardError
        When there is no such output, or several.
    """
    outputs = card.fields["schema"]["outputs"]
    found = [output for output in outputs if output.get("output_purpose") == "embeddings"]
    if len(found) != 1:
        names, choice = [one["name"] for one in found] or "none", ", ".join(one["name"] for one in found or outputs)
        raise CardError(explain("card", "one output for embeddings", names, where, remedy.format(choice)))
    return found[0]

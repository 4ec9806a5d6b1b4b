"""What a job asks for: models with their cards, as json in, as `Request` records out."""

from __future__ import annotations

import dataclasses
from typing import Any

from essentia_ldl.errors import CardError, explain
from essentia_ldl.models.card import GraphCard, find_front_end
from essentia_ldl.records import FrontEnd
from essentia_ldl.scores.uncertainty import ENTROPIES, node_name


@dataclasses.dataclass(frozen=True)
class Request:
    """One model to run.

    Parameters
    ----------
    name : str
        Stem of the graph file.
    graph : str
        Path of the .pb.
    card : GraphCard
        Its card.
    extractor : Request or None
        For a head: the network whose embeddings it reads.
    proved : bool
        The bytes are those that verification passed, so that the graph need not be tried before the first file.
    """

    name: str
    graph: str
    card: GraphCard
    extractor: Request | None = None
    proved: bool = False

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Request:
        """Make a request from what `Model` and its extractor look like in json."""
        extractor = value.get("extractor")  # an extractor has none itself
        return cls(
            value["name"],
            value["graph"],
            GraphCard(value["card"]),
            None if extractor is None else cls.from_json(extractor),
            value["proved"],
        )

    @property
    def source(self) -> Request:
        """What reads the audio: the model itself, or a head's extractor."""
        return self if self.extractor is None else self.extractor

    @property
    def patch_source(self) -> tuple[str, str]:
        """Graph that reads patches, and the node that is wanted of it."""
        source, purpose = self.source, "predictions" if self.extractor is None else "embeddings"
        node = source.card.output(purpose)
        if self.extractor is not None:  # the node that the head was trained on, where an extractor offers several
            node = (self.card.extra.get("extractor") or {}).get("node", node)
        if node is None:
            raise CardError(
                explain("card", f"an output for {purpose}", list(source.card.fields), source.name, "Correct the card.")
            )
        return source.graph, node

    @property
    def spread_nodes(self) -> list[str]:
        """The entropies among the outputs of its card; empty for most models."""
        known = {output["name"] for output in self.card.fields["schema"]["outputs"]}
        return [node_name(name) for name in ENTROPIES if node_name(name) in known]

    @property
    def front_end(self) -> FrontEnd:
        """Front-end of the graph that reads patches, found by its card."""
        return find_front_end(self.source.card, self.source.name)

    @property
    def is_proved(self) -> bool:
        """True when neither graph need be tried before the first file."""
        return self.proved and self.source.proved

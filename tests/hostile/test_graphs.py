"""Damaged graphs: `predict` says in one sentence what is wrong, and does not give numbers of another graph."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from mutations import Mutant, damage_bytes, damaged_json, draw_examples, strange_graphs
from steps import BASE


def draw_graphs(data: bytes, output: str, n_files: int, draw: random.Random) -> Iterator[Mutant]:
    """Yield graphs that are well formed and wrong, and damaged bytes, in turns."""
    strange = list(strange_graphs(data, output))
    draw.shuffle(strange)
    for number in range(n_files):
        if strange and number % 3 != 2:
            how, changed = strange.pop()
            yield Mutant(how, "free", changed)
        else:
            yield damage_bytes(data, draw)


@pytest.fixture
def track(collection) -> str:
    """One file that decodes."""
    return str(next(iter(sorted(collection.rglob("*.wav")))))


@pytest.mark.slow
def test_damaged_graphs(sandbox, track, counts, sizes):
    """A quarter of the cards tell the digest of their graph; the others are as Essentia's, which tell none."""
    graph, card = (sandbox.home / "graphs" / f"{BASE}{suffix}" for suffix in (".pb", ".json"))
    data, document = graph.read_bytes(), json.loads(card.read_bytes())
    outputs = document["schema"]["outputs"]
    output = next(one["name"] for one in outputs if one["output_purpose"] == "predictions")
    draw = random.Random(f"graphs {sizes.seed}")
    for number, mutant in enumerate(draw_graphs(data, output, -(-sizes.inputs("graphs") * 2 // 3), draw)):
        told = {key: value for key, value in document["essentia_ldl"].items() if number % 4 == 3 or key != "sha256"}
        card.write_text(json.dumps({**document, "essentia_ldl": told}))
        graph.write_bytes(mutant.data)
        engine = draw.choice(("essentia", "auto", "openvino"))
        ended = sandbox.run("predict", "-m", BASE, "--engine", engine, track)
        counts.add("inputs")
        counts.add("refused", int(ended.status == 1))
        counts.judge(ended, f"{mutant.how}, {engine}", data=mutant.data)
        if number % 4 == 3 and ended.status == 0 and mutant.data != data:
            counts.fault("wrong numbers", f"{mutant.how}: the card tells another digest: {ended.out}", mutant.data)


def test_damaged_cards_of_whole_graphs(sandbox, track, counts, sizes):
    """`predict` with a card that can be read, and says something else than its graph."""
    card = sandbox.home / "graphs" / f"{BASE}.json"
    document = json.loads(card.read_bytes())
    for how, changed in draw_examples(damaged_json(document), sizes.inputs("graphs") // 3, sizes.seed + 40):
        card.write_text(json.dumps(changed))
        ended = sandbox.run("predict", "-m", BASE, track)
        counts.add("inputs")
        counts.add("refused", int(ended.status == 1))
        counts.judge(ended, f"card: {how}", data=card.read_bytes())

"""A program without names in its code: algorithm, nodes, classes and extractor come from the json beside a model."""

import json
import sys
from pathlib import Path, PurePosixPath

import essentia

essentia.log.infoActive = essentia.log.warningActive = False
import essentia.standard as es  # noqa: E402


def open_model(card_path, purpose):
    card = json.loads(card_path.read_text())
    output = next(one for one in card["schema"]["outputs"] if one["output_purpose"] == purpose)
    algorithm = getattr(es, card["inference"]["algorithm"])
    nodes = {"input": card["schema"]["inputs"][0]["name"], "output": output["name"]}
    name = PurePosixPath(card["link"]).name or f"{card_path.stem}.pb"
    return card, algorithm(graphFilename=str(card_path.parent / name), **nodes)


folder, path = Path(sys.argv[1]), sys.argv[2]
found = {}
for card_path in sorted(folder.glob("*.json")):
    if json.loads(card_path.read_text())["type"] == "auto-tagging":
        continue
    card, model = open_model(card_path, "predictions")
    rate = card["inference"]["sample_rate"]
    values = es.MonoLoader(filename=path, sampleRate=rate, resampleQuality=4)()
    below = card["inference"].get("embedding_model")
    if below:
        _, embed = open_model(folder / f"{below['model_name']}.json", "embeddings")
        values = embed(values)
    assert card["schema"]["outputs"][0]["output_purpose"] == "predictions"
    assert isinstance(card["version"], str)
    found[card_path.stem] = dict(zip(card["classes"], model(values).mean(axis=0).tolist(), strict=True))
print(json.dumps(found))

"""The page of a benchmark: a table, accuracy against cost, curves of what the networks bear, tags. In: its json.

Out: `benchmark.html` in the run, in the style of the report, with everything inside.

References
----------
A. C. Cameron, J. B. Gelbach and D. L. Miller, "Bootstrap-based improvements for inference with clustered errors"
(Review of Economics and Statistics 90(3), 2008): how many groups are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from essentia_ldl.choices import DEFORMATIONS
from essentia_ldl.files import replacing
from essentia_ldl.report.page import figure, table, wrap_page
from essentia_ldl.report.pictures import shown
from essentia_ldl.studies.estimates import describe_length
from essentia_ldl.studies.tagging.grid import NETWORKS, UNCHANGED, UNITS
from essentia_ldl.studies.tagging.pictures import describe_number, draw_costs, draw_key, draw_strengths
from essentia_ldl.studies.tagging.results import COSTS, SCORES, describe_interval

FILE = "benchmark.html"
MANY_TAGS = 60  # of more, the page shows none by itself
FEW_GROUPS = 30  # "few (five to thirty) clusters", of which the usual intervals are too narrow
STYLE = (
    "<style>.looks{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.88rem;max-width:none}"
    ".look{display:inline-flex;align-items:center;gap:5px}td b{font-weight:650}</style>"
)
HEADS = {"training_s": "training", "ms_per_s": "ms per s of audio"}


def write_page(run: Path, found: Mapping[str, Any], differences: Mapping[str, Any]) -> Path:
    """Write the page of a benchmark.

    Parameters
    ----------
    run : Path
        Its folder.
    found : Mapping[str, Any]
        What benchmark.json holds.
    differences : Mapping[str, Any]
        From `results.compare`; empty where nothing is compared.

    Returns
    -------
    Path
        The page.
    """
    drawn = {
        "networks": ("Networks", "Which network tags this music best?", _draw_table(found)),
        "costs": ("Accuracy and cost", "What does the accuracy cost?", _draw_costs(found)),
        "changes": ("Robustness", "What does each bear of what may happen to music?", _draw_changes(found)),
        "tags": ("Tags", "Which tags do they hear?", _draw_tags(found)),
        "against": ("Against another run", "What is otherwise?", _draw_differences(differences)),
        "about": ("How it was measured", "", _draw_about(found)),
    }
    sections = {name: parts for name, parts in drawn.items() if parts[2]}
    links = "".join(f'<a href="#{name}">{shown(title)}</a>' for name, (title, _, _) in sections.items())
    bodies = "".join(
        f'<section id="{name}"><h2>{shown(title)}</h2>'
        f"{f'<p class=question>{shown(question)}</p>' if question else ''}{body}</section>"
        for name, (title, question, body) in sections.items()
    )
    collection = found["collection"]
    about = f"{len(found['networks'])} networks on {collection['n_tracks']} tracks with {len(collection['tags'])} tags"
    page = run / FILE
    with replacing(page) as file:
        file.write(wrap_page("Benchmark", run.name, ("Music tagging", about), links, STYLE + bodies).encode("utf-8"))
    return page


def _draw_table(found: Mapping[str, Any]) -> str:
    networks = found["networks"]
    if not networks:
        return "<p>Nothing is measured yet.</p>"
    best = {key: max(row["scores"][key] for row in networks.values()) for key in SCORES}
    best |= {key: min(row["costs"][key] for row in networks.values()) for key in COSTS}
    best["parameters"] = min(row["parameters"] for row in networks.values())
    rows = []
    for row in networks.values():
        cells = []
        for key in SCORES:
            spread = f" ± {row['deviations'][key]:.3f}" if row["deviations"] else ""
            cells.append(_mark(f"{row['scores'][key]:.3f}", row["scores"][key] == best[key]) + spread)
        cells.append(_mark(describe_number(row["parameters"]), row["parameters"] == best["parameters"]))
        cells.append(
            _mark(describe_length(row["costs"]["training_s"]), row["costs"]["training_s"] == best["training_s"])
        )
        cells.append(_mark(f"{row['costs']['ms_per_s']:.2f}", row["costs"]["ms_per_s"] == best["ms_per_s"]))
        rows.append([shown(row["title"]), *cells])
    head = ["network", *SCORES.values(), "parameters", HEADS["training_s"], HEADS["ms_per_s"]]
    left_out = "".join(
        f"<p class=note>{shown(NETWORKS[name])} is left out: {shown(why)}.</p>"
        for name, why in found["left_out"].items()
    )
    many = any(row["n_folds"] > 1 for row in networks.values())
    spread = " ± is the deviation over folds." if many else ""
    intervals = [
        [
            shown(row["title"]),
            *("–" if row["intervals"][key] is None else describe_interval(row["intervals"][key]) for key in SCORES),
            "" if row["less_best"] is None else describe_interval(row["less_best"], "+"),
        ]
        for row in networks.values()
    ]
    text = (
        "Means over tags of the area under the ROC curve and of the average precision, on tracks that no network "
        "trained on. Of each tag's ten likeliest tracks, and of each track's three likeliest tags, the share that is "
        f"right; MAP is the mean average precision.{spread} The best of a column is bold. Training is of one fold; "
        "milliseconds are those of the graph in Essentia, bands at hand."
    )
    spans = table(["network", *SCORES.values(), "ROC-AUC less the best"], intervals, "bars")
    n_groups = min(row["n_groups"] for row in networks.values())
    few = f" Of {n_groups} they are too narrow: few artists tell little of others." if n_groups < FEW_GROUPS else ""
    words = (
        f"Intervals of 95 %, drawn with replacement from the {n_groups} artists that test, a track of an unknown one "
        f"counting as one.{few} What another training of the same network would score is not in them. The last column "
        "is drawn pair by pair: where it holds zero, these tracks do not tell a network from the best."
    )
    return f"{table(head, rows, 'bars')}<p class=note>{text}</p>{left_out}{spans}<p class=note>{words}</p>"


def _mark(words: str, is_best: bool) -> str:
    return f"<b>{words}</b>" if is_best else words


def _draw_costs(found: Mapping[str, Any]) -> str:
    networks = found["networks"]
    if not networks:
        return ""
    by_time = {n: (max(row["costs"]["ms_per_s"], 1e-3), row["scores"]["roc_auc"]) for n, row in networks.items()}
    by_size = {n: (row["parameters"], row["scores"]["roc_auc"]) for n, row in networks.items()}
    first = draw_costs(by_time, "ms per second of audio in Essentia (upwards: ROC-AUC)", "Accuracy against time")
    second = draw_costs(by_size, "trained parameters (upwards: ROC-AUC)", "Accuracy against size")
    captions = ("Up and to the left is better: right more often, in less time.", "The same by what has to be learned.")
    figures = "".join(figure(one, text) for one, text in zip((first, second), captions, strict=True))
    return f'<div class="figures wide">{figures}</div>'


def _draw_changes(found: Mapping[str, Any]) -> str:
    networks = found["networks"]
    asked = found["settings"]["variants"]
    if not networks or not asked:
        return ""
    values = [row["scores"]["roc_auc"] for row in networks.values()]
    values += [row["variants"][name]["roc_auc"] for row in networks.values() for name in asked]
    y = (min(values) - 0.02, max(values) + 0.02)
    figures, heads = [], {}
    for kind, names in DEFORMATIONS.items():
        chosen = {name: strength for name, strength in names.items() if name in asked}
        if not chosen:
            continue
        zero = UNCHANGED[kind]
        words = {strength: _describe_strength(kind, name, strength) for name, strength in chosen.items()}
        heads |= {name: f"{SHORT[kind]} {words[strength]}".strip() for name, strength in chosen.items()}
        curves = {
            network: {zero: row["scores"]["roc_auc"]}
            | {strength: row["variants"][name]["roc_auc"] for name, strength in chosen.items()}
            for network, row in networks.items()
        }
        picture = draw_strengths(curves, f"{UNITS[kind]} (upwards: ROC-AUC)", kind, y, {zero: "as it is", **words})
        figures.append(figure(picture, shown(CAPTIONS[kind])))
    rows = [
        [
            shown(row["title"]),
            *(f"{row['variants'][name]['roc_auc'] - row['scores']['roc_auc']:+.3f}" for name in heads),
        ]
        for row in networks.values()
    ]
    drops = table(["network", *(shown(words) for words in heads.values())], rows, "bars")
    return (
        f'{draw_key(list(networks))}<div class="figures wide">{"".join(figures)}</div>'
        f"<p>ROC-AUC less that of the music as it is:</p>{drops}"
    )


SHORT = {"pitch": "pitch", "tempo": "speed", "noise": "noise", "compression": ""}
CAPTIONS = {
    "pitch": "Pitch moved by semitones, the tempo as it was.",
    "tempo": "Tempo changed, the pitch as it was: below 1 slower, above quicker.",
    "noise": "White noise mixed in, and so much less music.",
    "compression": "Dynamic range compressed, by profiles from the gentlest to the hardest.",
}


def _describe_strength(kind: str, name: str, strength: float) -> str:
    if kind == "compression":
        return name.rpartition("-")[2]
    return {"pitch": f"{strength:+.0f}", "tempo": f"{strength:.2f}", "noise": f"{strength:.0%}"}[kind]


def _draw_tags(found: Mapping[str, Any]) -> str:
    networks, counts = found["networks"], found["collection"]["tags"]
    if not networks or len(counts) > MANY_TAGS:
        return ""
    rows = []
    for tag, count in counts.items():
        values = [row["by_tag"][tag]["roc_auc"] for row in networks.values()]
        known = [value for value in values if value is not None]
        cells = ["–" if value is None else _mark(f"{value:.2f}", value == max(known)) for value in values]
        rows.append([shown(tag), str(count), *cells])
    head = ["tag", "tracks", *(shown(row["title"]) for row in networks.values())]
    return f"{table(head, rows, 'bars')}<p class=note>ROC-AUC of each tag; chance is 0.50.</p>"


def _draw_differences(differences: Mapping[str, Any]) -> str:
    if not differences:
        return ""
    rows = [
        [
            shown(NETWORKS.get(name, name)),
            *(f"{row[key]:+.3f}" for key in SCORES),
            *(f"× {row[key]:.2f}" for key in COSTS),
        ]
        for name, row in differences["networks"].items()
    ]
    parts = [table(["network", *SCORES.values(), *HEADS.values()], rows, "bars")] if rows else []
    parts.append("<p class=note>This run less the other; of costs, this run's by the other's.</p>")
    if differences["settings"]:
        parts.append(f"<p>Settings: {shown(differences['settings'])}.</p>")
    for key, words in (("only_ours", "Only in this run"), ("only_theirs", "Only in the other")):
        if differences[key]:
            parts.append(f"<p>{words}: {shown(', '.join(NETWORKS.get(n, n) for n in differences[key]))}.</p>")
    return "".join(parts)


def _draw_about(found: Mapping[str, Any]) -> str:
    settings, collection = found["settings"], found["collection"]
    recipe = settings["recipe"]
    training = recipe["training"]
    width = recipe["network"].get("width", 1.0)
    tested = ", ".join(map(str, collection["n_test"])) or "none yet"
    facts = {
        "collection": f"{collection['n_tracks']} tracks, {collection['n_artists']} known artists",
        "split": f"{collection['split']}, folds: {settings['folds']}, tracks that test: {tested}",
        "width": "as published" if width == 1 else f"every layer {width:g} times as wide",
        "training": f"{', then '.join(training['stages'])}; {training['batch_size']} tracks a step",
        "seed": str(recipe["split"]["seed"]),
    }
    rows = "".join(f"<div><dt>{shown(key)}</dt><dd>{shown(value)}</dd></div>" for key, value in facts.items())
    return f'<dl class="facts">{rows}</dl>'

"""Sections of the report about the model: summary, scores, confusion and learning curves.

In: a `Page`; out: HTML, every number as ``scores.json`` and ``history.json`` have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.choices import SOLVED
from essentia_ldl.report.page import Page, bar, draw_matrix, figure, percent, table
from essentia_ldl.report.pictures import draw_curves, draw_folds, shown
from essentia_ldl.report.results import CROSSVAL, Results

# --- summary --------------------------------------------------------------------------------------------------------


def draw_summary(page: Page) -> str:
    """Draw the number that matters, what it was measured on, and what to beware of."""
    results = page.results
    number, deviation, words = _headline(results)
    facts = "".join(f"<div><dt>{shown(name)}</dt><dd>{shown(value)}</dd></div>" for name, value in _facts(results))
    warnings = "".join(f"<li>{shown(text)}</li>" for text in _warnings(page))
    beware = f'<ul class="warnings">{warnings}</ul>' if warnings else ""
    spread = f'<span class="spread">± {deviation:.2f}</span>' if deviation is not None else ""
    big, dial = "–", ""
    if number is not None:
        big, places = f"{number:.2f}{spread}", f"--s:{number:.4f};--chance:{1 / len(results.recipe.classes):.4f}"
        dial = f'<div class="dial" style="{places}"><i></i></div>'
    hero = f'<div class="hero"><p class="big">{big}</p>{dial}<p>{words}</p></div>'
    return f'<div class="top">{hero}<dl class="facts">{facts}</dl></div>{beware}'


def _headline(results: Results) -> tuple[float | None, float | None, str]:
    chance = f"chance is {1 / len(results.recipe.classes):.2f}"
    if results.kind == CROSSVAL:
        scores = results.scores
        names = list(scores["sources"])
        best = max(names, key=lambda name: results.rows[name]["balanced_accuracy_mean"])
        row = results.rows[best]
        times = f", drawn {scores['n_repeats']} times" if scores["n_repeats"] > 1 else ""
        words = f"balanced accuracy of labels <b>{shown(best)}</b>, mean and deviation over {scores['n_folds']} folds"
        return row["balanced_accuracy_mean"], row["balanced_accuracy_std"], f"{words}{times}; {chance}"
    side = "test" if "test" in results.scores else "valid"
    score = results.scores.get(side)
    told = results.scores.get("crossval")
    if score is None and told is not None:  # the final model of a cross-validation, trained on all tracks
        words = f"balanced accuracy in the cross-validation {shown(told['run'])}; this model is trained on all tracks"
        if "choice" in told:
            words = f"balanced accuracy on tracks that neither fit nor choice has seen, over {told['n_folds']} folds"
        return told["balanced_accuracy_mean"], told["balanced_accuracy_std"], f"{words}; {chance}"
    if score is None:
        return None, None, "not measured: no track was kept from training"
    where = f"balanced accuracy on {score['n_tracks']} {'test' if side == 'test' else 'validation'} tracks"
    remark = (
        ""
        if side == "test" or not score.get("chose_epoch", True)
        else "; they chose the epoch, so it is on the high side"
    )
    return score["balanced_accuracy"], None, f"{where}{remark}; {chance}"


def _facts(results: Results) -> list[tuple[str, object]]:
    plan, recipe, scores = results.plan, results.recipe, results.scores
    counts = {name: sum(track.label == name for track in results.tracks) for name in recipe.classes}
    classes = ", ".join(f"{count} {name}" for name, count in counts.items())
    artists = {track.artist for track in results.tracks} - {None}
    facts: list[tuple[str, object]] = [("tracks", f"{len(results.tracks)}: {classes}")]
    if artists:
        facts.append(("artists", len(artists)))
    if results.kind == CROSSVAL:
        kind = f"one {scores['leave_out']} left out at a time" if scores.get("leave_out") else "stratified"
        grouped = ", grouped by artist" if scores["grouped_by_artist"] else ""
        facts.append(("folds", f"{scores['n_folds']} × {scores['n_repeats']}, {kind}{grouped}"))
        facts.append(("seeds", ", ".join(map(str, scores["seeds"]))))
    else:
        roles = [track.role for track in plan.tracks]
        sides = [f"{roles.count(role)} {name}" for role, name in (("train", "train"), ("valid", "validate"))]
        sides += [f"{roles.count('test')} test"] if "test" in roles else []
        facts.append(("split", ", ".join(sides) + (", grouped by artist" if plan.grouped else "")))
    network = plan.network
    start = f"{network.pretrained}-pretrained" if network.pretrained else "from scratch"
    start = network.extractor or f"{network.backbone}, {start}"
    if network.backbones:
        start = f"{', '.join(network.backbones)} side by side (layers: {network.layers})"
    tuned = {"head": "head only", "top": "last layers"}.get(network.fine_tune, "whole network")
    if plan.learned is not None:
        start = f"{network.backbone}, {plan.learned.networks}"
        tuned = f"a classifier on {', '.join(plan.learned.targets)}"
    facts.append(("network", f"{start}, {tuned}"))
    facts.append(("labels", ", ".join(results.sources)))
    if results.kind != CROSSVAL:
        history = results.histories[results.sources[0]][0]
        epoch = f"{history['best_epoch']} of {len(history['epochs'])}, loss {history['loss']}"
        facts.append(("kept epoch", epoch) if plan.training.solver != SOLVED else ("training", "a head, solved"))
    record = results.corrections
    if record:
        changed = f"{record['n_changed']} changed, {record['n_confirmed']} confirmed, {record['n_dropped']} left out"
        facts.append(("corrections", f"{changed} ({record['file']})"))
    if results.failures:
        facts.append(("files left out", len(results.failures)))
    return facts


def _warnings(page: Page) -> list[str]:
    results = page.results
    found = [*results.scores.get("warnings", ())]
    if results.plan.card.get("demo"):
        found.append("This is the synthetic demo collection: the numbers say nothing about music.")
    adapted = results.plan.card.get("adapted")
    if isinstance(adapted, Mapping) and "note" in adapted:
        found.append(str(adapted["note"]))
    if results.kind != CROSSVAL and not results.plan.grouped:
        found.append("Not grouped by artist: one may train and validate, and the score may come out too high.")
    findings = results.scores.get("findings", ())
    found += [text if isinstance(text, str) else str(text) for text in findings]
    return [*found, *results.notes, *page.doubts.notes, *page.notes]


# --- scores ---------------------------------------------------------------------------------------------------------


def draw_scores(page: Page) -> str:
    """Draw how well each class is recognised, and in a cross-validation each fold."""
    return _draw_table_of_rows(page.results) if page.results.kind == CROSSVAL else _draw_sides(page.results)


def _draw_sides(results: Results) -> str:
    sides = [(side, name) for side, name in (("valid", "validation"), ("test", "test")) if side in results.scores]
    told = results.scores.get("crossval")
    if not sides and told is not None:
        rows = [[shown(label), bar(value, percent(value))] for label, value in told["recall"].items()]
        note = f"Measured in {shown(told['run'])}, which has all of it; this model is trained on all tracks."
        if "choice" in told:
            note = "Of tracks that neither fit nor choice has seen; the model itself is trained on all tracks."
        return f'{table(["class", "recognised out of fold"], rows, "bars")}<p class="note">{note}</p>'
    if not sides:
        return "<p>No track was kept from training, so that nothing was measured.</p>"
    rows = []
    for number, label in enumerate(results.recipe.classes):
        cells = [shown(label)]
        for side, _ in sides:
            score = results.scores[side]
            value, count = score["recall"][label], sum(score["confusion"][number])
            cells += [str(count), bar(value, percent(value))]
        rows.append(cells)
    head = ["class"] + [cell for _, name in sides for cell in (f"{name} tracks", f"recognised ({name})")]
    words = []
    for side, name in sides:
        score = results.scores[side]
        words.append(
            f"{name}: balanced accuracy {score['balanced_accuracy']:.3f} (the mean of the column), "
            f"accuracy {score['accuracy']:.3f}"
        )
    return table(head, rows, "bars") + f'<p class="note">{"; ".join(words)}.</p>'


def _draw_table_of_rows(results: Results) -> str:
    scores, rows = results.scores, results.rows
    differences = {row["name"]: row for row in scores["comparisons"]}
    against = scores["comparisons"][0]["against"] if scores["comparisons"] else ""
    best = results.best
    lines = []
    for name, row in rows.items():
        kind = "" if name in scores["sources"] else ' <small class="tag">baseline</small>'
        mean = bar(row["balanced_accuracy_mean"], f"{row['balanced_accuracy_mean']:.3f}")
        cells = [f"{'<strong>' if name == best else ''}{shown(name)}{'</strong>' if name == best else ''}{kind}", mean]
        cells += [f"± {row['balanced_accuracy_std']:.3f}", f"{row['balanced_accuracy_pooled']:.3f}"]
        found = differences.get(name)
        known = {test: found and found[test]["p"] is not None and found[test]["t"] is not None for test in _TESTS}
        p = [f"{found[test]['p']:.3f}" if known[test] else "–" for test in _TESTS]
        lines.append([*cells, f"{found['difference']:+.3f}" if found else "–", *p])
    lines += [
        [f'{shown(name)} <small class="tag">left out</small>', shown(reason), *[""] * 6]
        for name, reason in scores.get("baselines_left_out", {}).items()
    ]
    versus = f" from {shown(against)}" if against else ""
    head = ["labels", "balanced accuracy", "over folds", "pooled", f"difference{versus}"]
    html = table([*head, "p t-test", "p paired", "p corrected"], lines, "bars")
    note = (
        "t-test: independent samples, as in the paper; paired: the same folds; corrected: paired, for training sets "
        "that overlap (Nadeau and Bengio 2003)."
    )
    html += f'<p class="note">{note}</p>'
    folds = {name: [fold["balanced_accuracy"] for fold in row["folds"]] for name, row in rows.items()}
    means = {name: row["balanced_accuracy_mean"] for name, row in rows.items()}
    stds = {name: row["balanced_accuracy_std"] for name, row in rows.items()}
    picture = draw_folds(folds, means, stds, 1 / len(results.recipe.classes))
    caption = (
        "Balanced accuracy: a dot is a fold, the upright stroke their mean, the band one deviation, dashed chance."
    )
    recalls = []
    for name, row in rows.items():
        values = [[pooled["recall"][label] for pooled in row["pooled"]] for label in results.recipe.classes]
        recalls.append([shown(name), *(_shade(None if None in some else float(np.mean(some))) for some in values)])
    head = ["", *(f"<span>{shown(label)}</span>" for label in results.recipe.classes)]
    heat = table(head, recalls, f"matrix{' many' if len(results.recipe.classes) > 4 else ''}")
    words = "Tracks of each class that are recognised, in percent."
    pictures = f"{figure(picture, caption)}<figure>{heat}<figcaption>{words}</figcaption></figure>"
    return f'{html}<div class="figures">{pictures}</div>{_draw_listeners(results)}'


def _draw_listeners(results: Results) -> str:
    """Compare predictions with the share of listeners, where the run did."""
    told = results.scores.get("listeners")
    if not told:
        return ""
    lines = []
    for name, row in results.rows.items():
        found = row.get("listeners")
        if found:
            numbers = [found["divergence"]["model"], found["divergence"]["constant"], found["spearman"]]
            lines.append([shown(name), *("–" if value is None else f"{value:.3f}" for value in numbers)])
    head = ["against listeners", "divergence", "of a constant", "rank correlation"]
    note = f"Jensen-Shannon divergence (nats, less is better) from the column {told['column']} ({told['class']})."
    return f'{table(head, lines)}<p class="note">{shown(note)}</p>'


_TESTS = ("independent", "paired", "corrected")


def _shade(value: float | None) -> str:
    if value is None:
        return "–"
    deep = " deep" if value > 0.55 else ""
    return f'<span class="cell{deep}" style="--s:{value:.4f}">{100 * value:.0f}</span>'


# --- confusion ------------------------------------------------------------------------------------------------------


def draw_confusion(page: Page) -> str:
    """Draw which class is taken for which."""
    results = page.results
    if results.kind == CROSSVAL:
        # every repetition tests every track once: their sum counts a track as often as there are repetitions
        named = {name: np.sum([p["confusion"] for p in row["pooled"]], axis=0) for name, row in results.rows.items()}
        times = results.scores["n_repeats"]
        remark = f" Each track counts {times} times, once per repetition." if times > 1 else ""
    else:
        sides = {"valid": "validation tracks", "test": "test tracks"}
        named = {words: results.scores[side]["confusion"] for side, words in sides.items() if side in results.scores}
        told = results.scores.get("crossval", {})
        if "confusion" in told:
            named["tracks that no choice has seen"] = told["confusion"]
        remark = ""
    if not named:
        return "<p>No track was kept from training, so that nothing was measured.</p>"
    pictures = [
        f"<figure>{draw_matrix(np.asarray(matrix), results.recipe.classes, shown(name))}</figure>"
        for name, matrix in named.items()
    ]
    kind = "figures" if len(results.recipe.classes) <= 4 else "figures wide"
    note = "Rows: the label. Columns: the prediction. Numbers are tracks; the colour is the share of the row."
    return f'<div class="{kind}">{"".join(pictures)}</div><p class="note">{note}{remark}</p>'


# --- learning curves ------------------------------------------------------------------------------------------------


def draw_curves_section(page: Page) -> str:
    """Draw loss and mean recall by epoch."""
    results = page.results
    if results.kind == CROSSVAL:
        figures = [_draw_folds_of(name, histories) for name, histories in results.histories.items() if histories]
        note = "Mean recall on the validation tracks by epoch: a thin line is a fold, the thick one their median."
        return f'<div class="figures">{"".join(figures)}</div><p class="note">{note}</p>'
    history = results.histories[results.sources[0]][0]
    if history.get("stopped") == SOLVED:  # in one step, so that there is no curve
        return ""
    epochs, best = history["epochs"], history["best_epoch"]
    rates = [epoch["learning_rate"] for epoch in epochs]
    halvings = [n + 1 for n in range(1, len(rates)) if rates[n] < rates[n - 1]]
    train = [_number(epoch["train_loss"]) for epoch in epochs]
    valid = [_number(epoch["valid_loss"]) for epoch in epochs]
    accuracy = [_number(epoch["valid_accuracy"]) for epoch in epochs]
    loss = [(train, "c1"), *([(valid, "c2")] if np.isfinite(valid).any() else [])]
    picture = draw_curves(loss, f"loss ({history['loss']})", "Loss by epoch", best, halvings=halvings)
    dashed = " Dotted: learning rate lowered." if halvings else ""
    names = '<i class="key c1"></i> training' + (', <i class="key c2"></i> validation' if len(loss) > 1 else "")
    figures = [figure(picture, f"Loss ({history['loss']}): {names}.{dashed}")]
    if np.isfinite(accuracy).any():
        title = "Mean recall on validation tracks by epoch"
        picture = draw_curves([(accuracy, "c2")], "mean recall", title, best, (0, 1), halvings)
        figures.append(figure(picture, 'Mean recall: <i class="key c2"></i> validation.'))
    return f'<div class="figures">{"".join(figures)}</div>'


def _draw_folds_of(name: str, histories: Sequence[Mapping[str, Any]]) -> str:
    curves = [[_number(epoch["valid_accuracy"]) for epoch in history["epochs"]] for history in histories]
    shortest = min(map(len, curves))
    middle = np.median([curve[:shortest] for curve in curves], axis=0)
    lines = [*((curve, "c2 thin") for curve in curves), (middle.tolist(), "c1")]
    kept = sorted(history["best_epoch"] for history in histories)
    picture = draw_curves(lines, "mean recall", f"Mean recall by epoch, labels {name}", y=(0, 1))
    span = f"{kept[0]} to {kept[-1]}" if len(kept) > 1 else str(kept[0])
    return figure(picture, f"<b>{shown(name)}</b>: epochs {span} were kept")


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)

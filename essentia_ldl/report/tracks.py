"""Sections of the report about the tracks: label distributions, map, doubtful labels, and files left out.

In: a `Page`; out: HTML. What the script of the page needs to know stands in data attributes, so that the page can be
read without it.
"""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.collection.corrections import DROP
from essentia_ldl.labels import EDGES, score_own_mass
from essentia_ldl.report.doubts import Judged
from essentia_ldl.report.page import Page, draw_matrix, figure, percent, table
from essentia_ldl.report.pictures import choose_color, draw_histogram, draw_map, glyph, shown
from essentia_ldl.report.results import CROSSVAL
from essentia_ldl.runs.names import FAILURES

# --- label distributions --------------------------------------------------------------------------------------------


def draw_labels(page: Page) -> str:
    """Draw how much mass smoothing left on the own class, as Figure 1 of the paper, and where the rest went."""
    results, blocks, smoothed = page.results, [], False
    classes = results.recipe.classes
    labels = {track.id: track.label for track in results.tracks}
    wide = "" if len(classes) <= 4 else " wide"
    for name, tables in results.tables.items():
        if not tables:
            continue
        mass = np.concatenate([score_own_mass(one, labels) for one in tables])
        shares = [100 * np.histogram(values, EDGES)[0] / len(mass) for values in (np.ones_like(mass), mass)]
        told = results.scores["sources"][name] if results.kind == CROSSVAL else results.reports[name][0]
        mean = told.get("own_mass_mean")
        mean = float(mass.mean()) if mean is None else mean
        picture = draw_histogram(EDGES, *shares, mean, f"Mass on the own class, labels {name}")
        kinds = '<i class="key before"></i> before (one-hot) <i class="key after"></i> after'
        figures = [figure(picture, f"<b>{shown(name)}</b>: {kinds}; {len(mass)} labels of training tracks.")]
        if mass.min() < 1 - 1e-6:
            smoothed = True
            rows = np.concatenate([one.distributions for one in tables])
            truth = np.array([labels[track_id] for one in tables for track_id in one.ids])
            matrix = [100 * rows[truth == label].mean(axis=0) for label in classes]
            caption = f"{shown(name)}: mean mass in percent"
            figures.append(f"<figure>{draw_matrix(np.stack(matrix), classes, caption, '.0f')}</figure>")
        blocks.append(f'<div class="figures{wide}">{"".join(figures)}</div>')
    if not blocks:
        return "<p>This run does not hold its label distributions.</p>"
    note = "Rows: the label before. Columns: where its mass is after smoothing."
    return "".join(blocks) + (f'<p class="note">{note}</p>' if smoothed else "")


# --- map ------------------------------------------------------------------------------------------------------------


def draw_maps(page: Page) -> str:
    """Draw the tracks on a plane."""
    results = page.results
    if not page.maps:
        return "<p>There is no map: the features of the tracks are not in the store any more.</p>"
    classes = results.recipe.classes
    by_id = {row.track.id: row for row in page.doubts.judged}
    shapes, agreement, wrong, names = [], [], [], []
    for track in results.tracks:
        row, own = by_id[track.id], classes.index(track.label)
        model = row.opinions.get("model")
        shapes.append(own)
        agreement.append(1 - row.disagreement if row.opinions else float("nan"))
        wrong.append(model is not None and int(np.argmax(model)) != own)
        names.append(f"{track.id} ({track.label})")
    pictures = [
        figure(draw_map(places, shapes, agreement, wrong, names, f"Tracks by {name}"), shown(name))
        for name, places in page.maps
    ]
    keys = "".join(
        f'<button type="button" class="class" data-class="{number}"><svg viewBox="-7 -7 14 14" aria-hidden="true">'
        f'<path d="{glyph(number)}"/></svg>{shown(label)}</button>'
        for number, label in enumerate(classes)
    )
    scale = ", ".join(choose_color(step / 4) for step in range(5))
    legend = (
        f'<div class="legend"><div class="keys">{keys}</div><div class="scale"><span>label disputed</span>'
        f'<i style="background:linear-gradient(90deg, {scale})"></i><span>label agreed</span>'
        '<svg viewBox="-7 -7 14 14" aria-hidden="true"><path class="pt wrong" d="M-3.6 0A3.6 3.6 0 1 0 3.6 0'
        'A3.6 3.6 0 1 0 -3.6 0Z" fill="none"/></svg><span>predicted wrongly, unseen</span></div></div>'
    )
    note = (
        '<p class="note">Tracks that sound alike are near one another (t-SNE). The shape is the label; the colour is '
        "what the audit's opinions leave of it. A point opens its track. Where LMNN made the space it "
        "has pulled the tracks it learned from towards their class, so a tidy picture is no proof.</p>"
    )
    panel = '<div class="picked" id="picked" aria-live="polite"></div>'
    return f'{legend}<div class="figures maps">{"".join(pictures)}</div>{panel}{note}'


# --- files left out -------------------------------------------------------------------------------------------------


def draw_failures(page: Page) -> str:
    """List the files that were left out, and why."""
    rows = [
        [shown(Path(row["path"]).name), shown(row["step"]), shown(row["reason"])] for row in page.results.failures[:100]
    ]
    more = len(page.results.failures) - len(rows)
    rest = f'<p class="note">{more} more are in {FAILURES}.</p>' if more > 0 else ""
    return table(["file", "step", "reason"], rows, "plain") + rest if rows else ""


# --- doubtful labels ------------------------------------------------------------------------------------------------


def draw_doubts(page: Page) -> str:
    """List the tracks whose label is most in doubt, with a player each and a place for the correction."""
    doubts, results = page.doubts, page.results
    if not any(row.opinions for row in doubts.judged):
        return "<p>No label could be judged: the features of the tracks are not in the store any more.</p>"
    rows = page.listed
    n_doubtful = sum(row.suggestion != row.track.label and not row.correction for row in doubts.judged)
    command = f"essentia-ldl {' '.join(map(shlex.quote, write_command(page)))}"
    intro = (
        f"<p>Of {len(results.tracks)} labels, <b>{n_doubtful}</b> would be another one if these opinions decided:</p>"
        f'<ul class="opinions-used">{"".join(f"<li>{shown(rule)}</li>" for rule in doubts.rules)}</ul>'
        "<p>The disagreement is their mean of 1 minus the probability of the label. Every opinion on a track leaves "
        "that track out; otherwise all tracks take part, whatever side of the split they were on, because this looks "
        "for mistakes and measures no model. High disagreement means <em>listen</em>, not <em>wrong</em>.</p>"
        f"<p>Listen, choose, save the corrections and hand them back: <code>{shown(command)}</code> and the "
        "<code>--data</code> of before. Or fill the column <code>correction</code> of audit.csv, which lists every "
        f"track: <code>essentia-ldl annotate --audit {shown(shlex.quote(results.folder.name))}</code> plays one after "
        "the other and does it for you.</p>"
    )
    classes = results.recipe.classes
    tools = (
        '<div class="tools js"><label>Order <select id="order"><option value="rank">most doubtful first</option>'
        '<option value="label">label</option><option value="suggestion">suggestion</option>'
        '<option value="artist">artist</option><option value="name">name</option></select></label>'
        '<button type="button" id="save" disabled>Save corrections.csv</button>'
        '<span id="count" aria-live="polite"></span></div>'
    )
    places = {track.id: (number, track.label) for number, track in enumerate(results.tracks)}
    body = "".join(_draw_row(page, rank, row, classes, places) for rank, row in enumerate(rows, start=1))
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("", "track", "label", "share that each opinion leaves to the label")
    )
    head += '<th scope="col" class="js">correction</th>'
    # what a person said before stays in the file that the page saves; data attributes take json, escaped
    before = [[name, word] for name, word in doubts.corrections.items() if _is_text(name)]
    kept = f' data-before="{shown(json.dumps(before))}"' if before else ""
    listed = f'<table class="audit" id="rows"{kept}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    decided = sum(bool(row.correction) for row in doubts.judged)
    rest = [f"{len(rows)} of {len(doubts.judged)} tracks are listed; audit.csv has all."]
    if decided:
        rest.append(f"{decided} that a person has judged before are not listed again.")
    return f'{intro}{tools}{listed}<p class="note">{" ".join(rest)}</p>{_write_data(page)}'


def write_command(page: Page) -> list[str]:
    """Return the arguments that repeat a run with corrections: of its own recipe, which it holds, on the same folds."""
    results, scores = page.results, page.results.scores
    path = results.folder / "recipe.toml"
    recipe = str(path) if path.is_file() else results.recipe.task  # runs of the first versions hold none
    if path.is_file() and page.is_portable:
        home = results.home.root
        recipe = str(path.relative_to(home if path.is_relative_to(home) else results.folder.parent))
    command = [results.kind, recipe, "--corrections", "corrections.csv"]
    if results.kind == CROSSVAL:
        command += [word for source in scores["sources"] for word in ("--labels", source)]
        column = scores.get("leave_out")
        command += ["--leave-out", column] if column else ["--folds", str(scores["n_folds"])]
        command += ["--repeats", str(scores["n_repeats"])]
    return command


def _draw_row(page: Page, rank: int, row: Judged, classes: Sequence[str], places: Mapping[str, tuple[int, str]]) -> str:
    track, column = row.track, classes.index(row.track.label)
    folder, name = _split_name(track.id)
    artist = f'<span class="artist">{shown(track.artist)}</span>' if track.artist else ""
    kind = f' data-id="{html.escape(track.id)}"' if _is_text(track.id) else ""
    agreed = row.suggestion == track.label
    arrow = "" if agreed else f' <span class="arrow">→</span> <b class="suggestion">{shown(row.suggestion)}</b>'
    meters = "".join(
        f'<span class="opinion"><span>{shown(key)}</span><span class="meter two"><i style="--s:{share:.4f}"></i></span>'
        f'<span class="num">{percent(share)}</span></span>'
        for key, share in ((key, float(values[column])) for key, values in row.opinions.items())
    )
    near = ", ".join(f"{shown(_split_name(i)[1])} ({shown(places[i][1])})" for i in row.nearest[:3])
    near = f'<span class="near">nearest: {near}</span>' if near else ""
    options = "".join(f'<option value="{shown(label)}">{shown(label)}</option>' for label in classes)
    choose = (
        f'<select aria-label="correction of {shown(name)}"><option value="">keep unjudged</option>{options}'
        f'<option value="{DROP}">leave the track out</option></select>'
        if kind
        else "<small>name is not UTF-8: use audit.csv</small>"
    )
    sound = page.sounds.get(track.id)
    player = (
        f'<audio controls preload="none" src="{shown(sound)}"></audio>'
        if sound
        else '<span class="silent">no player: the file is not where it was</span>'
    )
    sort = f'data-rank="{rank}" data-label="{shown(track.label)}" data-suggestion="{shown(row.suggestion)}" '
    sort += f'data-artist="{shown(track.artist or "")}" data-name="{shown(name)}"'
    return (
        f'<tr id="track-{places[track.id][0]}" {sort}{kind}><td class="rank"><b>{rank}</b><i class="doubt" '
        f'style="--s:{row.disagreement:.4f};--c:{choose_color(1 - row.disagreement)}" '
        f'title="disagreement {row.disagreement:.2f}">{row.disagreement:.2f}</i></td>'
        f'<td class="track"><b>{shown(name)}</b> <small>{shown(folder)}</small>{artist}{player}</td>'
        f'<td class="label"><span class="given">{shown(track.label)}</span>{arrow}</td>'
        f'<td class="opinions">{meters}{near}</td>'
        f'<td class="choose js">{choose}</td></tr>'
    )


def _is_text(name: str) -> bool:
    """Tell whether a name is UTF-8: only such an id survives the page."""
    return _clean(name) == name


def _split_name(track_id: str) -> tuple[str, str]:
    """Return the folder and the name of an id that is a path."""
    folder, slash, name = track_id.rpartition("/")
    return (folder + slash, name) if name else ("", track_id)


def _write_data(page: Page) -> str:
    """Return what the script shows for a point of the map: one list per track, in the order of `results.tracks`."""
    listed = {row.track.id for row in page.listed}
    by_id = {row.track.id: row for row in page.doubts.judged}
    rows = []
    for track in page.results.tracks:
        row = by_id[track.id]
        own = page.results.recipe.classes.index(track.label)
        said = [f"{name} {percent(float(values[own]))}" for name, values in row.opinions.items()]
        sound = page.sounds.get(track.id, "")
        # an excerpt is in the page once, in its row of the doubtful labels
        sound = "" if track.id in listed else sound
        texts = [_clean(text) for text in (track.id, track.artist or "", track.label, row.suggestion, ", ".join(said))]
        rows.append([*texts, sound, int(track.id in listed)])
    data = json.dumps(rows, ensure_ascii=True).replace("<", "\\u003c")
    return f'<script type="application/json" id="tracks">{data}</script>'


def _clean(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

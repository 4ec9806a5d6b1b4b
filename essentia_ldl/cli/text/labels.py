"""What the terminal shows of label sources. In: `LabelledSource` and `Labelled`; out: lines of text.

Sources whose columns are the classes are told by the mass on a track's own class; auxiliary ones, groups of artists,
by the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl import labels as label_sources
from essentia_ldl.records import LabelTable
from essentia_ldl.train.show_labels import Labelled, LabelledSource


def describe_source(done: LabelledSource) -> list[str]:
    """Write where the table of a source is and what is in it."""
    lines = [f"{done.name}: {done.file}"]
    if label_sources.is_auxiliary(done.name):
        return lines + describe_groups(done.report)
    lines.append(draw_histogram({done.name: done.table}, done.true_labels))
    return [*lines, *describe_own_mass(done.table, done.true_labels), *_describe_learning(done.report)]


def describe_picture(done: Labelled) -> list[str]:
    """Write where the histogram is, if there is one."""
    return [] if done.picture is None else [str(done.picture)]


def draw_histogram(
    tables: LabelTable | Mapping[str, LabelTable], labels: Mapping[str, str], width_characters: int = 40
) -> str:
    """Return the histogram of the own-class mass as lines of text, one block a table.

    Parameters
    ----------
    tables : LabelTable or Mapping[str, LabelTable]
        One table, or several by name.
    labels : Mapping[str, str]
        True class of each track id.
    width_characters : int
        Length of the longest bar.

    Returns
    -------
    str
        Lines without a final newline; plain ASCII apart from the names.

    Raises
    ------
    DataError
        When there is no table or no track, or a label does not fit.
    """
    blocks = []
    for name, mass in label_sources.score_own_masses(tables, labels).items():
        counts = np.histogram(mass, label_sources.EDGES)[0]
        title = f"{name}: " if name else ""
        lines = [f"{title}mass on the own class, mean {mass.mean():.2f}, {len(mass)} tracks"]
        for tenth, count in enumerate(counts):
            # A bin that has a track shows at least one mark.
            marks = "#" * max(round(width_characters * count / counts.max()), int(count > 0))
            lines.append(f"{tenth / 10:4.1f} |{marks} {count}" if count else f"{tenth / 10:4.1f} |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def describe_own_mass(table: LabelTable, labels: Mapping[str, str]) -> list[str]:
    """Return one line per class: how much mass its tracks have on it.

    Parameters
    ----------
    table : LabelTable
        Distributions.
    labels : Mapping[str, str]
        True class of each track id.

    Returns
    -------
    list[str]
        Mean, least, and the number of tracks with more mass on another class; classes without tracks have no line.

    Raises
    ------
    DataError
        When a track of the table has no label, or one that is no class of the table.
    """
    mass = label_sources.score_own_mass(table, labels)
    contrary = mass < table.distributions.max(axis=1, initial=0)
    truth = np.array([labels[track_id] for track_id in table.ids])
    width = max(map(len, table.classes))
    return [
        f"  {name:<{width}}  mean {mass[truth == name].mean():.2f}, min {mass[truth == name].min():.2f},"
        f" {contrary[truth == name].sum()} of {(truth == name).sum()} tracks have more on another class"
        for name in table.classes
        if name in truth
    ]


def _describe_learning(report: Mapping[str, Any]) -> list[str]:
    """Write how LMNN came out, where it learned anything."""
    lines = []
    if "n_iter" in report:
        state = "converged" if report.get("converged") else "stopped"
        lines.append(f"LMNN {state} after {report['n_iter']} iterations")
    if "n_filtered" in report:
        lines.append(f"LMNN did not learn from {_count(report['n_filtered'])}: most neighbours contradict")
        if any(report["n_put_back"].values()):
            lines.append(f"it learned from {_count(report['n_put_back'])} all the same: too few were left")
    return lines


def _count(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())


def describe_groups(report: Mapping[str, Any], width_characters: int = 100) -> list[str]:
    """Write the report of a fitted source as lines for the terminal: sizes, who is left out, and the groups.

    Parameters
    ----------
    report : Mapping[str, Any]
        `ArtistGroupSource.report`.
    width_characters : int
        Longest line of the table.

    Returns
    -------
    list[str]
    """
    lines = [
        f"{report['n_tracks']} tracks of {report['n_artists'] - len(report['artists_without_words'])} artists"
        f" ({report['n_artists_with_one_track']} of one track), {report['n_words_used']} words in use",
        f"perplexity of the words {report['perplexity']:.1f}; entropy of an artist's groups, mean"
        f" {report['entropy_mean']:.2f} nats of {np.log(len(report['groups'])):.2f}",
    ]
    if report.get("n_columns"):
        dropped = report["n_dropped_columns"]
        lines.append(f"{dropped} of {report['n_columns']} descriptors dropped: not finite in a track, or constant")
    nameless, silent = report["tracks_without_artist"], report["artists_without_words"]
    if nameless:
        lines.append(f"no target: {nameless} track{'s' * (nameless > 1)} without artist")
    if silent:
        start = f"no target: {len(silent)} artist{'s' * (len(silent) > 1)} without words: "
        more = f" and {len(silent) - label_sources.N_SHOWN} more" if len(silent) > label_sources.N_SHOWN else ""
        lines.append(start + _fit(silent[: label_sources.N_SHOWN], width_characters - len(start) - len(more)) + more)
    lines += tabulate_groups(report, width_characters)
    small = len(report["groups"]) - report["n_groups_used"]
    if small:
        lines.append(f"{small} more groups hold less than {100 * label_sources.LEAST_SHARE:g} % of the tracks each")
    return lines


def tabulate_groups(report: Mapping[str, Any], width_characters: int = 100) -> list[str]:
    """Write the groups of a report as lines of a table: name, share of the tracks, artists, words.

    Parameters
    ----------
    report : Mapping[str, Any]
        What `describe_groups` returned.
    width_characters : int
        Longest line; artists and words share what name and share leave, and as many are named as fit.

    Returns
    -------
    list[str]
        A head, and one line per group with at least `label_sources.LEAST_SHARE` of the tracks.
    """
    shown = [group for group in report["groups"] if group["share"] >= label_sources.LEAST_SHARE]
    first = max(5, *(len(group["name"]) for group in shown))
    space = width_characters - first - 2 - 6 - 4
    chance = 1 / report["n_words"]
    words = [[word["name"] for word in group["words"] if word["weight"] > chance] for group in shown]
    if all(name.startswith("cluster ") for names in words for name in names):
        words = [[name.removeprefix("cluster ") for name in names] for names in words]
        head = "clusters"
    else:
        head = "sub-genres"
    artists = [[artist["name"] for artist in group["artists"] if artist["weight"] >= 0.01] for group in shown]
    right = min(max(len(head), *(len(", ".join(names)) for names in words)), space // 2)
    left = min(max(7, *(len(", ".join(names)) for names in artists)), space - right)
    lines = [f"{'group':<{first}}  tracks  {'artists':<{left}}  {head}"]
    for group, who, what in zip(shown, artists, words, strict=True):
        share = f"{100 * group['share']:.1f} %"
        lines.append(f"{group['name']:<{first}}  {share:>6}  {_fit(who, left):<{left}}  {_fit(what, right)}".rstrip())
    return lines


def _fit(names: Sequence[str], width: int) -> str:
    """Join as many names as fit; a first one that does not fit is cut."""
    text = ""
    for number, name in enumerate(names):
        longer = f"{text}, {name}" if number else name
        if len(longer) > width:
            break
        text = longer
    return text or (f"{names[0][: width - 1]}…" if names else "")

"""The `labels` command: distributions of a collection as tables, a histogram and a few lines for the terminal.

Sources whose columns are the classes are told by the mass on a track's own class; auxiliary ones, groups of artists,
by the groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from essentia_ldl import labels as label_sources
from essentia_ldl.files import Home
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.targets import write_report, write_table
from essentia_ldl.train import train as steps
from essentia_ldl.train.compose import fit_labels

DEFAULT_SOURCES = ("sa", "sb")


def describe_labels(
    task: str, data: str | None, sources: Sequence[str], home: Home, output: str | None, n_jobs: int | None
) -> Iterator[str]:
    """Fit label sources on a whole collection; write what they say of each track, and labels.json with their reports.

    Parameters
    ----------
    task : str
        A recipe's name or file.
    data : str or None
        Folder or table; None is the demo.
    sources : sequence of str
        Label sources, also joined by "+", and "agf" for all of artist group factors; empty means SA and SB.
    home : Home
        Whose store, recipes and runs are meant.
    output : str or None
        Folder to write to; None is runs/<task>-labels.
    n_jobs : int or None
        Worker processes.

    Yields
    ------
    str
        Lines for the terminal.

    References
    ----------
    Buisson et al. 2022, Figure 1: histogram of the mass on a track's own class.
    """
    recipe = read_recipe(task, home.recipes)
    sources = list(dict.fromkeys(name for text in sources for name in label_sources.expand(text)))
    sources = sources or list(DEFAULT_SOURCES)
    lines: list[str] = []
    collection, _ = steps.prepare(recipe, data, sources, n_jobs, lines.append, home=home, bands=False, draw=_take_all)
    yield from lines
    folder = Path(output) if output else home.runs / f"{recipe.task}-labels"
    split = Split(tuple(track.id for track in collection.tracks))
    true_labels = {track.id: track.label for track in collection.tracks}
    tables, reports = {}, {}
    for source in sources:
        table, report = fit_labels(recipe, source, collection, split)
        reports[source] = report
        write_table(table, folder / f"{source}.csv")
        yield f"{source}: {folder / f'{source}.csv'}"
        if label_sources.is_auxiliary(source):
            yield from label_sources.tell_groups(report)
            continue
        tables[source] = table
        yield label_sources.text_histogram({source: table}, true_labels)
        yield from label_sources.describe_own_mass(table, true_labels)
        if "n_iter" in report:
            state = "converged" if report.get("converged") else "stopped"
            yield f"LMNN {state} after {report['n_iter']} iterations"
        if "n_filtered" in report:
            yield f"LMNN did not learn from {_count(report['n_filtered'])}: most neighbours contradict"
            if any(report["n_put_back"].values()):
                yield f"it learned from {_count(report['n_put_back'])} all the same: too few were left"
    write_report(folder, reports)
    if tables:
        picture = folder / "histogram.png"
        label_sources.write_histogram(tables, true_labels, picture, title=recipe.task)
        yield str(picture)


def _take_all(tracks: Sequence[Track]) -> list[Split]:
    """Let every track train: labels are described on all of them."""
    return [Split(tuple(track.id for track in tracks))]


def _count(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())

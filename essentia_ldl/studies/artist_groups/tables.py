"""Measured artist group factors beside the paper's Tables 3, 4 and 5 and Figure 3, as text, Markdown and CSV.

In: one row per training, as `comparison` describes it. Out: lines, agf.md, agf.csv and, by `figure`, figure3.png.
The lines of the terminal are made here and not in `cli.text`, because they share their layout with the Markdown: every
table is laid out once, as cells of text with a "|" between ours and the paper's, and written for the terminal (at most
100 columns) and for Markdown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from essentia_ldl.errors import DataError
from essentia_ldl.files import replacing
from essentia_ldl.studies.artist_groups.comparison import (
    LEVEL,
    METRICS,
    Kind,
    Trainings,
    average_seeds,
    collect,
    compare,
)
from essentia_ldl.studies.artist_groups.figure import draw_figure
from essentia_ldl.studies.artist_groups.paper import (
    COMBINATIONS,
    DATA,
    MARKS,
    NOTES,
    PAIRED,
    REASONS,
    SHORT,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    WORDS,
    Score,
    average_scores,
    find_best,
    list_sets,
)

PAPER = {Kind(networks, targets, len(targets)): score for (networks, targets), score in TABLE_4.items()} | {
    Kind("wide", "g", n): TABLE_5["wide", n] for n in range(2, 6)
}
PRINTED = Score._fields
FIELDS = (
    *("split", *Kind._fields, "seeds", "n_test", "parameters"),
    *(f"{metric}{part}" for metric in METRICS for part in ("", "_deviation")),
    *(f"{metric}_paper" for metric in PRINTED),
    *(f"{metric}_{part}" for metric in METRICS for part in ("difference", "low", "high", "p", "p_holm")),
)
_BY_SIZE = ("N", "wSTN", "STN", "MTN")


class _Table(NamedTuple):
    """A table to be written: its title, one head per column, rows of as many cells, and remarks below."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()


def describe(rows: Sequence[Mapping[str, Any]], *, is_demo: bool = False) -> list[str]:
    """Write everything for a terminal.

    Parameters
    ----------
    rows : sequence of Mapping
        One per training.
    is_demo : bool
        Whether they are of synthesised music, for the heading.

    Returns
    -------
    list[str]
        Lines of at most 100 columns; sets of targets that no training has are left out, unless there is no training.

    Raises
    ------
    DataError
        When a row lacks a key, has a value that cannot be, or is there twice.
    """
    splits = collect(rows)
    lines = _wrap(_head(is_demo))
    for split, measured in splits.items():
        lines += ["", *_wrap([_describe_split(split, measured)])]
        for table in _lay_out(rows, split, measured, whole=not rows):
            lines += ["", *_align(table)]
    return [*lines, "", "agf.md says what else is odd about the paper's numbers"]


def write_files(folder: Path, rows: Sequence[Mapping[str, Any]], *, is_demo: bool = False) -> list[Path | str]:
    """Write agf.md and agf.csv, all of the paper's cells in them, and figure3.png.

    Parameters
    ----------
    folder : Path
        Where to; made when it is missing.
    rows : sequence of Mapping
        One per training.
    is_demo : bool
        Whether they are of synthesised music, for the heading.

    Returns
    -------
    list[Path | str]
        The files; instead of the picture a sentence when matplotlib, an extra, is not installed.

    Raises
    ------
    DataError
        When a row lacks a key, has a value that cannot be, or is there twice.
    StoreError
        When a file cannot be written.
    """
    splits = collect(rows)
    written: list[Path | str] = []
    texts = (
        ("agf.md", _write_markdown(rows, splits, _head(is_demo))),
        ("agf.csv", _write_csv(rows, splits)),
    )
    for name, content in texts:
        with replacing(folder / name) as file:
            file.write(content.encode("utf-8", "surrogateescape"))
        written.append(folder / name)
    try:
        draw_figure(folder / "figure3.png", splits, "demo" if is_demo else "")
        written.append(folder / "figure3.png")
    except DataError as error:  # matplotlib is an extra
        written.append(str(error))
    return written


def _head(is_demo: bool) -> list[str]:
    if is_demo:
        return [
            "measured on the demo, synthesised music | the paper's values",
            f"The paper's numbers are of {DATA}; these are not: compare directions, not values.",
        ]
    return [
        "measured | the paper's values",
        f"The paper's numbers are of {DATA}, one training each; those of other data are not to be compared.",
    ]


def _describe_split(split: str, measured: Mapping[Kind, Trainings]) -> str:
    seeds = sorted({seed for one in measured.values() for seed in one.seeds})
    if not seeds:
        return "nothing measured yet"
    tests = sorted({n for one in measured.values() for n in one.n_test})
    tracks = f"{tests[0]}" if len(tests) == 1 else f"{tests[0]} to {tests[-1]}"
    return (
        f"{split} split: {sum(len(one.seeds) for one in measured.values())} trainings of {len(measured)} kinds,"
        f" seeds {', '.join(map(str, seeds))}; {tracks} test tracks"
    )


def _lay_out(
    rows: Sequence[Mapping[str, Any]], split: str, measured: Mapping[Kind, Trainings], whole: bool
) -> Iterable[_Table]:
    values = average_seeds(measured)
    yield _lay_out_table_4(measured, whole)
    yield _lay_out_averages("Table 3: averages with and without g", values, "")
    yield from _lay_out_table_5(measured, values)
    yield _lay_out_averages("Figure 3: averages by number of targets", values, "n")
    found = [row for row in compare(rows) if row["split"] == split]
    if found:
        yield _lay_out_comparison(found, whole)


def _lay_out_table_4(measured: Mapping[Kind, Trainings], whole: bool) -> _Table:
    body, n_left_out = [], 0
    for targets in COMBINATIONS:
        kinds = [Kind(networks, targets, len(targets)) for networks in PAIRED]
        if not whole and not any(kind in measured for kind in kinds):
            n_left_out += 1
            continue
        places = [(kind, metric) for kind in kinds for metric in PRINTED]
        line = [_pair(_ours(measured.get(kind), metric), PAPER.get(kind), metric) for kind, metric in places]
        body.append([targets, *line])
    remarks = ["±: deviation over seeds; -: not measured, or not in the paper"]
    if n_left_out:
        remarks.append(f"{n_left_out} of the {len(COMBINATIONS)} sets of targets are not measured; agf.md has them all")
    return _Table("Table 4: sets of targets", ("targets", *_heads(PAIRED)), body, remarks)


def _lay_out_averages(title: str, values: Mapping[tuple[str, str], Score], by: str) -> _Table:
    """Lay out Table 3, or Figure 3 with `by` "n"."""
    if by:
        groups = {str(n): list_sets(n_targets=n) for n in range(1, 6)}
    else:
        names = {False: "without g", True: "with g"}
        groups = {name: list_sets(has_genre) for has_genre, name in names.items()}
        groups |= {f"{n}, 2+": list_sets(has, at_least=2) for has, n in names.items()}
    body = []
    for name, sets in groups.items():
        line = []
        for networks in PAIRED:
            done = [targets for targets in sets if (networks, targets) in values]
            ours = average_scores(values, networks, done)
            # where nothing is measured, the average that the paper has
            paper = average_scores(TABLE_4, networks, done or sets)
            line += [_pair(_number(ours and getattr(ours, metric)), paper, metric) for metric in PRINTED]
            line.append(f"{len(done)} of {sum((networks, targets) in TABLE_4 for targets in sets)}")
        body.append([name, *line])
    heads = [head for networks in PAIRED for head in (*_heads([networks]), "sets")]
    remarks = ["the paper's: averages of its Table 4 over the sets that are measured here"]
    if not by:
        printed = "; ".join(
            f"{SHORT[networks]} {'with' if has else 'without'} g {score.log_loss:.4f}, {score.macro_f1:.4f}"
            for (networks, has), score in TABLE_3.items()
        )
        remarks += [
            "2+: sets of two targets and more, which both kinds of networks have",
            f"printed: {printed}",
        ]
    return _Table(title, ("targets" if by else "sets", *heads), body, remarks)


def _lay_out_table_5(measured: Mapping[Kind, Trainings], values: Mapping[tuple[str, str], Score]) -> Iterable[_Table]:
    alone = Kind("separate", "g", 1)
    for metric in PRINTED:
        body = [["1", "", f"{_pair(_ours(measured.get(alone), metric), PAPER[alone], metric)} g", ""]]
        for n in range(2, 6):
            line = [_pair(_ours(measured.get(Kind("wide", "g", n)), metric), TABLE_5["wide", n], metric)]
            line[0] += MARKS.get(("wide", n, metric), "")
            for networks in PAIRED:
                best = find_best(values, networks, n, metric)
                ours = _ours(measured.get(Kind(networks, best, n)), metric)
                mark = MARKS.get((networks, n, metric), "")
                line.append(f"{_pair(ours, TABLE_5[networks, n], metric)}{mark} {best}".rstrip())
            body.append([str(n), *line])
        last = metric == PRINTED[-1]
        remarks = ["STN, MTN: the best set of N targets (named) on the test tracks, as in the paper"] if last else []
        remarks += [f"{mark}: {reason}" for mark, reason in REASONS.items()] if last else []
        yield _Table(f"Table 5: {WORDS[metric]} of wide and of several networks", _BY_SIZE, body, remarks)
    sizes = {
        (networks, n): [one.parameters for kind, one in measured.items() if (kind.networks, kind.n) == (networks, n)]
        for networks in ("wide", *PAIRED)
        for n in range(2, 6)
    }
    if any(sizes["wide", n] for n in range(2, 6)):
        body = []
        for n in range(2, 6):
            counts = [sizes[networks, n] for networks in ("wide", *PAIRED)]
            body.append([str(n), *(f"{sum(c) / len(c):,.0f}" if c else "-" for c in counts)])
        yield _Table("Table 5: parameters", _BY_SIZE, body)


def _lay_out_comparison(found: Sequence[Mapping[str, Any]], whole: bool) -> _Table:
    body = []
    shown = found if whole else [row for row in found if "g" in row["targets"]]
    for row in shown:
        name = f"{SHORT[row['networks']]} {row['n'] if row['networks'] == 'wide' else row['targets']}"
        line = []
        for metric in METRICS:
            one = row["metrics"][metric]
            star = "*" if one["p_holm"] < LEVEL else ""
            p = "<.001" if one["p"] < 0.0005 else _short(one["p"], "")
            difference, low, high = (_short(one[part]) for part in ("difference", "low", "high"))
            line.append(f"{difference} [{low}, {high}] {p:>5}{star or ' '}")
        body.append([name, *line])
    ratios = [row["ratio"] for row in found]
    seeds = sorted({row["n_seeds"] for row in found})
    times = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    if max(ratios) > 0:
        covers = (
            "seeds redraw the split: corrected resampled t-test (Nadeau and Bengio 2003), tested to trained tracks"
            f" {max(ratios):.3f}; it covers split and training, on tracks of this collection"
        )
    else:
        covers = "all seeds have the same split: paired t-test; it covers the training, not other test tracks"
    remarks = [
        f"mean over {times} seeds of the same split and seed [95 % interval] p; a lower log loss is better",
        covers,
        f"*: p < {LEVEL} after Holm's correction for the {len(found)} comparisons of the metric"
        + ("" if len(shown) == len(found) else "; agf.md also has the sets without g"),
    ]
    return _Table("Differences to g alone (STN g)", ("", *(WORDS[metric] for metric in METRICS)), body, remarks)


def _heads(networks: Iterable[str]) -> list[str]:
    return [f"{SHORT[name]} {WORDS[metric]}" for name in networks for metric in PRINTED]


def _number(value: float | None, deviation: float | None = None) -> str:
    return "-" if value is None else f"{value:.4f}" + ("" if deviation is None else f"±{deviation:.4f}")


def _short(value: float, sign: str = "+") -> str:
    text = f"{value:{sign}.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _ours(one: Trainings | None, metric: str) -> str:
    return "-" if one is None else _number(one.mean(metric), one.deviation(metric))


def _pair(ours: str, paper: Score | None, metric: str) -> str:
    return f"{ours}|{_number(paper and getattr(paper, metric))}"


def _wrap(lines: Iterable[str], width: int = 100) -> list[str]:
    import textwrap

    wrapped = []
    for line in lines:
        indent = "  " if line.startswith("- ") else ""
        wrapped += textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)
    return wrapped


def _align(table: _Table) -> list[str]:
    """Write a table with its columns aligned, at the "|" where there is one."""
    columns = []
    for number in range(len(table.head)):
        parts = [row[number].partition("|") for row in table.rows]
        left, right = (max((len(part[side]) for part in parts), default=0) for side in (0, 2))
        cells = [f"{a:>{left}}{bar or ' '}{b:<{right}}" if right else a for a, bar, b in parts]
        width = max([len(table.head[number]), *map(len, cells)])
        columns.append([f"{text:{'>' if number else '<'}{width}}" for text in (table.head[number], *cells)])
    body = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    return [table.title, *body, *_wrap(table.remarks)]


def _write_markdown(
    rows: Sequence[Mapping[str, Any]], splits: Mapping[str, Mapping[Kind, Trainings]], heading: Sequence[str]
) -> str:
    lines = ["# Artist group factors, measured / paper", ""]
    for line in heading:
        lines += [line, ""]
    for split, measured in splits.items():
        lines += [f"## {split.capitalize()} split" if split else "## No training yet", ""]
        lines += [_describe_split(split, measured), ""]
        for table in _lay_out(rows, split, measured, whole=True):
            lines += [f"### {table.title}", "", f"| {' | '.join(table.head)} |", "| --- " * len(table.head) + "|"]
            for row in table.rows:
                cells = (cell.strip().replace("|", " / ").replace("*", "\\*") for cell in row)
                lines.append(f"| {' | '.join(cells)} |")
            lines += ["", *(f"- {remark}".replace("*", "\\*") for remark in table.remarks), ""]
    return "\n".join([*lines, "## About the paper", "", *(f"- {note}" for note in NOTES)]) + "\n"


def _write_csv(rows: Sequence[Mapping[str, Any]], splits: Mapping[str, Mapping[Kind, Trainings]]) -> str:
    compared = {(row["split"], *(row[name] for name in Kind._fields)): row["metrics"] for row in compare(rows)}
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for split, measured in splits.items():
        for kind in dict.fromkeys((*PAPER, *measured)):
            row: dict[str, Any] = {"split": split, **kind._asdict()}
            if kind in PAPER:
                row |= {f"{metric}_paper": getattr(PAPER[kind], metric) for metric in PRINTED}
            one = measured.get(kind)
            if one is not None:
                row |= {"seeds": " ".join(map(str, one.seeds)), "parameters": one.parameters}
                row["n_test"] = " ".join(map(str, sorted(set(one.n_test))))
                for metric in METRICS:
                    row |= {metric: one.mean(metric), f"{metric}_deviation": one.deviation(metric)}
            for metric, numbers in compared.get((split, *kind), {}).items():
                row |= {f"{metric}_{part}": value for part, value in numbers.items()}
            writer.writerow(row)
    return text.getvalue()

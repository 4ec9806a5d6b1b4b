"""What the terminal shows of the papers' experiments. In: what they measured; out: lines of text."""

from __future__ import annotations

from essentia_ldl.studies.artist_groups import tables as artist_groups_tables
from essentia_ldl.studies.artist_groups.command import Experiment
from essentia_ldl.studies.table2 import tables as table2_tables
from essentia_ldl.studies.table2.command import Table
from essentia_ldl.studies.tagging.command import Benchmarked
from essentia_ldl.studies.tagging.page import FILE as BENCHMARK_PAGE
from essentia_ldl.studies.tagging.pictures import describe_number
from essentia_ldl.studies.tagging.results import FILE as BENCHMARK
from essentia_ldl.studies.tagging.results import describe_interval


def describe_table2(done: Table) -> list[str]:
    """Write the table, measured beside the paper's; after a dry run, where the measured costs are."""
    if not done.rows:
        return [f"nothing trained; the measured costs are in {done.folder / 'costs.json'}"]
    return [*table2_tables.describe_rows(done.rows, done.heading), str(done.folder / "table2.md")]


def describe_artist_groups(done: Experiment) -> list[str]:
    """Write the tables, measured beside the paper's; nothing after a dry run."""
    if not done.rows:
        return []
    lines = artist_groups_tables.describe(done.rows, is_demo=done.is_demo)
    return [*lines, *done.notes, str(done.folder / "agf.md")]


def describe_benchmark(done: Benchmarked) -> list[str]:
    """Write the networks, the best first, and what differs from another run; nothing after a dry run."""
    if not done.found:
        return []
    rows = sorted(done.found["networks"].values(), key=lambda row: -row["scores"]["roc_auc"])
    heads = f"{'ROC-AUC':>7} {'of 95 %':<14} {'PR-AUC':>7} {'P@10':>6} {'P@3':>6} {'numbers':>8} {'ms/s':>7}"
    lines = [f"{'network':<18} {heads}"]
    for row in rows:
        scores = row["scores"]
        limits = row["intervals"]["roc_auc"]
        interval = "" if limits is None else describe_interval(limits)
        size, speed = describe_number(row["parameters"]), row["costs"]["ms_per_s"]
        lines.append(
            f"{row['title']:<18} {scores['roc_auc']:>7.3f} {interval:<14} {scores['pr_auc']:>7.3f}"
            f" {scores['tracks_precision']:>6.3f} {scores['tags_precision']:>6.3f} {size:>8} {speed:>7.2f}"
        )
    if done.differences:
        lines.append("less the other run:")
        for name, row in done.differences["networks"].items():
            lines.append(f"{name:<18} {row['roc_auc']:>+7.3f} {row['pr_auc']:>+7.3f}  time x {row['ms_per_s']:.2f}")
        told = {"other settings": done.differences["settings"]}
        told |= {words: ", ".join(done.differences[key]) for key, words in ONLY.items()}
        lines += [f"{words}: {found}" for words, found in told.items() if found]
    return [*lines, str(done.folder / BENCHMARK), str(done.folder / BENCHMARK_PAGE)]


ONLY = {"only_ours": "only in this run", "only_theirs": "only in the other"}

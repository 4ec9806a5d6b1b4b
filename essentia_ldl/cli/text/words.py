"""What the terminal shows of a space of words and audio. In: its record; out: lines of text."""

from __future__ import annotations

from essentia_ldl.spaces.words import LearnedWords


def describe_words(done: LearnedWords) -> list[str]:
    """Say how well words find tracks and tracks find words, seen and unseen, and how the space is used."""
    told = done.measures
    lines = [f"{len(told['seen'])} words seen in training, {len(told['unseen'])} not: {', '.join(told['unseen'])}"]
    if done.without_vector:
        lines.append(f"without a vector, and left out: {', '.join(done.without_vector)}")
    lines.append("tracks: " + ", ".join(f"{count} {part}" for part, count in told["parts"].items()))
    lines.append(f"{'words':8}{'AUC':>7}{'mAP':>7}{'P@10':>7}{'chance':>8}  of tracks;{'mAP':>7}{'P@3':>7}  of words")
    for name, found in told["measures"].items():
        keys = ("auc", "tracks_map", "tracks_precision", "chance", "tags_map", "tags_precision")
        auc, area, precision, chance, words, best = (f"{found[key]:.3f}" if key in found else "–" for key in keys)
        lines.append(f"{name:8}{auc:>7}{area:>7}{precision:>7}{chance:>8}{'':12}{words:>7}{best:>7}")
    lines.append(f"model: {done.model}.pb, .json and .words.npz in graphs/")
    lines.append(f"run: {done.run}, measures in words.json")
    lines.append(f"use it: essentia-ldl index MUSIC -o lib.index --model {done.model}")
    return [*lines, "then: essentia-ldl search WORDS --index lib.index"]

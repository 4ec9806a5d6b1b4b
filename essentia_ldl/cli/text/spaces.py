"""What the terminal shows of embedding spaces. In: records; out: lines of text."""

from __future__ import annotations

from essentia_ldl.spaces.artists import Learned
from essentia_ldl.spaces.evaluate import MeasuredEmbeddings
from essentia_ldl.spaces.tables import list_cells, list_published, write_json, write_markdown, write_text


def describe_learned(done: Learned) -> list[str]:
    """Say what a space was learned from, and how it is used."""
    told = f"{done.n_tracks} tracks, {done.n_groups} values of {done.by}"
    told += f", {done.n_single} of them with one track" if done.n_single else ""
    told += f"; {done.n_unknown} tracks without one were left out" if done.n_unknown else ""
    use = f"essentia-ldl index MUSIC -o lib.index --model {done.model}"
    return [told, f"model: {done.model}.pb and .json in graphs/", f"run: {done.run}", f"use it: {use}"]


def describe_embeddings(done: MeasuredEmbeddings, form: str = "text", paper: bool = False) -> list[str]:
    """Write what was measured of embeddings as "text", "markdown" or "json"; with `paper` beside its tables."""
    if form == "json":
        return [write_json(done)]
    write = write_markdown if form == "markdown" else write_text
    artists = f" of {done.n_artists} artist{'' if done.n_artists == 1 else 's'}"
    artists = artists if done.n_artists else ", whose artists are not known: no artist filter"
    drawn = "artists" if done.n_artists else "tracks"
    lines = [f"{done.n_tracks} tracks{artists}; intervals of 95 % by resampling {drawn}", "", *write(list_cells(done))]
    if paper:
        title = "Park et al. (ISMIR 2018), networks trained on 90,000 songs; this collection, measured here"
        lines += ["", title, "", *write(list_published(done))]
    return [*lines, *([""] if done.pictures else []), *(f"picture: {path}" for path in done.pictures)]

"""What the terminal shows of embedding spaces. In: records; out: lines of text."""

from __future__ import annotations

from essentia_ldl.spaces.artists import Learned


def describe_learned(done: Learned) -> list[str]:
    """Say what a space was learned from, and how it is used."""
    told = f"{done.n_tracks} tracks, {done.n_groups} values of {done.by}"
    told += f", {done.n_single} of them with one track" if done.n_single else ""
    told += f"; {done.n_unknown} tracks without one were left out" if done.n_unknown else ""
    use = f"essentia-ldl index MUSIC -o lib.index --model {done.model}"
    return [told, f"model: {done.model}.pb and .json in graphs/", f"run: {done.run}", f"use it: {use}"]

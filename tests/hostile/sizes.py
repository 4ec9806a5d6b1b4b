"""How much one run of the hostile tests does, as the environment says."""

from __future__ import annotations

import os

SHARES = {
    "audio": 0.44,
    "indexes": 0.04,
    "cards": 0.12,
    "pictures": 0.02,
    "spaces": 0.02,
    "recipes": 0.11,
    "tables": 0.11,
    "runs": 0.06,
    "store": 0.04,
    "graphs": 0.04,
}
# Of all kills; the others hit graphs build.
KILLED = {
    **{"predict": 0.2, "index": 0.08, "report": 0.15, "train": 0.18, "crossval": 0.1},
    **{"space": 0.11, "covers": 0.09},
}


class Sizes:
    """How much one run does, as the environment says."""

    n_inputs = int(os.environ.get("HOSTILE_INPUTS") or 60)
    n_kills = int(os.environ.get("HOSTILE_KILLS") or 1)
    seed = int(os.environ.get("HOSTILE_SEED") or 0)

    @classmethod
    def inputs(cls, kind: str) -> int:
        """Return how many damaged files of a kind are tried."""
        return max(1, round(cls.n_inputs * SHARES[kind]))

    @classmethod
    def kills(cls) -> dict[str, int]:
        """Share the kills among the commands; a small run kills `predict` alone."""
        if not cls.is_full():
            return {"predict": cls.n_kills}
        found = {name: round(cls.n_kills * share) for name, share in KILLED.items()}
        return {**found, "graphs": max(0, cls.n_kills - sum(found.values()))}

    @classmethod
    def is_full(cls) -> bool:
        """Tell whether long ones are to be run as well."""
        return cls.n_inputs >= 500 or cls.n_kills >= 20

"""The patches that training reads of tracks: `python tests/make_grid.py STORE FRONT_END OUT CONTENT ...`.

In: a store that the sound zone has filled. Out: an .npz with the patches of the grid of each content, as float32.
"""

from __future__ import annotations

import sys
import types

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.nets.inputs.sources import BandSource


def main(arguments: list[str]) -> int:
    """Write the patches."""
    store, name, out, *contents = arguments
    tracks = [types.SimpleNamespace(content=content) for content in contents]
    source = BandSource(types.SimpleNamespace(front_end=frontends.get(name), store=store, tracks=tracks))
    assert source.n_patches.tolist() == [len(source.grid(row)) for row in range(len(contents))]
    np.savez(out, **{content: source.grid(row) for row, content in enumerate(contents)})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

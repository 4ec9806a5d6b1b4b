"""What is told of a network to code that must not import it. In: nothing; out: the row of `frontends.NETWORKS`."""

from __future__ import annotations

import dataclasses

from essentia_ldl.records import FrontEnd


@dataclasses.dataclass(frozen=True)
class KnownNetwork:
    """What is told of a network to code that must not import it.

    Parameters
    ----------
    front_end : FrontEnd
        What it reads.
    pretrained : tuple[str, ...]
        Data sets of the weights it can start from; the first is its own default.
    is_cut : bool
        Whether several targets can share its first layers and have layers of their own above.
    is_widened : bool
        Whether it can be made as large as several.
    is_narrowed : bool
        Whether it can be made with narrower layers.
    family : str
        File of nets/backbones that it is a variant of; empty where it has a file of its own name.
    depths : tuple[str, ...]
        Of a network with weights to start from, the layers that it can be frozen up to, from the bottom.
    """

    front_end: FrontEnd
    pretrained: tuple[str, ...] = ()
    is_cut: bool = False
    is_widened: bool = False
    is_narrowed: bool = False
    family: str = ""
    depths: tuple[str, ...] = ()

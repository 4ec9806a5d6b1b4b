"""The stages of a training: optimisers and learning rates one after the other, each for so many epochs.

In: texts of a recipe, such as "adam 1e-4 80". Out: `Stage` records. Where a stage begins, the best weights so far are
put back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from essentia_ldl.bounds import RATE, is_rate

OPTIMIZERS = ("adam", "sgd")
RULE = f"an optimiser (adam or sgd), a learning rate {RATE} and epochs, such as adam 1e-4 80"
# Won et al. (ICASSP 2020 and SMC 2020), in their code: 200 epochs
PUBLISHED = ("adam 1e-4 80", "sgd 1e-3 20", "sgd 1e-4 20", "sgd 1e-5 80")


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage: an optimiser's name, its learning rate, and epochs."""

    optimizer: str
    learning_rate: float
    epochs: int


def read_stage(text: str) -> Stage:
    """Read a stage.

    Raises
    ------
    ValueError
        When the text is none, see `RULE`.

    Examples
    --------
    >>> read_stage("sgd 1e-3 20")
    Stage(optimizer='sgd', learning_rate=0.001, epochs=20)
    """
    optimizer, rate, epochs = text.split()
    stage = Stage(optimizer, float(rate), int(epochs))
    if optimizer not in OPTIMIZERS or not is_rate(stage.learning_rate) or stage.epochs < 1:
        raise ValueError(text)
    return stage


def are_stages(texts: Sequence[str]) -> bool:
    """Tell whether all texts are stages.

    Examples
    --------
    >>> are_stages(["adam 1e-4 80"]), are_stages(["adam 80"])
    (True, False)
    """
    try:
        return all(read_stage(text) for text in texts)
    except (AttributeError, ValueError):
        return False


def count_epochs(texts: Sequence[str]) -> int:
    """Return the epochs of all stages.

    Examples
    --------
    >>> count_epochs(PUBLISHED)
    200
    """
    return sum(read_stage(text).epochs for text in texts)


def find_stage(texts: Sequence[str], epoch: int) -> tuple[Stage, bool]:
    """Find the stage of an epoch.

    Parameters
    ----------
    texts : sequence of str
        The stages, one at least.
    epoch : int
        From 0; past the last stage it is of that.

    Returns
    -------
    stage : Stage
        Which.
    begins : bool
        Whether it is the first epoch of a stage that is not the first.

    Examples
    --------
    >>> find_stage(PUBLISHED, 80)
    (Stage(optimizer='sgd', learning_rate=0.001, epochs=20), True)
    """
    stages, start = [read_stage(text) for text in texts], 0
    for stage in stages:
        if epoch < start + stage.epochs:
            return stage, 0 < epoch == start
        start += stage.epochs
    return stages[-1], False

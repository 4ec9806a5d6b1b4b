"""Groups of depth: how fast the layers of a network learn, the head at the full rate and what is below it slower.

In: a model and the names of the layers that end its groups, from the bottom (`DEPTHS` of a backbone). Out: the trained
variables of every group with the factor of its rate, the head first. Layers of one depth see gradients of one kind, and
the lower ones hold what holds for all music: they are to change least.

References
----------
J. Howard and S. Ruder, "Universal language model fine-tuning for text classification" (ACL 2018), section 3.2: a layer
learns at the rate of the one above it divided by 2.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from essentia_ldl.nets.runtime import keras


class Group(NamedTuple):
    """Variables that learn at one rate: the factor of the head's rate, and the variables."""

    factor: float
    variables: list[keras.Variable]


def group_variables(model: keras.Model, ends: Sequence[str], factor: float) -> list[Group]:
    """Group the trained variables of a model by depth.

    Parameters
    ----------
    model : keras.Model
        Functional.
    ends : sequence of str
        Names of layers that all layers not before them come after; those that the model lacks are left out.
    factor : float
        From the rate of a group to that of the one below it.

    Returns
    -------
    list[Group]
        From the head down; groups without trained variables are left out, and count.
    """
    groups: list[list[keras.Variable]] = [[]]
    for layer in model.layers:  # inputs first, so that all that a group's last layer stands on is before it
        groups[-1] += layer.trainable_variables
        if layer.name in ends:
            groups.append([])
    found = [Group(factor**depth, variables) for depth, variables in enumerate(reversed(groups))]
    return [group for group in found if group.variables]

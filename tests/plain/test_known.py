"""The row of a network: what it says of one that tells nothing but its front-end."""

from __future__ import annotations

import dataclasses

import pytest

from essentia_ldl.frontends import CQT, NETWORKS
from essentia_ldl.known import KnownNetwork


def test_a_row_promises_nothing_that_it_is_not_told():
    row = KnownNetwork(CQT)
    assert dataclasses.astuple(row)[1:] == ((), False, False, False, "", ())
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.family = "cqtcnn"


def test_networks_are_rows():
    assert all(isinstance(row, KnownNetwork) for row in NETWORKS.values())

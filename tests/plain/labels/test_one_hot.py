"""One-hot labels: rows by hand, and the columns of labels."""

from __future__ import annotations

import numpy as np

from essentia_ldl import labels
from essentia_ldl.records import Track

CLASSES = ("a", "b")


def make_tracks(targets, classes=CLASSES):
    return [Track(f"t{i:03d}", f"/t{i:03d}", classes[target]) for i, target in enumerate(targets)]


def build_source(name, frames, classes=CLASSES, **settings):
    def read(track, front_end_name):
        if front_end_name == "mfcc":
            return frames[track.id]
        # An embedding with the numbers of MFCC-P, in two patches.
        assert front_end_name == labels.EMBEDDING
        return frames[track.id][:1290].reshape(15, 43, 2, 13).mean(axis=1).transpose(1, 0, 2).reshape(2, 195)

    return labels.build(name, classes, read, settings)


def test_one_hot_rows():
    table = build_source("none", {}, ("a", "b", "c"))(make_tracks([2, 0, 1, 2], ("a", "b", "c")))
    np.testing.assert_array_equal(table.distributions, np.eye(3)[[2, 0, 1, 2]])

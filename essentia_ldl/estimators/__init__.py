"""Smoothing, calibration and artist groups on plain arrays, by scikit-learn's contract for estimators.

Their classes are made of scikit-learn's own, so that pipelines, `clone` and `set_output` know them; that is why this
room, and no other, loads scikit-learn when it is imported. Nothing else of the package imports it.
"""

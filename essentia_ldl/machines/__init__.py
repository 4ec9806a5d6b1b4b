"""Support vector machines on features of tracks: one per class, tag or dimension, fitted by scikit-learn.

In: features of tracks as arrays, as `linear` has them, and settings. Out: machines as numbers, and what every setting
of a grid says of tracks that its fit has not seen. Three modules: `radial` is a machine with a radial kernel as numbers
(a linear one is a `linear.solution.Solution`), `fit` fits one of either kind, `explore` tries a grid on folds;
`linear.choose` picks among what was tried.
"""

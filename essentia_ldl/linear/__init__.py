"""A linear classifier on frozen features, solved and not descended.

In: features of tracks as arrays, class indices, parts for folds. Out: weights, and what was chosen by cross-validation
inside the training tracks. Three steps, one module each: `span` turns features into inner products of tracks, which is
all that a linear classifier with an L2 penalty needs; `solve` finds its weights among the combinations of the training
tracks; `choose` tries settings on folds. Rows are tracks everywhere; blocks are the features of one backbone.
"""

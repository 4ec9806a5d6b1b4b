"""Music is labelled by people on a local page, and a model that learns from their answers chooses what to ask next.

In: unit vectors of tracks, answers of people. Out: which tracks to ask next, and how good a model of the answers is.
`learn` fits the model, `judge` scores it on artists that it has not heard, `choose` asks.
"""

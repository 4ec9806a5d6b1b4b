"""Embedding spaces: learned from artists, exported as extractors, and measured.

In: a collection with artists, or with labels; models with embeddings. Out: runs whose graphs go to graphs/, and
measures of what is near in an embedding. A run is read and written by `runs.space`, and trained by `nets.metric`.
"""

"""Metric learning: embeddings in which near means alike, on frozen networks or from scratch."""

"""Tracks with checked labels, their splits, and what a person corrected."""

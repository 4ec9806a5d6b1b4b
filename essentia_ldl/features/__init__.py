"""What is computed of tracks before any training, and where it is kept."""

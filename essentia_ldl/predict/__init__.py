"""The predict command: models on files."""

"""The run folder, sole owner of its files."""

"""The report command: a finished run as a page."""

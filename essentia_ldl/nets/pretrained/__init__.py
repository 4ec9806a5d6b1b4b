"""Networks that somebody else trained."""

"""The train command: from a recipe and a collection to a verified model."""

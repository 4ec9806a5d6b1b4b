"""A TOML file becomes a checked Recipe, and a Recipe becomes TOML."""

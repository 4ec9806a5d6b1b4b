"""Cross-validation, and an exported model on another collection."""

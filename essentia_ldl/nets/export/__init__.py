"""From a trained network to a frozen graph with its card."""

"""The folder graphs/, and the card and the golden answers beside each graph."""

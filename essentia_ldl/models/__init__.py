"""The folder graphs/ and the card beside each graph."""

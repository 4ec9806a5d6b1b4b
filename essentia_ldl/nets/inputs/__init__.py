"""What networks read, batch by batch."""

"""Every line that the terminal shows of what a command leaves: one module per command. In: records; out: lines."""

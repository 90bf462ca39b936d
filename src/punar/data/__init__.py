"""Arrays in memory become rows, batches and windows: scaled, split, in order of time."""

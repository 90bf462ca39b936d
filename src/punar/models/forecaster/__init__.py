"""What follows in a series."""

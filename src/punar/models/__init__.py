"""What is fitted and stored: one folder per kind of model."""

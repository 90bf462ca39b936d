"""What a model must beat, each written once."""

"""A backbone with a head."""

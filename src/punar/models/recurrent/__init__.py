"""A recurrent network with a head."""

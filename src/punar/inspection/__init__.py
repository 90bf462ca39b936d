"""Looking inside: which parts of a network are trained, and what is known about pretrained ones."""

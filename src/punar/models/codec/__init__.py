"""An encoder and a decoder: what autoencoders fit."""

"""Frozen forward passes: run as fast as the machine allows, and remember the result."""

"""Recurrent cells: one file per cell. The contract is in ``_cell.py``."""

"""Where pretrained networks come from: one file per source. The contract is in ``_backbone.py``."""

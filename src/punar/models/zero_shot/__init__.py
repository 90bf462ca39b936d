"""Names of labels, and no examples: what a pretrained network makes of a text or a picture beside what it makes of
the names. Nothing is trained.
"""

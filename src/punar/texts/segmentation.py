"""What is said of pictures and masks."""

SHRUNK = (
    "{where}: the pictures have about {height} x {width} pixels (height x width) and are shrunk to {size}, so that "
    "training takes minutes. Set size=(height, width) for more, or tiles=True to read them at their own scale."
)
NO_CLASS_WEIGHT = (
    "class_weight is for task='classification'. Masks need none: the loss has a Dice term, in which every class of a "
    "batch counts alike. Pictures that matter more are named with sample_weight."
)

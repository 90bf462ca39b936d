"""What is said of networks that need much memory."""

TOO_MANY = (
    "a network of these sizes has {weights:,} weights or more, and training takes {need:,.1f} GB for these alone "
    "(weights, gradients and the optimizer's two averages, 16 bytes each); {free:,.1f} GB of memory are free."
)
NO_SUCH_SIZE = "a network of these sizes is larger than the memory of this machine."
SMALLER = "Choose smaller sizes: {settings}."
MUCH = (
    "{where}: this network has {weights:,} weights; training it takes {need:,.1f} GB of memory for these alone "
    "(weights, gradients and the optimizer's two averages, 16 bytes each). What is kept beside, the best "
    "weights and repeated fits, comes on top."
)

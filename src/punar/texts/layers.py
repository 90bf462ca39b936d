"""What ``punar layers`` says."""

from __future__ import annotations

LAYERS_HELP = """Show a network's blocks and what of them is trained.

NAME is a pretrained network (see: punar models), a timm network as timm:NAME, or the folder of a saved model, which is
shown as it was trained. A network is built with random weights: nothing is fetched. Without --unfreeze nothing of it is
frozen; with it the table is what fine-tuning would train.
"""
LAYERS_EXAMPLES = """\b
Examples:
  punar layers resnet18
  punar layers resnet18 --unfreeze layer4
  punar layers resnet18 --unfreeze layer3 --unfreeze layer4 --depth 2
  punar layers bert-base-uncased --unfreeze 2
  punar layers photos-model
"""
LAYERS_NAME = "A pretrained network, or a folder."
LAYERS_DEPTH = "1 shows blocks, 2 what they consist of, and so on."
LAYERS_UNFREEZE = (
    "What to train: all, last, a number of last blocks (0: the head alone), or the name of a block. May be given "
    "several times for several blocks."
)
LAYERS_JSON = "Print JSON instead of a table."
